import { request } from 'node:http';
import { connect } from 'node:net';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test/support/database.ts';
import { createLedger, type Ledger, planEverybody } from '../../../test/support/ledger.ts';
import { type App, startApp } from '../app.ts';
import { createConfig } from '../config/index.ts';
import { silentLogger } from '../platform/logger.ts';

let database: TestDatabase;
let app: App;
let other: Ledger;

// Nothing listens on port 9: a device that is asked to link gets no code, and nothing leaves the machine.
const network = { WHATSAPP_SERVER_URL: 'ws://127.0.0.1:9', WHATSAPP_SERVER_ROOT_KEY: '11'.repeat(32) };

beforeAll(async () => {
  database = await createTestDatabase();
  const uri = database.uri;
  // The program takes the database for itself.
  await database.stop();
  app = await startApp(
    createConfig({ APP_PORT: '0', DB_URI: uri, SAMBAD_SECRET_KEY: '5a'.repeat(32), ...network }),
    { logger: silentLogger },
  );
  other = await createLedger(app.database.db, { devices: 1, leads: 2 });
});
afterAll(async () => {
  await app.stop();
  await database.remove();
});

interface Answer {
  status: number;
  type: string;
  text: string;
}

/** Asks exactly what is written: a path is not tidied up as fetch would. */
function ask(
  method: string,
  path: string,
  options: { headers?: Record<string, string>; body?: string | Buffer } = {},
): Promise<Answer> {
  const { hostname, port } = new URL(app.url);
  return new Promise((resolve, reject) => {
    const asking = request({ hostname, port, method, path, headers: options.headers ?? {} }, (answer) => {
      const pieces: Buffer[] = [];
      answer.on('data', (piece: Buffer) => pieces.push(piece));
      answer.on('end', () =>
        resolve({
          status: answer.statusCode ?? 0,
          type: answer.headers['content-type'] ?? '',
          text: Buffer.concat(pieces).toString(),
        }),
      );
    });
    asking.on('error', reject);
    asking.end(options.body);
  });
}

const json = (body: unknown): { headers: Record<string, string>; body: string } => ({
  headers: { 'content-type': 'application/json' },
  body: typeof body === 'string' ? body : JSON.stringify(body),
});

/** The one shape of an error, and nothing besides: no stack, no statement, no path of a file. */
function expectError(answer: Answer, status: number, code: string, says: string): void {
  expect(answer.type).toMatch(/^application\/json/);
  const body = JSON.parse(answer.text);
  expect(body).toEqual({
    error: {
      code,
      message: expect.stringContaining(says),
      details: expect.any(Object),
      requestId: expect.any(String),
    },
  });
  expect({ status: answer.status, code: body.error.code }).toEqual({ status, code });
  expect(answer.text).not.toMatch(/node_modules|\.ts:|select |insert /);
}

async function countDevices(): Promise<number> {
  return JSON.parse((await ask('GET', '/api/devices')).text).devices.length;
}

const nobody = '01900000-0000-7000-8000-000000000000';

test.each([
  ['GET', '/api/campaigns?limit=0', 'limit'],
  ['GET', '/api/campaigns?limit=101', 'limit'],
  ['GET', '/api/campaigns?limit=-1', 'limit'],
  ['GET', '/api/campaigns?limit=1.5', 'limit'],
  ['GET', '/api/campaigns?limit=many', 'limit'],
  ['GET', '/api/campaigns?limit=', 'limit'],
  ['GET', '/api/campaigns?limit=1&limit=2', 'limit'],
  ['GET', '/api/campaigns?limit=%00', 'limit'],
  ['GET', '/api/campaigns?limit=1e400', 'limit'],
  ['GET', '/api/campaigns?page=2', 'page'],
  ['GET', '/api/campaigns?__proto__=1', '__proto__'],
  ['GET', '/api/campaigns/1/device-report', 'id'],
  ['GET', "/api/campaigns/'%20or%201=1--/device-report", 'id'],
  ['GET', '/api/devices/', 'id'],
  ['GET', '/api/devices/not-a-uuid', 'id'],
  ['GET', `/api/devices/${nobody}0`, 'id'],
  ['GET', '/api/devices/%00', 'id'],
  ['GET', '/api/devices/%F0%9F%98%80', 'id'],
  ['GET', '/api/devices/..%2f..%2fetc%2fpasswd', 'id'],
  ['GET', '/app/qr', 'deviceId'],
  ['GET', '/app/qr?deviceId=', 'deviceId'],
  ['GET', '/app/qr?deviceId=1', 'deviceId'],
  ['GET', `/app/qr?deviceId=${nobody}&format=png`, 'format'],
  ['GET', `/app/qr?deviceId=${nobody}&size=9`, 'size'],
  ['GET', '/app/reconnect', 'deviceId'],
  ['GET', '/app/reconnect?deviceId=1', 'deviceId'],
])('%s %s is refused and names %s', async (method, path, field) => {
  const answer = await ask(method, path);
  expectError(answer, 400, 'bad_input', field);
  expect(JSON.parse(answer.text).error.details).toEqual({ field });
});

test.each<[string, unknown, string]>([
  ['a number as name', { name: 5 }, 'name'],
  ['an empty name', { name: '' }, 'name'],
  ['a name of spaces', { name: ' \t\u00a0' }, 'name'],
  ['a name that is too long', { name: 'x'.repeat(81) }, 'name'],
  ['null as name', { name: null }, 'name'],
  ['a NUL in the name', { name: 'a\u0000b' }, 'name'],
  ['control characters in the name', { name: 'a\u001b[2Jb' }, 'name'],
  ['half a character in the name', '{"name":"a\\ud800"}', 'name'],
  ['an unknown field', { name: 'Ali', phone: '60123456789' }, 'phone'],
  ['a workspace of somebody else', { workspaceId: nobody }, 'workspaceId'],
])('POST /api/devices with %s is refused, names it, and adds nothing', async (_name, body, field) => {
  const before = await countDevices();
  const answer = await ask('POST', '/api/devices', json(body));
  expectError(answer, 400, 'bad_input', field);
  expect(JSON.parse(answer.text).error.details).toEqual({ field });
  expect(await countDevices()).toBe(before);
});

test.each<[string, { headers?: Record<string, string>; body?: string }, number, string]>([
  ['broken JSON', json('{"name":'), 400, 'bad_input'],
  ['an empty JSON body', json(''), 400, 'bad_input'],
  ['a list', json([1]), 400, 'bad_input'],
  ['a text', json('"name"'), 400, 'bad_input'],
  ['a poisoned prototype', json('{"__proto__":{"name":"x"}}'), 400, 'bad_input'],
  [
    'a form',
    { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'name=x' },
    400,
    'bad_input',
  ],
  ['an unknown kind of body', { headers: { 'content-type': 'nonsense' }, body: 'x' }, 400, 'bad_input'],
  ['a body of 2 MB', json(JSON.stringify({ name: 'x'.repeat(2 * 1024 * 1024) })), 413, 'too_large'],
])('POST /api/devices with %s is refused and adds nothing', async (_name, options, status, code) => {
  const before = await countDevices();
  expectError(await ask('POST', '/api/devices', options), status, code, '');
  expect(await countDevices()).toBe(before);
});

test.each([
  ['GET', '/nothing'],
  ['GET', '/api'],
  ['GET', '//api/devices'],
  ['GET', '/../api/devices'],
  ['GET', '/api/%2e%2e/api/devices'],
  ['GET', '/API/devices'],
  ['DELETE', '/api/devices'],
  ['PUT', `/api/devices/${nobody}`],
  ['POST', '/api/campaigns'],
  ['POST', '/metrics'],
])('%s %s is not there', async (method, path) => {
  expectError(await ask(method, path), 404, 'not_found', `There is nothing at ${method} ${path}.`);
});

test.each(['/%zz', '/api/devices/%', '/%ff', `/api/devices/${'x'.repeat(5_000)}`])(
  'the path %s is refused in the same shape',
  async (path) => {
    const answer = await ask('GET', path);
    expect([400, 404]).toContain(answer.status);
    expectError(answer, answer.status, answer.status === 400 ? 'bad_input' : 'not_found', '');
  },
);

test.each([
  ['no HTTP at all', 'HELLO\r\n\r\n', 400],
  ['a header without a name', 'GET / HTTP/1.1\r\nHost: localhost\r\n: x\r\n\r\n', 400],
  ['headers without end', `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(70_000)}\r\n\r\n`, 431],
])('%s is refused in the same shape', async (_name, bytes, status) => {
  const { hostname, port } = new URL(app.url);
  const text = await new Promise<string>((resolve, reject) => {
    const pieces: Buffer[] = [];
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    socket.on('data', (piece) => pieces.push(piece));
    socket.on('close', () => resolve(Buffer.concat(pieces).toString()));
    socket.on('error', reject);
  });
  const [head = '', body = ''] = text.split('\r\n\r\n');
  expect(head).toContain(`HTTP/1.1 ${status}`);
  expectError({ status, type: 'application/json', text: body }, status, 'bad_input', '');
});

test('what belongs to another workspace is not there', async () => {
  const jobId = await planEverybody(app.database.db, other);
  const { rows } = await sql<{ campaign_id: string }>`
    select campaign_id from broadcast_jobs where id = ${jobId}`.execute(app.database.db);
  const campaign = `/api/campaigns/${rows[0]?.campaign_id}/device-report`;
  expectError(await ask('GET', campaign), 404, 'not_found', 'no campaign');
  for (const path of ['/api/devices/', '/app/qr?deviceId=', '/app/reconnect?deviceId='])
    expectError(await ask('GET', `${path}${other.deviceIds[0]}`), 404, 'not_found', 'no device');
  expect(JSON.parse((await ask('GET', '/api/campaigns')).text)).toEqual({ campaigns: [] });
  expect((await ask('GET', '/api/devices')).text).not.toContain(other.deviceIds[0]);
});

test.each<[string, Record<string, string>]>([
  ['a foreign name', { host: 'evil.example' }],
  ['a name that begins like ours', { host: 'localhost.evil.example:3000' }],
  ['another address of this machine', { host: '192.168.1.5:3000' }],
  ['a form on another site', { origin: 'https://evil.example' }],
  ['a site whose name begins like ours', { origin: 'http://localhost.evil.example' }],
  ['a page in a sandbox', { origin: 'null' }],
  ['a picture on another site', { 'sec-fetch-site': 'cross-site' }],
])('%s is refused everywhere, and changes nothing', async (_name, headers) => {
  const before = await countDevices();
  for (const [method, path] of [
    ['POST', '/api/devices'],
    ['GET', '/metrics'],
    ['GET', '/nothing'],
  ] as const)
    expectError(await ask(method, path, { headers }), 403, 'forbidden', '');
  expect(await countDevices()).toBe(before);
});

test.each(['localhost', 'LOCALHOST:80', '127.0.0.1', '[::1]:3000'])('%s is this machine', async (host) => {
  expect((await ask('GET', '/healthz', { headers: { host, origin: `http://${host}` } })).status).toBe(200);
});

test('devices get names of their own and an order, also when many are added at once', async () => {
  const bodies = [json({ name: ' Kedai 👩‍👧 ' }), json({}), {}, json('null')];
  for (const body of bodies) expect((await ask('POST', '/api/devices', body)).status).toBe(201);
  const answers = await Promise.all(Array.from({ length: 12 }, () => ask('POST', '/api/devices')));
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201));
  const { devices } = JSON.parse((await ask('GET', '/api/devices')).text);
  expect(devices.map((device: { rotationOrder: number }) => device.rotationOrder)).toEqual(
    devices.map((_: unknown, place: number) => place + 1),
  );
  expect(devices[0]).toMatchObject({ name: 'Kedai 👩‍👧', state: 'unpaired', sending: null });
  expect(devices[1].name).toBe('Server 2');
  expectError(await ask('GET', `/app/reconnect?deviceId=${devices[0].id}`), 409, 'conflict', 'not linked');
});

test('the metrics tell whether the books balance, and how many devices are in which state', async () => {
  const { status, type, text } = await ask('GET', '/metrics');
  expect(status).toBe(200);
  expect(type).toContain('text/plain');
  expect(text).toMatch(/^sambad_ledger_imbalances 0$/m);
  expect(text).toMatch(/^sambad_devices\{state="connected"\} 1$/m);
  expect(text).toMatch(/^sambad_live_messages\{status="queued"\} 2$/m);
});

test('it is well, and ready', async () => {
  expect(await ask('GET', '/healthz')).toMatchObject({ status: 200, text: '{"status":"ok"}' });
  expect(await ask('GET', '/readyz')).toMatchObject({ status: 200, text: '{"status":"ready"}' });
});
