import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test/support/database.ts';
import { createLedger, type Ledger, newId, planEverybody } from '../../../test/support/ledger.ts';
import type { DeviceSource } from '../database/index.ts';
import { claim } from './claim.ts';
import { giveUpUnconfirmed } from './failover.ts';
import { cancelJob } from './job-verbs.ts';
import { type RetryScope, retryFailed } from './retry.ts';
import { finishJobs, settleBatch } from './settle.ts';
import { auditLedger, reportJob } from './statistics.ts';

let database: TestDatabase;
let ledger: Ledger;
let jobId: string;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.remove());
beforeEach(async () => {
  ledger = await createLedger(database.db, { devices: 2, leads: 6 });
  jobId = await failEverything();
});

/** A finished job over two devices: at each, two messages were refused and one was given up unconfirmed. */
async function failEverything(source: DeviceSource = 'round_robin'): Promise<string> {
  const { db } = database;
  const planned = await planEverybody(db, ledger, { source });
  const requests = ledger.deviceIds.map((deviceId) => ({ deviceId, epoch: 1, room: 10 }));
  const claimed = (await claim(db, requests)).filter((message) => message.jobId === planned);
  const settlement = { epoch: 1, endsClaim: true, written: true, resend: false };
  await settleBatch(
    db,
    claimed.map(({ id, deviceId }, k) => ({
      ...settlement,
      deviceId,
      messageId: id,
      event: k % 3 === 0 ? { kind: 'unanswered', retryInMs: 0 } : { kind: 'failed', reason: 'refused' },
    })),
  );
  for (const deviceId of ledger.deviceIds) await giveUpUnconfirmed(db, { deviceId });
  expect(await finishJobs(db, [planned])).toEqual([planned]);
  return planned;
}

interface Row {
  id: number;
  status: string;
  device_id: string;
  wa_message_id: string;
  attempts: number;
}

async function rowsOf(job = jobId): Promise<Map<number, Row>> {
  const { rows } = await sql<Row>`
    select id, status, device_id, wa_message_id, attempts from broadcast_messages where job_id = ${job} order by id`.execute(
    database.db,
  );
  return new Map(rows.map((row) => [row.id, row]));
}

const retry = (scope: RetryScope = { jobId }) => retryFailed(database.db, ledger.workspaceId, scope);

test('a retry opens a new attempt and the job runs again; what may have arrived keeps its device and its id', async () => {
  const before = await rowsOf();
  expect(await retry()).toEqual({ retried: 6, skipped: [] });
  const statuses: string[] = [];
  for (const [id, row] of await rowsOf()) {
    const was = before.get(id);
    statuses.push(row.status);
    expect({ device: row.device_id, attempts: row.attempts }).toEqual({
      device: was?.device_id,
      attempts: 0,
    });
    expect(row.wa_message_id === was?.wa_message_id).toBe(row.status === 'unconfirmed');
  }
  expect(statuses.toSorted()).toEqual(['queued', 'queued', 'queued', 'queued', 'unconfirmed', 'unconfirmed']);
  expect((await reportJob(database.db, ledger.workspaceId, jobId))?.state).toBe('running');
  expect(await retry()).toEqual({ retried: 0, skipped: [] });
  expect(await auditLedger(database.db)).toEqual([]);
});

test('one message, and what failed at one device, are retried alone', async () => {
  const [messageId = 0] = [...(await rowsOf()).keys()];
  expect(await retry({ messageId })).toEqual({ retried: 1, skipped: [] });
  expect(await retry({ messageId })).toEqual({
    retried: 0,
    skipped: [{ reason: 'not_failed', messages: 1 }],
  });
  expect(await retry({ jobId, deviceId: ledger.deviceIds[1] })).toEqual({ retried: 3, skipped: [] });
});

test('of an unlinked device, what never went out moves and what may have arrived is skipped with that reason', async () => {
  const [first, second] = ledger.deviceIds;
  await sql`update user_devices set state = 'logged_out', offline_since = now() where id = ${first}`.execute(
    database.db,
  );
  expect(await retry()).toEqual({ retried: 5, skipped: [{ reason: 'device_gone', messages: 1 }] });
  for (const row of (await rowsOf()).values())
    if (row.status === 'queued') expect(row.device_id).toBe(second);
});

test('a sticky job keeps its device also in a retry', async () => {
  const sticky = await failEverything('sticky');
  await sql`update user_devices set state = 'logged_out', offline_since = now() where id = ${ledger.deviceIds[0]}`.execute(
    database.db,
  );
  await retry({ jobId: sticky });
  const moved = [...(await rowsOf(sticky)).values()].filter((row) => row.device_id === ledger.deviceIds[1]);
  expect(moved).toHaveLength(3);
});

test('a cancelled job is not retried, and says so; a stranger finds nothing', async () => {
  await retry({ jobId, deviceId: ledger.deviceIds[0] });
  await cancelJob(database.db, { workspaceId: ledger.workspaceId, jobId });
  expect(await retry()).toEqual({ retried: 0, skipped: [{ reason: 'job_cancelled', messages: 3 }] });
  const [messageId = 0] = [...(await rowsOf()).keys()];
  for (const scope of [{ jobId }, { messageId }])
    await expect(retryFailed(database.db, newId(), scope)).rejects.toMatchObject({ code: 'not_found' });
});
