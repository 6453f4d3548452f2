import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '../src/index.ts';
import { jidOf, pair, seen } from './client.ts';

const AISHA = '60111222333';

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator({ behaviour: { receiptDelayMs: [0, 0] } });
});
afterAll(() => simulator.stop());

async function call(
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; json: unknown }> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(`${simulator.controlUrl}${path}`, {
    method,
    ...(body !== undefined && { body: text }),
  });
  return { status: response.status, json: await response.json() };
}

test('a program can do over HTTP what a test can do in process', async () => {
  const { socket, phone } = await pair(simulator);
  expect((await call('GET', '/admin/sockets')).json).toMatchObject({ sockets: [{ phone }] });
  expect((await call('POST', '/admin/drop-acks', { count: 1, phone })).json).toEqual({ ok: true });
  await socket.sendMessage(jidOf(AISHA), { text: 'Hello' }, { messageId: 'ID1' });
  await simulator.waitFor(({ shown }) => shown === 1);
  expect((await call('GET', '/admin/report')).json).toMatchObject({ shown: 1, acksDropped: 1 });
  const recipients = (await call('GET', `/admin/recipients?phone=${AISHA}`)).json;
  expect(recipients).toMatchObject({
    recipients: [{ phone: AISHA, shown: [{ text: 'Hello', from: phone }] }],
  });
  const reply = { fromPhone: AISHA, toPhone: phone, text: 'Hi' };
  expect((await call('POST', '/admin/incoming-text', reply)).json).toMatchObject({ delivered: true });
  const closed = seen(socket, 'connection.update', ({ connection }) => connection === 'close');
  expect((await call('POST', '/admin/cut', { phone, refuseForMs: 10 })).status).toBe(200);
  await closed;
  for (const [path, body] of [
    ['/admin/late-acks', { count: 1, delayMs: 10 }],
    ['/admin/lose-messages', { count: 2 }],
    ['/admin/ack-errors', { code: 463, count: 1 }],
    ['/admin/clear-faults', undefined],
    ['/admin/stream-error', { phone, reason: 503 }],
  ] as const) {
    expect(await call('POST', path, body)).toEqual({ status: 200, json: { ok: true } });
  }
});

test('the index lists every route', async () => {
  const { json } = await call('GET', '/admin');
  expect(JSON.stringify(json)).toContain('POST /admin/mock-phone/scan-qr');
});

test.each([
  ['/admin/mock-phone/scan-qr', '', 400, /the body is empty/],
  ['/admin/mock-phone/scan-qr', 'not a code', 400, /not the text of a WhatsApp QR code/],
  ['/admin/cut', '{', 400, /the body is not JSON/],
  ['/admin/cut', '[]', 400, /must be a JSON object/],
  ['/admin/cut', {}, 400, /phone is missing/],
  ['/admin/cut', { phone: 60123 }, 400, /phone must be a phone number as a text of digits only/],
  [
    '/admin/cut',
    { phone: '60123456789', refuse: 1 },
    400,
    /refuse is not a field here: known are phone, refuseForMs/,
  ],
  ['/admin/cut', { phone: '60123456789' }, 400, /60123456789 has no linked device/],
  ['/admin/drop-acks', { count: 0 }, 400, /count must be a whole number of at least 1/],
  ['/admin/drop-acks', { count: 1, withReceipts: 'yes' }, 400, /withReceipts must be true or false/],
  ['/admin/ack-errors', { count: 1 }, 400, /code must be a whole number/],
  ['/admin/late-acks', { count: 1 }, 400, /delayMs must be a whole number/],
  ['/admin/stream-error', { phone: '60123456789', reason: 'rain' }, 400, /reason must be a code/],
  ['/admin/incoming-text', { fromPhone: '60123456789', toPhone: '60123456780' }, 400, /text must be a text/],
  ['/admin/cut', 'x'.repeat(70_000), 413, /larger than 65536 bytes/],
  ['/admin/nothing', {}, 404, /there is no POST \/admin\/nothing/],
])('POST %s with %j answers %i', async (path, body, status, message) => {
  const answer = await call('POST', path, body);
  expect(answer.status).toBe(status);
  expect((answer.json as { error: string }).error).toMatch(message);
});

test('a page that is not a number is refused', async () => {
  const { status, json } = await call('GET', '/admin/recipients?offset=x');
  expect(status).toBe(400);
  expect(json).toEqual({ error: 'offset must be a whole number that is not negative' });
});
