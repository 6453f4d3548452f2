import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import { createLedger, type Ledger, newId, planEverybody } from '../../../../test/support/ledger.ts';
import { createJobs, type Jobs } from '../../jobs/index.ts';
import { planJob, reportJob } from '../../outbox/index.ts';
import { silentLogger } from '../../platform/logger.ts';
import { type CampaignVerbs, createCampaignVerbs, startCampaign } from './index.ts';

let database: TestDatabase;
let jobs: Jobs;
let ledger: Ledger;
let verbs: CampaignVerbs;
let recalled: string[];
let campaignId: string;
let jobId: string;

beforeAll(async () => {
  database = await createTestDatabase();
  jobs = createJobs({ connection: () => database.connection(), logger: silentLogger, alone: true });
  await jobs.start();
});
afterAll(async () => {
  await jobs.stop();
  await database.remove();
});
beforeEach(async () => {
  recalled = [];
  const engine = {
    recall: async (ids: readonly string[]) => void recalled.push(...ids),
    ring: () => undefined,
  };
  verbs = createCampaignVerbs({ db: database.db, newId, jobs, engine });
  ledger = await createLedger(database.db, { devices: 3, leads: 4 });
  ({ campaignId, jobId } = await startCampaign({ db: database.db, newId, jobs }, ledger.workspaceId, {
    title: 'Weekend market',
    message: 'Hi {{ name | default: "friend" }}',
    audience: { niche: null, targetStatus: 'all' },
    source: 'random',
    deviceIds: ledger.deviceIds.slice(1),
    minDelaySeconds: 0,
    maxDelaySeconds: 0,
  }));
});

async function orders(): Promise<number> {
  const { rows } = await sql<{ orders: number }>`
    select count(*) as orders from pgboss.job where name = 'plan_job' and data ->> 'jobId' = ${jobId}`.execute(
    database.db,
  );
  return rows[0]?.orders ?? 0;
}

test('a campaign uses the devices that were chosen, and no other', async () => {
  await planJob(database.db, ledger.workspaceId, jobId);
  const report = await reportJob(database.db, ledger.workspaceId, jobId);
  expect(report?.perDevice.map(({ deviceId, messages }) => [deviceId, messages.queued])).toEqual(
    ledger.deviceIds.slice(1).map((id) => [id, 2]),
  );
});

test('a pause and a cancel recall what senders hold; a resume orders the planning that was stopped', async () => {
  expect(await orders()).toBe(1);
  expect(await verbs.pause(ledger.workspaceId, campaignId, 'lunch')).toBe('paused');
  expect(await verbs.resume(ledger.workspaceId, campaignId)).toBe('planning');
  expect(await orders()).toBe(2);
  await planJob(database.db, ledger.workspaceId, jobId);
  await verbs.pause(ledger.workspaceId, campaignId, 'lunch');
  expect(await verbs.resume(ledger.workspaceId, campaignId)).toBe('running');
  expect(await orders()).toBe(2);
  expect(await verbs.cancel(ledger.workspaceId, campaignId)).toBe('cancelled');
  expect(recalled).toEqual([jobId, jobId, jobId]);
  await expect(verbs.resume(ledger.workspaceId, campaignId)).rejects.toMatchObject({ code: 'conflict' });
  expect(await verbs.retryFailed(ledger.workspaceId, campaignId)).toEqual({ retried: 0, skipped: [] });
});

test('the emergency stop recalls what senders hold of every job', async () => {
  const second = await planEverybody(database.db, ledger);
  await verbs.stopAll(ledger.workspaceId);
  expect(recalled.toSorted()).toEqual([jobId, second].toSorted());
  await verbs.resumeAll(ledger.workspaceId);
});

test('a test goes to one number with its fields filled, and the campaign counts nothing', async () => {
  await planJob(database.db, ledger.workspaceId, jobId);
  const before = await reportJob(database.db, ledger.workspaceId, jobId);
  const test = async (phone: string) => {
    const { messageId } = await verbs.testSend(ledger.workspaceId, campaignId, {
      phone,
      idempotencyKey: phone,
    });
    const { rows } = await sql<{
      content: unknown;
    }>`select content from broadcast_messages where id = ${messageId}`.execute(database.db);
    return rows[0]?.content;
  };
  expect(await test('60130000002')).toEqual({ text: 'Hi Lead 2', mediaId: null });
  expect(await test('60199999999')).toEqual({ text: 'Hi friend', mediaId: null });
  expect(await reportJob(database.db, ledger.workspaceId, jobId)).toEqual(before);
});

test("another workspace's campaign is not found", async () => {
  await expect(verbs.pause(newId(), campaignId, 'x')).rejects.toMatchObject({ code: 'not_found' });
});
