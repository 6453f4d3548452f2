import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test/support/database.ts';
import { createLedger, type Ledger, planEverybody } from '../../../test/support/ledger.ts';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { ScriptedConnection } from '../../../test/support/scripted-whatsapp.ts';
import type { Lease } from '../cluster/lease.ts';
import { silentLogger } from '../platform/logger.ts';
import { seededRandom } from '../platform/random.ts';
import type { OutgoingMessage } from '../whatsapp/client.ts';
import { Engine } from './engine.ts';
import { defaultTimings } from './timings.ts';

let database: TestDatabase;
let clock: ManualClock;
let ledger: Ledger;
let engine: Engine;
let lease: Lease;
let connection: ScriptedConnection;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.remove());

beforeEach(async () => {
  clock = new ManualClock();
  ledger = await createLedger(database.db, { devices: 1, leads: 3 });
  await planEverybody(database.db, ledger);
  const deviceId = ledger.deviceIds[0] ?? '';
  lease = { deviceId, workspaceId: ledger.workspaceId, epoch: 1, isHeld: () => true };
  connection = new ScriptedConnection((event) => engine.hear(lease, event));
  engine = new Engine({
    db: database.db,
    clock,
    random: seededRandom('engine'),
    logger: silentLogger,
    timings: defaultTimings,
    checkNumbers: false,
  });
  await engine.start();
});
afterEach(async () => {
  connection.result = { kind: 'not_written', reason: 'offline' };
  await engine.detach(lease.deviceId);
  await engine.stop();
});

/** The device begins to send, slowly; resolves with its first message. */
async function begin(): Promise<OutgoingMessage> {
  const { deviceId, workspaceId } = lease;
  const delay = { minMs: 10_000, maxMs: 10_000 };
  const caps = { perMinute: 100, perHour: 100, perDay: 100 };
  await engine.attach({ deviceId, workspaceId, lease, connection, delay, caps });
  engine.hear(lease, { kind: 'offline_drained' });
  return await connection.nextWrite();
}

async function statuses(): Promise<string[]> {
  const { rows } = await sql<{ status: string }>`
    select status from broadcast_messages where device_id = ${lease.deviceId} order by id`.execute(
    database.db,
  );
  return rows.map((row) => row.status);
}

test('an orderly stop waits for the answer to what was written, and takes no longer than that', async () => {
  const { waMessageId } = await begin();
  const stopped = engine.detach(lease.deviceId, 60_000);
  connection.say({ kind: 'acknowledged', waMessageId });
  await stopped;
  await engine.stop();
  expect(await statuses()).toEqual(['sent', 'queued', 'queued']);
});

test('a refusal during an orderly stop counts as one, and not as silence', async () => {
  const { waMessageId } = await begin();
  const stopped = engine.detach(lease.deviceId, 60_000);
  connection.say({ kind: 'refused', waMessageId, code: 400 });
  await stopped;
  await engine.stop();
  expect((await statuses())[0]).not.toBe('unconfirmed');
});

test('without an answer an orderly stop ends when its time is up, and the message is unconfirmed', async () => {
  await begin();
  const waiting = clock.timerSet();
  const stopped = engine.detach(lease.deviceId, 60_000);
  await waiting;
  clock.advance(60_000);
  await stopped;
  await engine.stop();
  expect(await statuses()).toEqual(['unconfirmed', 'queued', 'queued']);
});
