import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test/support/database.ts';
import { createLedger, type Ledger, newId, planEverybody } from '../../../test/support/ledger.ts';
import type { JobState } from '../database/index.ts';
import { claim } from './claim.ts';
import { sendDirect } from './direct.ts';
import {
  allowedActions,
  cancelJob,
  cancelQueued,
  pauseJob,
  resumeAll,
  resumeJob,
  stopAll,
} from './job-verbs.ts';
import { createJob, planJob } from './plan.ts';
import { settleBatch } from './settle.ts';
import { auditLedger, reportJob } from './statistics.ts';

let database: TestDatabase;
let ledger: Ledger;
let key: { workspaceId: string; jobId: string };

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.remove());
beforeEach(async () => {
  // What an earlier test left to cancel is not this one's.
  while ((await cancelQueued(database.db)) > 0);
  ledger = await createLedger(database.db, { devices: 2, leads: 6 });
  key = { workspaceId: ledger.workspaceId, jobId: await planEverybody(database.db, ledger) };
});

const claimAll = () =>
  claim(
    database.db,
    ledger.deviceIds.map((deviceId) => ({ deviceId, epoch: 1, room: 10 })),
  );

async function setState(state: JobState): Promise<void> {
  await sql`update broadcast_jobs set state = ${state}, planned_at = case when ${state} = 'planning' then null else now() end,
    paused_at = case when ${state} = 'paused' then now() end, pause_reason = case when ${state} = 'paused' then 'a test' end,
    finished_at = case when ${state} in ('finished', 'cancelled') then now() end where id = ${key.jobId}`.execute(
    database.db,
  );
}

const states: JobState[] = ['planning', 'running', 'paused', 'finished', 'cancelled'];
const verbs = {
  pause: () => pauseJob(database.db, key, 'by a person'),
  resume: () => resumeJob(database.db, key),
  cancel: () => cancelJob(database.db, key),
};
/** Where each verb leads; what is not listed is refused. */
const outcomes: Record<keyof typeof verbs, Partial<Record<JobState, JobState>>> = {
  pause: { planning: 'paused', running: 'paused', paused: 'paused' },
  resume: { planning: 'planning', running: 'running', paused: 'running' },
  cancel: { planning: 'cancelled', running: 'cancelled', paused: 'cancelled', cancelled: 'cancelled' },
};

test.each(states)(
  'from %s, each verb leads where it says or is refused in a sentence, and is shown when it moves',
  async (from) => {
    for (const verb of ['pause', 'resume', 'cancel'] as const) {
      await setState(from);
      const to = outcomes[verb][from];
      if (to) expect(await verbs[verb]()).toBe(to);
      else await expect(verbs[verb]()).rejects.toMatchObject({ code: 'conflict' });
      expect(allowedActions(from).includes(verb)).toBe(to !== undefined && to !== from);
    }
  },
);

test('a paused job is not claimed; resumed, it goes on', async () => {
  await verbs.pause();
  expect(await claimAll()).toEqual([]);
  await verbs.resume();
  expect(await claimAll()).toHaveLength(6);
});

test('a job that is paused while it is planned stops there, and is planned to its end after the resume', async () => {
  const jobId = await createJob(database.db, newId, {
    workspaceId: ledger.workspaceId,
    campaignId: (await campaignId()) ?? '',
    content: { template: 'Hi', mediaId: null },
    audience: { niche: null, targetStatus: 'all' },
    deviceIds: ledger.deviceIds,
    delay: { minMs: 0, maxMs: 0 },
  });
  const planned = async () => (await reportJob(database.db, ledger.workspaceId, jobId))?.planned;
  key = { workspaceId: ledger.workspaceId, jobId };
  await verbs.pause();
  await planJob(database.db, ledger.workspaceId, jobId);
  expect(await planned()).toBe(0);
  expect(await verbs.resume()).toBe('planning');
  await planJob(database.db, ledger.workspaceId, jobId);
  expect(await planned()).toBe(6);
  expect((await reportJob(database.db, ledger.workspaceId, jobId))?.state).toBe('running');
});

async function campaignId(): Promise<string | undefined> {
  const { rows } = await sql<{ id: string }>`select campaign_id as id from broadcast_jobs
    where id = ${key.jobId}`.execute(database.db);
  return rows[0]?.id;
}

test('a cancelled job keeps what is in flight until its answer, and cancels the rest and what comes back', async () => {
  const deviceId = ledger.deviceIds[0] ?? '';
  const [sent, back] = await claim(database.db, [{ deviceId, epoch: 1, room: 2 }]);
  await verbs.cancel();
  expect(await cancelQueued(database.db)).toBe(4);
  const report = () => reportJob(database.db, ledger.workspaceId, key.jobId);
  expect((await report())?.messages).toMatchObject({ queued: 2, cancelled: 4 });
  const settlement = { deviceId, epoch: 1, endsClaim: true, written: true, resend: false };
  await settleBatch(database.db, [
    { ...settlement, messageId: sent?.id ?? 0, event: { kind: 'acknowledged' } },
    { ...settlement, messageId: back?.id ?? 0, event: { kind: 'refused_for_now', retryInMs: 0 } },
  ]);
  expect(await claimAll()).toEqual([]);
  expect(await cancelQueued(database.db)).toBe(1);
  expect(await cancelQueued(database.db)).toBe(0);
  expect(await report()).toMatchObject({
    state: 'cancelled',
    messages: { queued: 0, sent: 1, cancelled: 5 },
  });
  expect(await auditLedger(database.db)).toEqual([]);
});

test('the emergency stop holds every job of the workspace and no other, direct sends too, until it ends', async () => {
  const other = await createLedger(database.db, { devices: 1, leads: 2 });
  await planEverybody(database.db, other);
  await sendDirect(database.db, newId, {
    workspaceId: ledger.workspaceId,
    phone: '60199999999',
    content: { text: 'Hi' },
    idempotencyKey: 'one',
  });
  const { stoppedAt, jobIds } = await stopAll(database.db, ledger.workspaceId);
  expect(jobIds).toHaveLength(2);
  expect((await stopAll(database.db, ledger.workspaceId)).stoppedAt).toEqual(stoppedAt);
  expect(await claimAll()).toEqual([]);
  expect(await claim(database.db, [{ deviceId: other.deviceIds[0] ?? '', epoch: 1, room: 5 }])).toHaveLength(
    2,
  );
  await resumeAll(database.db, ledger.workspaceId);
  expect(await claimAll()).toHaveLength(7);
});

test('the standing job of direct sends cannot be paused or cancelled, and a stranger finds no job', async () => {
  await sendDirect(database.db, newId, {
    workspaceId: ledger.workspaceId,
    phone: '60199999999',
    content: { text: 'Hi' },
    idempotencyKey: 'two',
  });
  const standing = await database.db
    .selectFrom('broadcast_jobs')
    .select('id')
    .where('workspace_id', '=', ledger.workspaceId)
    .where('kind', '=', 'direct')
    .executeTakeFirstOrThrow();
  const direct = { workspaceId: ledger.workspaceId, jobId: standing.id };
  await expect(pauseJob(database.db, direct, 'x')).rejects.toMatchObject({ code: 'conflict' });
  await expect(cancelJob(database.db, direct)).rejects.toMatchObject({ code: 'conflict' });
  const stranger = { ...key, workspaceId: newId() };
  await expect(cancelJob(database.db, stranger)).rejects.toMatchObject({ code: 'not_found' });
});
