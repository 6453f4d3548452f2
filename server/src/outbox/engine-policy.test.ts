import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test/support/database.ts';
import { createLedger, type Ledger, planEverybody } from '../../../test/support/ledger.ts';
import { ScriptedEngine } from '../../../test/support/scripted-engine.ts';
import type { ScriptedConnection } from '../../../test/support/scripted-whatsapp.ts';
import { claim } from './claim.ts';
import type { EngineOptions } from './engine.ts';
import { setSendWindow, whyMessageWaits } from './index.ts';

let database: TestDatabase;
let ledger: Ledger;
let jobId: string;
let scripted: ScriptedEngine;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.remove());
beforeEach(async () => {
  ledger = await createLedger(database.db, { devices: 1, leads: 8 });
  jobId = await planEverybody(database.db, ledger);
});
afterEach(() => scripted?.stop());

const device = (): { workspaceId: string; deviceId: string } => ({
  workspaceId: ledger.workspaceId,
  deviceId: ledger.deviceIds[0] ?? '',
});

/** Starts an engine with the device on it; every message that it writes is acknowledged, or refused with `code`. */
async function begin(options: Partial<EngineOptions> = {}, code?: number): Promise<string[]> {
  scripted = new ScriptedEngine(database.db, options);
  await scripted.engine.start();
  return answer(await scripted.attach(device()), code);
}

function answer(connection: ScriptedConnection, code?: number): string[] {
  const written: string[] = [];
  const listen = async (): Promise<void> => {
    for (;;) {
      const { waMessageId } = await connection.nextWrite();
      if (connection.result.kind !== 'written') return;
      written.push(waMessageId);
      connection.say(
        code === undefined ? { kind: 'acknowledged', waMessageId } : { kind: 'refused', waMessageId, code },
      );
    }
  };
  void listen();
  return written;
}

const why = (): string | undefined => scripted.engine.whyWaiting(device().deviceId)?.why;
const statuses = () => scripted.statuses(device().deviceId);
const firstMessage = async (): Promise<number> => {
  const { rows } = await sql<{ id: number }>`
    select id from broadcast_messages where job_id = ${jobId} and status = 'queued' order by id limit 1`.execute(
    database.db,
  );
  return rows[0]?.id ?? 0;
};
const inFlight = async (): Promise<number> => {
  const { rows } = await sql<{ held: number }>`
    select cardinality(message_ids) as held from device_in_flight where device_id = ${device().deviceId}`.execute(
    database.db,
  );
  return rows[0]?.held ?? 0;
};
const explain = async () =>
  await whyMessageWaits(database.db, scripted.engine, {
    workspaceId: ledger.workspaceId,
    messageId: await firstMessage(),
  });

test('a new number stops at its first step, and a restart goes on counting', async () => {
  await sql`update user_devices set warm_up = true where id = ${device().deviceId}`.execute(database.db);
  const limits = { warmUpSteps: [3, 100] };
  const written = await begin({ limits });
  await scripted.until(() => why() === 'warm_up', 100);
  expect(written).toHaveLength(3);
  expect(await explain()).toMatchObject({ why: 'warm_up', untilMs: expect.any(Number) });
  await scripted.stop();
  expect(await statuses()).toEqual({ sent: 3, queued: 5 });
  const { rows } = await sql<{ warm_up_since: Date | null }>`
    select warm_up_since from user_devices where id = ${device().deviceId}`.execute(database.db);
  expect(rows[0]?.warm_up_since).toBeInstanceOf(Date);
});

test('outside the window of its workspace a job waits in the database, and goes on when the window changes', async () => {
  // The manual clock stands on a Monday at noon in Kuala Lumpur.
  await setSendWindow(database.db, ledger.workspaceId, { weekdays: [7] });
  const written = await begin();
  await scripted.until(() => why() === 'outside_window', 10);
  expect(written).toEqual([]);
  expect(await explain()).toMatchObject({ why: 'outside_window' });
  await scripted.until(async () => (await inFlight()) === 0);
  await setSendWindow(database.db, ledger.workspaceId, null);
  await scripted.until(async () => (await statuses()).sent === 8);
});

test('a job outside its window does not hold up another job of the device', async () => {
  await sql`update broadcast_jobs set send_window = '{"weekdays": [7]}' where id = ${jobId}`.execute(
    database.db,
  );
  await planEverybody(database.db, ledger);
  const written = await begin();
  await scripted.until(async () => (await statuses()).sent === 8);
  expect(written).toHaveLength(8);
  expect(await statuses()).toEqual({ sent: 8, queued: 8 });
});

test('a recipient that the gate holds back waits, and the others go on', async () => {
  let untilMs = 0;
  const gate = {
    waitFor: async (_: unknown, { phone }: { phone: string }) =>
      phone === '60130000001' ? { why: 'timelock' as const, untilMs } : undefined,
  };
  untilMs = Date.parse('2026-03-03T04:00:00Z');
  await begin({ gate });
  await scripted.until(async () => (await statuses()).sent === 7);
  expect(await explain()).toMatchObject({ why: 'timelock' });
});

test('who must not be written to any more is skipped with the reason at the claim', async () => {
  const rules = {
    skips: async (_: unknown, batch: readonly { id: number; phone: string }[]) =>
      new Map(
        batch
          .filter(({ phone }) => phone === '60130000002' || phone === '60130000003')
          .map(({ id, phone }) => [
            id,
            phone.endsWith('2') ? ('opted_out' as const) : ('over_frequency_cap' as const),
          ]),
      ),
  };
  const written = await begin({ rules });
  await scripted.until(async () => (await statuses()).sent === 6 && (await statuses()).skipped === 2);
  expect(written).toHaveLength(6);
  const { rows } = await sql<{ reason: string }>`
    select reason from broadcast_messages where job_id = ${jobId} and status = 'skipped' order by id`.execute(
    database.db,
  );
  expect(rows.map(({ reason }) => reason)).toEqual(['opted_out', 'over_frequency_cap']);
});

test('a device that WhatsApp refuses rests, knows it after a restart, and its messages may move', async () => {
  const written = await begin({}, 463);
  await scripted.until(() => why() === 'quarantine', 10);
  expect(written).toHaveLength(3);
  await scripted.stop();
  const { rows } = await sql<{ reason: string; left: number }>`
    select quarantine_reason as reason, extract(epoch from quarantined_until - now())::integer as left
    from user_devices where id = ${device().deviceId}`.execute(database.db);
  expect(rows[0]?.reason).toBe('3 of the last 3 messages failed: 3 refused by WhatsApp with 463');
  expect(rows[0]?.left).toBeGreaterThan(1_700);
  const again = await begin();
  expect(why()).toBe('quarantine');
  expect(again).toEqual([]);
  expect(await explain()).toMatchObject({ why: 'quarantine' });
  // It comes back by itself.
  scripted.clock.advance(31 * 60_000);
  await scripted.until(async () => (await statuses()).sent === 5);
});

test('a global cap holds all devices together, and a restart in the same minute goes on counting', async () => {
  await sql`delete from device_send_counts`.execute(database.db);
  const limits = { globalCapPerMinute: 3 };
  const written = await begin({ limits });
  await scripted.until(() => why() === 'global_cap', 10);
  expect(written).toHaveLength(3);
  await scripted.until(async () => (await statuses()).sent === 3, 10);
  // The minute of the database may end during this test.
  await sql`
    insert into device_send_counts (device_id, period, starts_at, workspace_id, sent)
    select device_id, period, starts_at + interval '1 minute', workspace_id, sent from device_send_counts where period = 'minute'`.execute(
    database.db,
  );
  await scripted.stop();
  const again = await begin({ limits });
  await scripted.until(() => why() === 'global_cap', 10);
  expect(again).toEqual([]);
});

test('a device serves its jobs in turn, also with those that it already holds', async () => {
  const second = await planEverybody(database.db, ledger);
  const { deviceId } = device();
  const first = await claim(database.db, [{ deviceId, epoch: 1, room: 4 }]);
  const next = await claim(database.db, [{ deviceId, epoch: 1, room: 4 }]);
  for (const claimed of [first, next]) {
    const jobs = claimed.map((message) => message.jobId);
    expect(jobs.filter((id) => id === jobId)).toHaveLength(2);
    expect(jobs.filter((id) => id === second)).toHaveLength(2);
  }
});
