import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '../src/index.ts';
import { ClientMemory, closed, connect, opened, pair, seen } from './client.ts';

const RESTART_REQUIRED = 515;
const NOT_LINKED = 401;

let simulator: Simulator;
beforeEach(async () => {
  simulator = await startSimulator({ seed: 'pairing' });
});
afterEach(() => simulator.stop());

async function showQr(memory: ClientMemory) {
  const socket = connect(simulator, memory);
  const ended = closed(socket);
  const qr = await seen(socket, 'connection.update', (update) => update.qr);
  return { socket, qr, ended };
}

test('a scanned client restarts, logs in under its number and gets its history at once', async () => {
  const memory = new ClientMemory();
  const { qr, ended } = await showQr(memory);
  const paired = await simulator.scanQr(qr, { phone: '60123456789' });
  expect(paired).toMatchObject({ phone: '60123456789', deviceId: 1, jid: '60123456789:1@s.whatsapp.net' });
  expect(await ended).toBe(RESTART_REQUIRED);
  const socket = connect(simulator, memory);
  const history = seen(socket, 'messaging-history.set', (set) => set);
  await opened(socket);
  expect((await history).messages).toEqual([]);
  expect(memory.creds.me).toMatchObject({ id: paired.jid, lid: paired.lid });
  expect(simulator.sockets()).toMatchObject([{ phone: '60123456789', deviceId: 1, jid: paired.jid }]);
  expect(simulator.report().unknownQueries).toEqual({});
});

test('the same QR can be scanned over HTTP, and the seed chooses a number when none is given', async () => {
  const memory = new ClientMemory();
  const { qr, ended } = await showQr(memory);
  const response = await fetch(`${simulator.controlUrl}/admin/mock-phone/scan-qr`, {
    method: 'POST',
    body: qr,
  });
  expect(response.status).toBe(200);
  const paired = (await response.json()) as { phone: string; jid: string };
  expect(paired.phone).toMatch(/^6011\d{8}$/);
  expect(await ended).toBe(RESTART_REQUIRED);
  await opened(connect(simulator, memory));
  expect(memory.creds.me?.id).toBe(paired.jid);
});

test('a code that is unknown, used or gone is refused with a sentence', async () => {
  await expect(simulator.scanQr('hello')).rejects.toThrow(/not the text of a WhatsApp QR code/);
  await expect(simulator.scanQr('2@abc,a,b,c')).rejects.toThrow(/unknown or has expired/);
  const { socket, qr, ended } = await showQr(new ClientMemory());
  await expect(simulator.scanQr(qr, { phone: '60123450000' })).rejects.toThrow(
    /60123450000 is not on WhatsApp/,
  );
  await socket.end(undefined);
  await ended;
  await expect(simulator.scanQr(qr)).rejects.toThrow(/unknown or has expired/);
});

test('a linked client logs in again with what it remembers', async () => {
  const { memory, socket, phone } = await pair(simulator);
  const left = once(simulator.events, 'disconnected');
  await socket.end(undefined);
  await left;
  expect(simulator.sockets()).toEqual([]);
  await opened(connect(simulator, memory));
  expect(simulator.sockets()).toMatchObject([{ phone, deviceId: 1 }]);
  expect(simulator.report()).toMatchObject({ pairings: 1, logins: 2 });
});

test('a client with another Noise key is told that it is not linked', async () => {
  const { memory, socket } = await pair(simulator);
  await socket.end(undefined);
  const stranger = new ClientMemory();
  stranger.creds = { ...memory.creds, noiseKey: stranger.creds.noiseKey };
  expect(await closed(connect(simulator, stranger))).toBe(NOT_LINKED);
  expect(simulator.report().loginsRefused).toBe(1);
});

test('a device that its phone removed, or that logged out, is not linked any more', async () => {
  for (const unlink of ['device_removed', 'logout'] as const) {
    const { memory, socket, phone } = await pair(simulator);
    const ended = closed(socket);
    if (unlink === 'logout') await socket.logout();
    else simulator.streamError(phone, unlink);
    expect(await ended).toBe(NOT_LINKED);
    expect(await closed(connect(simulator, memory))).toBe(NOT_LINKED);
  }
});

test('two clients are linked at once, to numbers of their own', async () => {
  const [one, two] = await Promise.all([pair(simulator), pair(simulator)]);
  expect(one.phone).not.toBe(two.phone);
  expect(
    simulator
      .sockets()
      .map(({ phone }) => phone)
      .sort(),
  ).toEqual([one.phone, two.phone].sort());
});

test('the root key and the numbers follow from the seed', async () => {
  const again = await startSimulator({ seed: 'pairing' });
  const other = await startSimulator({ seed: 'another' });
  expect(again.rootPublicKey).toBe(simulator.rootPublicKey);
  expect(other.rootPublicKey).not.toBe(simulator.rootPublicKey);
  expect((await pair(again)).phone).toBe((await pair(simulator)).phone);
  await Promise.all([again.stop(), other.stop()]);
});
