import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test/support/database.ts';
import { createLedger, planEverybody } from '../../../test/support/ledger.ts';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { silentLogger } from '../platform/logger.ts';
import { seededRandom } from '../platform/random.ts';
import { type ClaimedMessage, claim } from './claim.ts';
import type { SettledMessage } from './settle.ts';
import { Settler } from './settler.ts';
import { auditLedger } from './statistics.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.remove());

test('one device whose write hangs holds up no other, and what comes for it meanwhile waits for that write', async () => {
  const { db } = database;
  const clock = new ManualClock();
  const moved: SettledMessage[] = [];
  let settled = Promise.withResolvers<void>();
  const settler = new Settler({
    db,
    clock,
    random: seededRandom('writes'),
    logger: silentLogger,
    gatherMs: 20,
    backlogMax: 1_000,
    onSettled: (rows) => {
      moved.push(...rows);
      settled.resolve();
      settled = Promise.withResolvers();
    },
  });
  const ledger = await createLedger(db, { devices: 2, leads: 4 });
  await planEverybody(db, ledger);
  const [slow = '', quick = ''] = ledger.deviceIds;
  const messages = await claim(
    db,
    ledger.deviceIds.map((deviceId) => ({ deviceId, epoch: 1, room: 2 })),
  );
  const of = (deviceId: string): ClaimedMessage[] =>
    messages.filter((message) => message.deviceId === deviceId);
  const acknowledge = (message: ClaimedMessage | undefined): void =>
    settler.settle({
      deviceId: message?.deviceId ?? '',
      epoch: 1,
      messageId: message?.id ?? 0,
      event: { kind: 'acknowledged' },
      endsClaim: true,
      written: true,
      resend: false,
    });

  const blocker = new pg.Client(database.connection());
  await blocker.connect();
  try {
    await blocker.query('begin');
    await blocker.query('select 1 from device_in_flight where device_id = $1 for update', [slow]);
    acknowledge(of(slow)[0]);
    clock.advance(20);
    acknowledge(of(slow)[1]);
    acknowledge(of(quick)[0]);
    const other = settled.promise;
    clock.advance(20);
    await other;
    expect(moved.map((message) => message.id)).toEqual([of(quick)[0]?.id]);
    expect(settler.backlog).toBe(2);
    await blocker.query('rollback');
  } finally {
    await blocker.end();
  }
  await settler.flush();
  expect(new Set(moved.map((message) => message.id))).toEqual(
    new Set([of(quick)[0]?.id, of(slow)[0]?.id, of(slow)[1]?.id]),
  );
  expect(settler.backlog).toBe(0);
  expect(await auditLedger(db)).toEqual([]);
  await settler.stop();
});
