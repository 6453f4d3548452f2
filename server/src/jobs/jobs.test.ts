import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test/support/database.ts';
import { transaction } from '../database/index.ts';
import { silentLogger } from '../platform/logger.ts';
import { createJobs, type JobHandler, type Jobs } from './jobs.ts';
import { schedule } from './schedule.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.remove());

const running: Jobs[] = [];
afterEach(async () => {
  for (const jobs of running.splice(0)) await jobs.stop();
});

async function startJobs(planJob?: JobHandler<'plan_job'>): Promise<Jobs> {
  const jobs = createJobs({ connection: () => database.connection(), logger: silentLogger, alone: true });
  if (planJob) jobs.handle('plan_job', planJob);
  running.push(jobs);
  await jobs.start();
  return jobs;
}

test('a job that was queued in a committed transaction runs with its payload', async () => {
  const ran = Promise.withResolvers<string>();
  const jobs = await startJobs(async ({ jobId }) => ran.resolve(jobId));
  await transaction(database.db, (tx) =>
    jobs.enqueue(tx, 'plan_job', { workspaceId: 'ws', jobId: 'spring' }),
  );
  expect(await ran.promise).toBe('spring');
});

test('a job that was queued in a transaction that rolled back does not exist', async () => {
  const ran: string[] = [];
  const last = Promise.withResolvers<void>();
  const jobs = await startJobs(async ({ jobId }) => {
    ran.push(jobId);
    if (jobId === 'committed') last.resolve();
  });
  const rolledBack = transaction(database.db, async (tx) => {
    await jobs.enqueue(tx, 'plan_job', { workspaceId: 'ws', jobId: 'rolled back' });
    throw new Error('no campaign after all');
  });
  await expect(rolledBack).rejects.toThrow('no campaign after all');
  await transaction(database.db, (tx) =>
    jobs.enqueue(tx, 'plan_job', { workspaceId: 'ws', jobId: 'committed' }),
  );
  // Jobs of one queue run in the order they were queued, so the first would have run by now.
  await last.promise;
  expect(ran).toEqual(['committed']);
  const { rows } = await database.pool.query(`select 1 from pgboss.job where data->>'jobId' = 'rolled back'`);
  expect(rows).toEqual([]);
});

test('a job that fails is repeated', async () => {
  const done = Promise.withResolvers<void>();
  let runs = 0;
  const jobs = await startJobs(async () => {
    runs += 1;
    if (runs === 1) throw new Error('not yet');
    done.resolve();
  });
  await transaction(database.db, (tx) =>
    jobs.enqueue(tx, 'plan_job', { workspaceId: 'ws', jobId: 'stubborn' }),
  );
  await done.promise;
  expect(runs).toBe(2);
});

test('stop waits for the job that runs', async () => {
  const started = Promise.withResolvers<void>();
  const mayEnd = Promise.withResolvers<void>();
  let ended = false;
  const jobs = await startJobs(async () => {
    started.resolve();
    await mayEnd.promise;
    ended = true;
  });
  await transaction(database.db, (tx) => jobs.enqueue(tx, 'plan_job', { workspaceId: 'ws', jobId: 'slow' }));
  await started.promise;
  const stopped = jobs.stop();
  mayEnd.resolve();
  await stopped;
  expect(ended).toBe(true);
});

test('a job that a crash cut off begins anew with the next start', async () => {
  const cutOff = await startJobs();
  await transaction(database.db, (tx) =>
    cutOff.enqueue(tx, 'plan_job', { workspaceId: 'ws', jobId: 'cut off' }),
  );
  await cutOff.stop();
  await database.pool.query(
    `update pgboss.job set state = 'active', started_on = now(), heartbeat_on = now() where data->>'jobId' = 'cut off'`,
  );
  const ran = Promise.withResolvers<string>();
  await startJobs(async ({ jobId }) => ran.resolve(jobId));
  expect(await ran.promise).toBe('cut off');
});

test('the schedule in the database is the one that is listed', async () => {
  const first = await startJobs();
  await first.stop();
  await database.pool.query(
    `insert into pgboss.schedule (name, cron, timezone) values ('plan_job', '0 0 * * *', 'UTC')`,
  );
  await startJobs();
  const { rows } = await database.pool.query(
    'select name, cron, timezone from pgboss.schedule order by name',
  );
  expect(rows).toEqual(schedule.map(({ name, cron }) => ({ name, cron, timezone: 'UTC' })));
});

test('two handlers for one job, or a handler after the start, are refused', async () => {
  const jobs = createJobs({ connection: () => database.connection(), logger: silentLogger, alone: true });
  jobs.handle('plan_job', async () => undefined);
  expect(() => jobs.handle('plan_job', async () => undefined)).toThrow('has a handler');
});
