import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '../../../../simulator/src/index.ts';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import { DeviceOnNetwork, newPhone, startAdapter } from '../../../../test/support/device-on-network.ts';
import type { Service } from '../../platform/lifecycle.ts';
import type { WhatsApp } from '../client.ts';

let database: TestDatabase;
let simulator: Simulator;
let whatsapp: WhatsApp & Service;
let device: DeviceOnNetwork;

beforeAll(async () => {
  database = await createTestDatabase();
  simulator = await startSimulator({ seed: 'connection', behaviour: { receiptDelayMs: [0, 0] } });
  whatsapp = await startAdapter(database.db, simulator);
});
beforeEach(async () => {
  device = await DeviceOnNetwork.create(database.db);
});
afterEach(() => simulator.clearFaults());
afterAll(async () => {
  await whatsapp.stop();
  await simulator.stop();
  await database.remove();
});

test('a device is paired by QR, restarts and opens', async () => {
  const phone = newPhone();
  expect(await whatsapp.isPaired(device)).toBe(false);
  const pairing = await device.connect(whatsapp);
  const qr = await pairing.seen('qr');
  expect(qr.expiresInMs).toBe(60_000);
  await simulator.scanQr(qr.code, { phone });
  const closed = await pairing.seen('closed');
  expect(closed).toEqual({ kind: 'closed', reason: 'restart_required', code: 515 });
  expect(pairing.events.map((event) => event.kind)).toEqual(['qr', 'paired', 'closed']);
  expect((await pairing.seen('paired')).account).toMatchObject({ phone });
  expect(await whatsapp.isPaired(device)).toBe(true);

  const observed = await device.open(whatsapp);
  const { account } = await observed.seen('open');
  expect(account.phone).toBe(phone);
  expect(account.jid).toMatch(new RegExp(`^${phone}:\\d+@s\\.whatsapp\\.net$`));
  expect(account.lid).toMatch(/@lid$/);
  await observed.connection.close();
  expect(observed.events.at(-1)).toEqual({ kind: 'closed', reason: 'requested', code: undefined });
});

test('a cut socket ends the connection once, and a send after it was not written', async () => {
  const phone = newPhone();
  const observed = await device.pair(whatsapp, simulator, phone);
  simulator.cut(phone);
  const closed = await observed.seen('closed');
  expect(closed.reason).toBe('connection_lost');
  const result = await observed.connection.send({
    waMessageId: '3EB0CUT',
    jid: '60190000001@s.whatsapp.net',
    content: { kind: 'text', text: 'too late' },
  });
  expect(result).toEqual({ kind: 'not_written', reason: 'offline' });
  await expect(observed.connection.checkNumbers(['60190000001'])).rejects.toMatchObject({
    code: 'device_offline',
  });
  await observed.connection.close();
  expect(observed.count('closed')).toBe(1);
  expect(observed.events.at(-1)?.kind).toBe('closed');
});

test.each([
  { end: 'replaced', reason: 'replaced', code: 440 },
  { end: 'device_removed', reason: 'logged_out', code: 401 },
  { end: 503, reason: 'connection_lost', code: 503 },
  { end: 515, reason: 'restart_required', code: 515 },
] as const)('a stream that ends with $end closes as $reason', async ({ end, reason, code }) => {
  const phone = newPhone();
  const observed = await device.pair(whatsapp, simulator, phone);
  simulator.streamError(phone, end);
  expect(await observed.seen('closed')).toEqual({ kind: 'closed', reason, code });
});

test('a server that cannot be reached closes the connection as lost', async () => {
  const nowhere = await startAdapter(database.db, {
    url: 'ws://127.0.0.1:1/ws/chat',
    rootPublicKey: simulator.rootPublicKey,
  });
  const observed = await device.connect(nowhere);
  expect((await observed.seen('closed')).reason).toBe('connection_lost');
  await observed.connection.close();
  expect(observed.events).toHaveLength(1);
  await nowhere.stop();
});

test('an address that is no websocket closes the connection as lost', async () => {
  const nonsense = await startAdapter(database.db, {
    url: 'not an address',
    rootPublicKey: simulator.rootPublicKey,
  });
  const observed = await device.connect(nonsense);
  expect(observed.events).toEqual([]);
  expect((await observed.seen('closed')).reason).toBe('connection_lost');
  await nonsense.stop();
});

test('closing while the socket is still opening ends it as requested, once', async () => {
  const observed = await device.connect(whatsapp);
  await Promise.all([observed.connection.close(), observed.connection.close()]);
  expect(observed.events).toEqual([{ kind: 'closed', reason: 'requested', code: undefined }]);
});

test('without leave to write no socket is opened', async () => {
  device.mayWrite = false;
  const observed = await device.connect(whatsapp);
  expect(await observed.seen('closed')).toMatchObject({ reason: 'connection_lost' });
  expect(observed.events).toHaveLength(1);
});

test('logging out unlinks the device and ends the connection as requested', async () => {
  const phone = newPhone();
  const observed = await device.pair(whatsapp, simulator, phone);
  await observed.connection.logout();
  expect(observed.events.at(-1)).toEqual({ kind: 'closed', reason: 'requested', code: undefined });
  await expect(observed.connection.logout()).rejects.toMatchObject({ code: 'device_offline' });
});

test('a forgotten device must be paired again', async () => {
  const phone = newPhone();
  const observed = await device.pair(whatsapp, simulator, phone);
  await observed.connection.close();
  await whatsapp.forget(device);
  expect(await whatsapp.isPaired(device)).toBe(false);
  const keys = await database.pool.query('select from device_keys where device_id = $1', [device.deviceId]);
  expect(keys.rowCount).toBe(0);
  const again = await device.connect(whatsapp);
  await again.seen('qr');
  await again.connection.close();
});

test('a stale epoch stores nothing and ends the connection', async () => {
  const phone = newPhone();
  const observed = await device.pair(whatsapp, simulator, phone);
  await device.loseLease();
  const before = await keysOf(device);
  await observed.connection.send({
    waMessageId: '3EB0STALE',
    jid: '60190000002@s.whatsapp.net',
    content: { kind: 'text', text: 'fenced' },
  });
  expect(await observed.seen('closed')).toEqual({
    kind: 'closed',
    reason: 'connection_lost',
    code: undefined,
  });
  expect(await keysOf(device)).toEqual(before);
});

async function keysOf({ deviceId }: DeviceOnNetwork): Promise<unknown[]> {
  const { rows } = await database.pool.query(
    `select type, key, sealed from device_keys where device_id = $1 union all
     select 'credentials', '', sealed from device_credentials where device_id = $1 order by 1, 2`,
    [deviceId],
  );
  return rows;
}

test('a person who writes is heard with both identifiers', async () => {
  const phone = newPhone();
  const observed = await device.pair(whatsapp, simulator, phone);
  await simulator.incomingText({ fromPhone: '60190000003', toPhone: phone, text: 'STOP' });
  const incoming = await observed.seen('incoming');
  expect(incoming).toMatchObject({ text: 'STOP', from: { jid: '60190000003@s.whatsapp.net' } });
  expect(incoming.from.alternateJid).toMatch(/@lid$/);
  await observed.connection.close();
});
