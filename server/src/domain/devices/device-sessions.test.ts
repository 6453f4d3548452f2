import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import { createLedger, newId } from '../../../../test/support/ledger.ts';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { ScriptedWhatsApp } from '../../../../test/support/scripted-whatsapp.ts';
import { createSoloLeases } from '../../cluster/leases/solo.ts';
import { defaultTimings, Engine } from '../../outbox/index.ts';
import { silentLogger } from '../../platform/logger.ts';
import { seededRandom } from '../../platform/random.ts';
import type { CloseReason } from '../../whatsapp/client.ts';
import { DeviceSessions } from './device-sessions.ts';
import { createDevice, getDevice } from './devices.ts';

let database: TestDatabase;
let clock: ManualClock;
let whatsapp: ScriptedWhatsApp;
let sessions: DeviceSessions;
let workspaceId: string;
let deviceId: string;
let moved: PromiseWithResolvers<void>;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.remove());

beforeEach(async () => {
  const { db } = database;
  clock = new ManualClock();
  whatsapp = new ScriptedWhatsApp();
  moved = Promise.withResolvers();
  workspaceId = (await createLedger(db, { devices: 0, leads: 0 })).workspaceId;
  const pacing = {
    minDelaySeconds: 5,
    maxDelaySeconds: 15,
    capPerMinute: 20,
    capPerHour: 500,
    capPerDay: 5_000,
  };
  deviceId = (await createDevice(db, newId, workspaceId, pacing)).id;
  const parts = { db, clock, random: seededRandom('sessions'), logger: silentLogger };
  sessions = new DeviceSessions({
    ...parts,
    whatsapp,
    network: 'test',
    leases: createSoloLeases({ db, nodeId: newId(), generation: () => 1 }),
    engine: new Engine({ ...parts, timings: defaultTimings, checkNumbers: false }),
    reconnect: { firstMs: 1_000, maxMs: 60_000 },
    stopDrainMs: 0,
    loginsAtOnce: 8,
    onMoved: () => {
      moved.resolve();
      moved = Promise.withResolvers();
    },
  });
});
afterEach(() => sessions.stop());

const account = {
  phone: '60123456789',
  jid: '60123456789:1@s.whatsapp.net',
  lid: undefined,
  pushName: 'Kedai',
};
const code = async (): Promise<string> => (await sessions.pairingCode(workspaceId, deviceId)).code;

async function untilState(state: string): Promise<{ stateReason: string | null }> {
  for (;;) {
    const next = moved.promise;
    const device = await getDevice(database.db, workspaceId, deviceId);
    if (device.state === state) return device;
    await next;
  }
}

test('the first code is given to everybody who asked, and the newest to whoever asks later', async () => {
  const asking = Promise.all([code(), code()]);
  const connection = await whatsapp.nextConnection();
  connection.say({ kind: 'qr', code: 'first', expiresInMs: 60_000 });
  expect(await asking).toEqual(['first', 'first']);
  expect(await code()).toBe('first');
  connection.say({ kind: 'qr', code: 'second', expiresInMs: 20_000 });
  await database.pool.query('select 1');
  expect(await code()).toBe('second');
});

test('a code that has run out is never given: whoever asks gets the next', async () => {
  const asking = code();
  const connection = await whatsapp.nextConnection();
  connection.say({ kind: 'qr', code: 'first', expiresInMs: 5_000 });
  await asking;
  clock.advance(5_000);
  const late = code();
  await clock.timerSet();
  connection.say({ kind: 'qr', code: 'second', expiresInMs: 5_000 });
  expect(await late).toBe('second');
});

test('the code of a connection that was lost is never given: whoever asks gets one of the next connection', async () => {
  const asking = code();
  const first = await whatsapp.nextConnection();
  first.say({ kind: 'qr', code: 'first', expiresInMs: 60_000 });
  await asking;
  first.say({ kind: 'closed', reason: 'connection_lost', code: 408 });
  await untilState('waiting');
  const late = code();
  await clock.timerSet();
  clock.advance(1_000);
  (await whatsapp.nextConnection()).say({ kind: 'qr', code: 'second', expiresInMs: 60_000 });
  expect(await late).toBe('second');
});

test('without a code in time the answer says so', async () => {
  const asking = code();
  await whatsapp.nextConnection();
  clock.advance(20_000);
  await expect(asking).rejects.toMatchObject({ code: 'device_offline' });
});

test('a linked device has no code to give, and a device that is not linked cannot reconnect', async () => {
  await expect(sessions.reconnect(workspaceId, deviceId)).rejects.toMatchObject({ code: 'conflict' });
  whatsapp.paired = true;
  await expect(code()).rejects.toMatchObject({ code: 'conflict', field: 'deviceId' });
  for (const id of [newId(), deviceId])
    await expect(sessions.pairingCode(newId(), id)).rejects.toMatchObject({ code: 'not_found' });
});

/** Links the device, as far as being logged in. */
async function connected() {
  whatsapp.paired = true;
  sessions.open({ workspaceId, deviceId });
  const connection = await whatsapp.nextConnection();
  await untilState('connecting');
  connection.say({ kind: 'open', account });
  await untilState('connected');
  return connection;
}

test.each<[CloseReason, string, string]>([
  ['replaced', 'replaced', 'Another program took over'],
  ['forbidden', 'forbidden', 'does not let this account'],
  ['logged_out', 'logged_out', 'link it again'],
])('%s ends the session, as %s with a reason, and nothing is tried again', async (reason, state, why) => {
  const connection = await connected();
  connection.say({ kind: 'closed', reason, code: undefined });
  expect((await untilState(state)).stateReason).toContain(why);
  await sessions.stop();
  expect(whatsapp.paired).toBe(reason !== 'logged_out');
  expect((await getDevice(database.db, workspaceId, deviceId)).state).toBe(state);
});

test('a lost connection is opened again after a pause that grows', async () => {
  const pausesMs: number[] = [];
  for (let times = 0, connection = await connected(); times < 4; times++) {
    const waiting = clock.timerSet();
    connection.say({ kind: 'closed', reason: 'connection_lost', code: 428 });
    expect((await untilState('waiting')).stateReason).toContain('428');
    await waiting;
    const beganMs = clock.monotonicMs();
    clock.advanceToNext();
    connection = await whatsapp.nextConnection();
    pausesMs.push(clock.monotonicMs() - beganMs);
  }
  for (const [times, pauseMs] of pausesMs.entries()) {
    expect(pauseMs).toBeGreaterThanOrEqual(500 * 2 ** times);
    expect(pauseMs).toBeLessThanOrEqual(1_000 * 2 ** times);
  }
});
