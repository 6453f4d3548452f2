import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test/support/database.ts';
import { createLedger, type Ledger, planEverybody } from '../../../test/support/ledger.ts';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { silentLogger } from '../platform/logger.ts';
import { seededRandom } from '../platform/random.ts';
import { type ClaimedMessage, claim } from './claim.ts';
import type { SettledMessage, Settlement } from './settle.ts';
import { Settler } from './settler.ts';
import type { MessageEvent } from './transition.ts';

let database: TestDatabase;
let clock: ManualClock;
let ledger: Ledger;
let jobId: string;
let messages: ClaimedMessage[];
let moved: SettledMessage[];
let finished: string[];
let settled: PromiseWithResolvers<void>;
const settlers: Settler[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.remove());

beforeEach(async () => {
  clock = new ManualClock();
  moved = [];
  finished = [];
  settled = Promise.withResolvers();
  ledger = await createLedger(database.db, { devices: 1, leads: 6 });
  jobId = await planEverybody(database.db, ledger);
  messages = await claim(database.db, [{ deviceId: deviceId(), epoch: 1, room: 6 }]);
});
afterEach(async () => {
  await sql.raw('drop trigger if exists broken on broadcast_messages').execute(database.db);
  for (const settler of settlers.splice(0)) await settler.stop();
});

const deviceId = (): string => ledger.deviceIds[0] ?? '';

function createSettler(backlogMax = 1_000): Settler {
  const settler = new Settler({
    db: database.db,
    clock,
    random: seededRandom('settler'),
    logger: silentLogger,
    gatherMs: 20,
    backlogMax,
    onSettled: (rows, jobIds) => {
      moved.push(...rows);
      finished.push(...jobIds);
      settled.resolve();
      settled = Promise.withResolvers();
    },
  });
  settlers.push(settler);
  return settler;
}

function settlementOf(message: ClaimedMessage | undefined, event: MessageEvent): Settlement {
  return {
    deviceId: deviceId(),
    epoch: 1,
    messageId: message?.id ?? 0,
    event,
    endsClaim: true,
    written: true,
    resend: false,
  };
}

function reportOf(message: ClaimedMessage | undefined, kind: 'acknowledged' | 'delivered' | 'read') {
  return {
    deviceId: deviceId(),
    epoch: 1,
    waMessageId: message?.waMessageId ?? '',
    event: { kind },
  } as const;
}

/** From now on every settlement fails in the database, as with a full disk. Returns how to mend it. */
async function breakDatabase(): Promise<() => Promise<unknown>> {
  await sql
    .raw(
      `create or replace function refuse() returns trigger language plpgsql as $$ begin raise exception 'disk full' using errcode = '53100'; end $$;
       create trigger broken before update on broadcast_messages for each statement execute function refuse()`,
    )
    .execute(database.db);
  return () => sql.raw('drop trigger broken on broadcast_messages').execute(database.db);
}

async function statuses(): Promise<string[]> {
  const { rows } = await sql<{ status: string }>`
    select status from broadcast_messages where job_id = ${jobId} order by id`.execute(database.db);
  return rows.map((row) => row.status);
}

test('an acknowledgement and receipts for one message, gathered together, are one move of its row', async () => {
  const settler = createSettler();
  const done = settled.promise;
  settler.report(reportOf(messages[0], 'read'));
  settler.settle(settlementOf(messages[0], { kind: 'acknowledged' }));
  settler.report(reportOf(messages[0], 'delivered'));
  expect(settler.backlog).toBe(3);
  clock.advance(20);
  await done;
  expect(moved.map(({ id, status }) => ({ id, status }))).toEqual([{ id: messages[0]?.id, status: 'read' }]);
  const { rows } = await sql<{ attempts: number; held: number; sent: number }>`
    select m.attempts, cardinality(f.message_ids) as held, c.sent from broadcast_messages m
    join device_in_flight f using (device_id) join device_send_counts c on c.device_id = m.device_id and c.period = 'day'
    where m.id = ${messages[0]?.id}`.execute(database.db);
  expect(rows).toEqual([{ attempts: 1, held: 5, sent: 1 }]);
});

test('a receipt wins over the missing acknowledgement that was noted before it', async () => {
  const settler = createSettler();
  settler.settle(settlementOf(messages[0], { kind: 'unanswered', retryInMs: 0 }));
  settler.report(reportOf(messages[0], 'delivered'));
  await settler.flush();
  expect((await statuses())[0]).toBe('delivered');
});

test("a person's own messages, and another device's ids, fall away", async () => {
  const settler = createSettler();
  settler.report({ ...reportOf(messages[0], 'read'), waMessageId: '3EB0000000000000000000' });
  settler.report({ ...reportOf(messages[0], 'read'), deviceId: ledger.workspaceId });
  await settler.flush();
  expect(settler.backlog).toBe(0);
  expect(new Set(await statuses())).toEqual(new Set(['queued']));
});

test('results are kept while the database refuses them, and written in full when it is back', async () => {
  const settler = createSettler();
  const mend = await breakDatabase();
  for (const message of messages.slice(0, 3)) settler.settle(settlementOf(message, { kind: 'acknowledged' }));
  await settler.flush();
  settler.report(reportOf(messages[0], 'delivered'));
  await settler.flush();
  expect(settler.backlog).toBe(4);
  expect(moved).toEqual([]);
  for (const message of messages.slice(3)) settler.settle(settlementOf(message, { kind: 'acknowledged' }));
  await mend();
  const done = settled.promise;
  expect(clock.advanceToNext()).toBe(true);
  await done;
  await settler.flush();
  expect(await statuses()).toEqual(['delivered', 'sent', 'sent', 'sent', 'sent', 'sent']);
  expect(finished).toEqual([jobId]);
  expect(settler.backlog).toBe(0);
});

test('after each failure it waits longer before it tries again by itself', async () => {
  const settler = createSettler();
  const mend = await breakDatabase();
  settler.settle(settlementOf(messages[0], { kind: 'acknowledged' }));
  const triedAtMs: number[] = [];
  for (let failures = 0; failures < 5; failures++) {
    const waiting = clock.timerSet();
    clock.advanceToNext();
    triedAtMs.push(clock.monotonicMs());
    await waiting;
  }
  const pausesMs = triedAtMs.slice(1).map((atMs, place) => atMs - (triedAtMs[place] ?? 0));
  for (const [place, pauseMs] of pausesMs.entries()) {
    expect(pauseMs).toBeGreaterThanOrEqual(100 * 2 ** place);
    expect(pauseMs).toBeLessThanOrEqual(200 * 2 ** place);
  }
  await mend();
  const done = settled.promise;
  clock.advanceToNext();
  await done;
  expect((await statuses())[0]).toBe('sent');
});

test('at its bound it is full, so that devices stop claiming, and has room again once the database took some', async () => {
  const settler = createSettler(3);
  const mend = await breakDatabase();
  for (const message of messages.slice(0, 2)) settler.settle(settlementOf(message, { kind: 'acknowledged' }));
  expect(settler.isFull).toBe(false);
  settler.report(reportOf(messages[0], 'delivered'));
  expect(settler.isFull).toBe(true);
  await settler.flush();
  expect(settler.isFull).toBe(true);
  await mend();
  await settler.flush();
  expect(settler.isFull).toBe(false);
});

test('stopping writes what is left, without waiting for the gather time', async () => {
  const settler = createSettler();
  settler.settle(settlementOf(messages[0], { kind: 'acknowledged' }));
  await settler.stop();
  expect((await statuses())[0]).toBe('sent');
  expect(clock.pending).toBe(0);
});

test('stopping without a database ends all the same: no timer is left that would keep the program alive', async () => {
  const settler = createSettler();
  await breakDatabase();
  settler.settle(settlementOf(messages[0], { kind: 'acknowledged' }));
  await settler.stop();
  expect(clock.pending).toBe(0);
  settler.report(reportOf(messages[0], 'delivered'));
  expect(clock.pending).toBe(0);
  expect(settler.backlog).toBe(2);
});
