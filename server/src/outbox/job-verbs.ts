import { sql } from 'kysely';
import { type Db, type JobState, retrying } from '../database/index.ts';
import { SambadError } from '../platform/errors.ts';
import { movesFrom } from './transition.ts';

/** What a person may do with a job. */
export type JobVerb = 'pause' | 'resume' | 'cancel' | 'retry_failed';

/** From which states each verb moves a job: the buttons that are shown and the rule that is enforced. */
const verbFrom: Record<JobVerb, readonly JobState[]> = {
  pause: ['planning', 'running'],
  resume: ['paused'],
  cancel: ['planning', 'running', 'paused'],
  retry_failed: ['planning', 'running', 'paused', 'finished'],
};

/** The states in which a verb has nothing left to do: doing it twice is doing it once. */
const alreadyDone: Record<JobVerb, readonly JobState[]> = {
  pause: ['paused'],
  resume: ['planning', 'running'],
  cancel: ['cancelled'],
  retry_failed: [],
};

const participle: Record<JobVerb, string> = {
  pause: 'paused',
  resume: 'resumed',
  cancel: 'cancelled',
  retry_failed: 'retried',
};

/** What a person may do with a job in this state. */
export function allowedActions(state: JobState): JobVerb[] {
  return (Object.keys(verbFrom) as JobVerb[]).filter((verb) => verbFrom[verb].includes(state));
}

export interface JobKey {
  workspaceId: string;
  jobId: string;
}

/**
 * Stops a job's claims, in planning too; what is in flight goes on to its answer. What senders hold unsent is given back by
 * `Engine.recall`. Throws `conflict` for a job that has ended, `not_found` for one that is not there.
 */
export function pauseJob(db: Db, key: JobKey, reason: string): Promise<JobState> {
  return move(db, key, 'pause', sql`state = 'paused', paused_at = now(), pause_reason = ${reason}`);
}

/** Lets a paused job go on where it was. When the answer is `planning`, its planning has to be ordered anew. */
export function resumeJob(db: Db, key: JobKey): Promise<JobState> {
  const state = sql`case when planned_at is null then 'planning' else 'running' end`;
  return move(db, key, 'resume', sql`state = ${state}, paused_at = null, pause_reason = null`);
}

/**
 * Ends a job at once: nothing more of it is claimed. Its queued messages become `cancelled` in the background, what is in flight goes on
 * to its answer, and the ledger is kept.
 */
export function cancelJob(db: Db, key: JobKey): Promise<JobState> {
  const ended = sql`state = 'cancelled', finished_at = now(), winding_down = true, paused_at = null, pause_reason = null`;
  return move(db, key, 'cancel', ended);
}

async function move(
  db: Db,
  { workspaceId, jobId }: JobKey,
  verb: JobVerb,
  change: ReturnType<typeof sql>,
): Promise<JobState> {
  const { rows } = await sql<{ state: JobState }>`
    update broadcast_jobs set ${change}
    where id = ${jobId} and workspace_id = ${workspaceId} and kind <> 'direct' and state = any (${[...verbFrom[verb]]})
    returning state`.execute(db);
  return rows[0]?.state ?? (await stateUnmoved(db, { workspaceId, jobId }, verb));
}

/** The state of a job that a verb did not move; throws unless it is where the verb leads. */
async function stateUnmoved(db: Db, { workspaceId, jobId }: JobKey, verb: JobVerb): Promise<JobState> {
  const job = await db
    .selectFrom('broadcast_jobs')
    .select(['state', 'kind'])
    .where('id', '=', jobId)
    .where('workspace_id', '=', workspaceId)
    .executeTakeFirst();
  if (!job) throw new SambadError('not_found', 'There is no job with this id.', { field: 'jobId' });
  if (job.kind === 'direct')
    throw new SambadError('conflict', 'Direct sends have no end: stop all sending instead.');
  if (alreadyDone[verb].includes(job.state)) return job.state;
  throw new SambadError('conflict', `A job that is ${job.state} cannot be ${participle[verb]}.`);
}

/** A workspace's emergency stop: while it is set, nothing of it is claimed. Returns the jobs whose messages senders may hold. */
export async function stopAll(db: Db, workspaceId: string): Promise<{ stoppedAt: Date; jobIds: string[] }> {
  const { rows } = await sql<{ stopped_at: Date }>`
    update workspaces set sending_stopped_at = coalesce(sending_stopped_at, now()) where id = ${workspaceId}
    returning sending_stopped_at as stopped_at`.execute(db);
  if (!rows[0]) throw new SambadError('not_found', 'There is no workspace with this id.');
  const live = await db
    .selectFrom('broadcast_jobs')
    .select('id')
    .where('workspace_id', '=', workspaceId)
    .where('state', 'not in', ['finished', 'cancelled'])
    .execute();
  return { stoppedAt: rows[0].stopped_at, jobIds: live.map(({ id }) => id) };
}

/** Ends the emergency stop; jobs that were paused one by one stay paused. */
export async function resumeAll(db: Db, workspaceId: string): Promise<void> {
  await sql`update workspaces set sending_stopped_at = null where id = ${workspaceId}`.execute(db);
}

/** Rows cancelled in one statement; each holds its devices' in-flight records for that long. */
const cancelledMax = 2_000;

/**
 * Cancels queued messages of cancelled jobs, a bounded number at each call. What is in flight is left; when it comes back to `queued`,
 * a later call cancels it. Returns how many messages were cancelled.
 */
export async function cancelQueued(db: Db): Promise<number> {
  // A job winds down until no message of it is queued, in flight or not: that is what the statistics count.
  await sql`
    update broadcast_jobs j set winding_down = false
    where j.winding_down and not exists (select 1 from broadcast_job_stats s
      where s.job_id = j.id and s.status = 'queued' and s.messages > 0)`.execute(db);
  const { rows } = await retrying(() =>
    sql<{ cancelled: number }>`
      with parts as materialized (
        select s.job_id, s.device_id from broadcast_jobs j join broadcast_job_stats s on s.job_id = j.id
        where j.winding_down and s.status = 'queued' and s.messages > 0
      ),
      held as materialized (
        select f.device_id, f.message_ids from device_in_flight f
        where f.device_id in (select device_id from parts) order by f.device_id for update
      ),
      chosen as materialized (
        select next.id from parts p
        left join held h on h.device_id = p.device_id
        cross join lateral (
          select m.id from broadcast_messages m
          where m.device_id = p.device_id and m.job_id = p.job_id and m.status = 'queued' and m.id <> all (coalesce(h.message_ids, '{}'))
          order by m.id limit ${cancelledMax}
        ) as next
        limit ${cancelledMax}
      ),
      cancelled as (
        update broadcast_messages m set status = 'cancelled', ended_at = now()
        from (select id from chosen order by id) as c
        where m.id = c.id and m.status in (${sql.join(movesFrom.cancelled.map((status) => sql.lit(status)))}) returning 1
      )
      select count(*) as cancelled from cancelled`.execute(db),
  );
  return rows[0]?.cancelled ?? 0;
}
