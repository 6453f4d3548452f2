import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import { createLedger, type Ledger, newId } from '../../../../test/support/ledger.ts';
import { createJobs, type Jobs } from '../../jobs/index.ts';
import { planJob } from '../../outbox/index.ts';
import { silentLogger } from '../../platform/logger.ts';
import { storeImage } from '../media/index.ts';
import { createCampaignReports, type NewCampaign, startCampaign } from './index.ts';

let database: TestDatabase;
let jobs: Jobs;
let ledger: Ledger;

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
  ledger = await createLedger(database.db, { devices: 2, leads: 3 });
});

const sound: NewCampaign = {
  title: 'Weekend market',
  message: 'Hi {{ name | default: "friend" }}',
  audience: { niche: null, targetStatus: 'all' },
  minDelaySeconds: 10,
  maxDelaySeconds: 30,
};

const start = (changed: Partial<NewCampaign> = {}, through: Pick<Jobs, 'enqueue'> = jobs) =>
  startCampaign(
    { db: database.db, newId, jobs: { ...jobs, enqueue: through.enqueue.bind(through) } },
    ledger.workspaceId,
    {
      ...sound,
      ...changed,
    },
  );

/** What this workspace has in the tables that a start writes to, and in the queue. */
async function stored(): Promise<{ campaigns: number; jobs: number; orders: number }> {
  const { rows } = await sql<{ campaigns: number; jobs: number; orders: number }>`
    select (select count(*) from campaigns where workspace_id = ${ledger.workspaceId}) as campaigns,
      (select count(*) from broadcast_jobs where workspace_id = ${ledger.workspaceId}) as jobs,
      (select count(*) from pgboss.job where name = 'plan_job' and data ->> 'workspaceId' = ${ledger.workspaceId}) as orders`.execute(
    database.db,
  );
  return rows[0] ?? { campaigns: -1, jobs: -1, orders: -1 };
}

const nothing = { campaigns: 0, jobs: 0, orders: 0 };

test('a campaign, its job and the order to plan it appear together', async () => {
  const { campaignId, jobId } = await start();
  expect(await stored()).toEqual({ campaigns: 1, jobs: 1, orders: 1 });
  await planJob(database.db, ledger.workspaceId, jobId);
  const report = await createCampaignReports(database.db).get(ledger.workspaceId, campaignId);
  expect(report).toMatchObject({ campaignId, title: 'Weekend market', state: 'running', planned: 3 });
  expect(report.perDevice.map(({ messages }) => messages.queued)).toEqual([2, 1]);
});

test('when the order cannot be queued, nothing else is stored either', async () => {
  const broken = {
    enqueue: async () => {
      throw new Error('the queue is full');
    },
  };
  await expect(start({}, broken)).rejects.toThrow('the queue is full');
  expect(await stored()).toEqual(nothing);
});

test('when the transaction fails after the order was queued, the order is gone with it', async () => {
  const failsLate: Pick<Jobs, 'enqueue'> = {
    enqueue: async (tx, ...order) => {
      await jobs.enqueue(tx, ...order);
      await sql`select 1 / 0`.execute(tx.db);
    },
  };
  await expect(start({}, failsLate)).rejects.toThrow('division by zero');
  expect(await stored()).toEqual(nothing);
});

test.each<[string, Partial<NewCampaign>, string, string]>([
  ['an unknown variable', { message: 'Hi {{ nama }}' }, 'message', 'uses "nama", which no lead has'],
  ['an unclosed variable', { message: 'Hi {{ name' }, 'message', 'cannot be read'],
  ['an unknown filter', { message: '{{ name | shout }}' }, 'message', 'cannot be read'],
  ['another file', { message: '{% include "/etc/passwd" %}' }, 'message', 'cannot be read'],
  [
    'delays in the wrong order',
    { minDelaySeconds: 30, maxDelaySeconds: 10 },
    'minDelaySeconds',
    'longer than the longest',
  ],
  ['a delay below nothing', { minDelaySeconds: -1 }, 'minDelaySeconds', 'from 0 to 86400 seconds'],
  ['a delay of no number', { minDelaySeconds: Number.NaN }, 'minDelaySeconds', 'from 0 to 86400 seconds'],
  ['a delay of months', { maxDelaySeconds: 9_000_000 }, 'maxDelaySeconds', 'from 0 to 86400 seconds'],
])('%s is refused in a sentence, and nothing is stored', async (_name, changed, field, sentence) => {
  await expect(start(changed)).rejects.toMatchObject({
    code: 'bad_input',
    field,
    message: expect.stringContaining(sentence),
  });
  expect(await stored()).toEqual(nothing);
});

test.each([
  ['none at all', 'delete from user_devices where id = any ($1)'],
  [
    'none linked',
    "update user_devices set phone = null, state = 'unpaired', offline_since = now() where id = any ($1)",
  ],
  ['none active', 'update user_devices set is_active = false where id = any ($1)'],
  [
    'only removed ones',
    "update user_devices set state = 'logged_out', offline_since = now() where id = any ($1)",
  ],
])('with devices, %s, the start is refused', async (_name, statement) => {
  await database.pool.query(statement, [ledger.deviceIds]);
  await expect(start()).rejects.toMatchObject({
    code: 'conflict',
    message: 'No device is linked and active: link one before you start a campaign.',
  });
  expect(await stored()).toEqual(nothing);
});

test('a device that is offline for the moment shares the campaign', async () => {
  await sql`update user_devices set state = 'waiting', offline_since = now() where id = ${ledger.deviceIds[1]}`.execute(
    database.db,
  );
  const { jobId } = await start();
  const { rows } = await sql<{
    device_ids: string[];
  }>`select device_ids from broadcast_jobs where id = ${jobId}`.execute(database.db);
  expect(rows[0]?.device_ids).toEqual(ledger.deviceIds);
});

test("another workspace's image, and one that is not there, are not found", async () => {
  const stranger = await createLedger(database.db, { devices: 0, leads: 0 });
  const image = await storeImage(
    database.db,
    newId,
    stranger.workspaceId,
    Buffer.from([0xff, 0xd8, 0xff, 0]),
  );
  for (const mediaId of [image, newId()])
    await expect(start({ mediaId })).rejects.toMatchObject({ code: 'not_found', field: 'mediaId' });
  expect(await stored()).toEqual(nothing);
});

test("another workspace's campaign is not found, and not listed", async () => {
  const { campaignId } = await start();
  const reports = createCampaignReports(database.db);
  const stranger = await createLedger(database.db, { devices: 1, leads: 1 });
  for (const id of [campaignId, newId()])
    await expect(reports.get(stranger.workspaceId, id)).rejects.toMatchObject({ code: 'not_found' });
  expect(await reports.list(stranger.workspaceId, 10)).toEqual([]);
});

test('campaigns are listed newest first, as many as were asked for', async () => {
  for (const title of ['one', 'two', 'three']) await start({ title });
  const listed = await createCampaignReports(database.db).list(ledger.workspaceId, 2);
  expect(listed.map(({ title }) => title)).toEqual(['three', 'two']);
});
