import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test/support/database.ts';
import { createLedger, planEverybody } from '../../../test/support/ledger.ts';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { ScriptedConnection } from '../../../test/support/scripted-whatsapp.ts';
import { silentLogger } from '../platform/logger.ts';
import { seededRandom } from '../platform/random.ts';
import { type ClaimedMessage, claim } from './claim.ts';
import { DeviceSender } from './device-sender.ts';
import { JobContents } from './job-content.ts';
import { type Caps, emptyCounts } from './pacing.ts';
import { Calendars } from './policy/calendars.ts';
import { DevicePace } from './policy/device-pace.ts';
import { FairPool } from './policy/fair-pool.ts';
import { GlobalCap } from './policy/global-cap.ts';
import { openGate } from './policy/recipients.ts';
import { Settler } from './settler.ts';
import { defaultTimings } from './timings.ts';

let database: TestDatabase;
let clock: ManualClock;
let messages: ClaimedMessage[];
let connection: ScriptedConnection;
let settler: Settler;
let sender: DeviceSender | undefined;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.remove());
beforeEach(() => {
  clock = new ManualClock();
});
afterEach(async () => {
  await sender?.stop(0);
  await settler.stop();
});

const pauseMs = 10_000;
const wideCaps: Caps = { perMinute: 100, perHour: 100, perDay: 100 };

/** A device that holds three messages and sends one every ten seconds; resolves when it has sent the first. */
async function begin(caps: Caps = wideCaps): Promise<DeviceSender> {
  const { db } = database;
  const ledger = await createLedger(db, { devices: 1, leads: 3 });
  await planEverybody(db, ledger);
  const deviceId = ledger.deviceIds[0] ?? '';
  messages = await claim(db, [{ deviceId, epoch: 1, room: 3 }]);
  const lease = { deviceId, workspaceId: ledger.workspaceId, epoch: 1, isHeld: () => true };
  const parts = { db, clock, random: seededRandom('sender'), logger: silentLogger };
  settler = new Settler({ ...parts, gatherMs: 20, backlogMax: 100, onSettled: () => undefined });
  connection = new ScriptedConnection((event) => sending.hear(event));
  const delay = { minMs: pauseMs, maxMs: pauseMs };
  const counts = emptyCounts(clock.now().getTime());
  const timings = defaultTimings;
  const globalCap = new GlobalCap();
  const sending = new DeviceSender({
    ...parts,
    device: { ...lease, lease, connection, delay, caps },
    pace: new DevicePace({ ...parts, timings, delay, caps, counts, warmUp: undefined, globalCap }),
    jobs: new JobContents(db),
    settler,
    calendars: new Calendars(db, clock),
    pool: new FairPool(1),
    gate: openGate,
    timings,
    checkNumbers: false,
    onRoom: () => undefined,
    onOutcome: () => undefined,
    onRecipientWait: () => undefined,
  });
  sender = sending;
  sending.start();
  sending.take(messages);
  expect(await connection.nextWrite()).toMatchObject({ waMessageId: messages[0]?.waMessageId });
  await settled();
  return sending;
}

/** Everything that is due has run to its next wait. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The next message goes out after exactly this time. */
async function expectNextAfter(waitMs: number, place: number): Promise<void> {
  let written = false;
  const write = connection.nextWrite().then(({ waMessageId }) => {
    written = true;
    expect(waMessageId).toBe(messages[place]?.waMessageId);
  });
  clock.advance(waitMs - 1);
  await settled();
  expect(written).toBe(false);
  clock.advance(1);
  await write;
  await settled();
}

test('messages go out in order, each after the pause of the one before', async () => {
  const sending = await begin();
  expect(sending.status).toEqual({
    activity: 'waiting',
    why: 'delay',
    untilMs: clock.now().getTime() + pauseMs,
  });
  await expectNextAfter(pauseMs, 1);
  await expectNextAfter(pauseMs, 2);
  expect(sending.status).toEqual({ activity: 'idle' });
});

test('somebody who sets the clock back, or forward, changes nothing about the pace', async () => {
  await begin();
  clock.setWall(-600_000);
  await expectNextAfter(pauseMs, 1);
  clock.setWall(600_000);
  await expectNextAfter(pauseMs, 2);
});

test('at a cap a device waits, says why and until when, and goes on by itself', async () => {
  const beganAtMs = clock.now().getTime();
  const sending = await begin({ ...wideCaps, perMinute: 1 });
  expect(sending.status).toEqual({ activity: 'waiting', why: 'cap_per_minute', untilMs: beganAtMs + 60_000 });
  // Nobody answers in this test; what was written is unconfirmed by then, and that frees nothing.
  await expectNextAfter(60_000, 1);
  expect(clock.now().getTime()).toBe(beganAtMs + 60_000);
});

test('when WhatsApp asks to slow down, the device stands still and the message waits in the ledger', async () => {
  const sending = await begin();
  connection.result = { kind: 'not_written', reason: 'rate_limited' };
  await expectNextAfter(pauseMs, 1);
  connection.result = { kind: 'written' };
  expect(sending.status).toMatchObject({
    why: 'delay',
    untilMs: clock.now().getTime() + defaultTimings.rateLimitPauseMs,
  });
  await expectNextAfter(defaultTimings.rateLimitPauseMs, 2);
});

test('an answer that comes late for a message that waits here to go out again keeps it from going out', async () => {
  await begin();
  connection.say({ kind: 'acknowledged', waMessageId: messages[1]?.waMessageId ?? '' });
  await expectNextAfter(pauseMs, 2);
});

test('what is recalled is given back and does not go out; what was written goes on to its answer', async () => {
  const sending = await begin();
  sending.recall(new Set([messages[0]?.jobId ?? '']));
  const next = connection.nextWrite();
  clock.advance(pauseMs);
  await settled();
  sending.take(messages.slice(2));
  expect(await next).toMatchObject({ waMessageId: messages[2]?.waMessageId });
  connection.say({ kind: 'acknowledged', waMessageId: messages[0]?.waMessageId ?? '' });
  await settler.flush();
  const { rows } = await sql<{ status: string; held: boolean }>`
    select m.status, (m.id = any (f.message_ids)) as held from broadcast_messages m join device_in_flight f using (device_id)
    where m.id = any (${messages.map(({ id }) => id)}) order by m.id`.execute(database.db);
  expect(rows.slice(0, 2)).toEqual([
    { status: 'sent', held: false },
    { status: 'queued', held: false },
  ]);
});
