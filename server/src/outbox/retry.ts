import { sql } from 'kysely';
import { type Db, type JobState, retrying } from '../database/index.ts';
import { SambadError } from '../platform/errors.ts';
import { allowedActions } from './job-verbs.ts';
import { movableSources } from './sources.ts';
import { movesFrom } from './transition.ts';

/** What to retry: one message, what failed at one device of a job, or in the whole job. */
export type RetryScope = { messageId: number } | { jobId: string; deviceId?: string | undefined };

export type RetrySkip =
  /** It is not failed: it waits, was sent, or was left out. */
  | 'not_failed'
  | 'job_cancelled'
  /** A copy may have gone out from a device that is no longer linked, so it can go out again from nowhere. */
  | 'device_gone';

export interface RetryResult {
  retried: number;
  skipped: { reason: RetrySkip; messages: number }[];
}

/** Rows retried in one statement. */
const retriedMax = 2_000;

/**
 * Opens a new attempt for failed messages, and a finished job runs again. A message of which a copy may have gone out keeps its device and its WhatsApp id, so
 * that the phone drops what it has already; the others get a new id, and another device where theirs is gone and their job allows it. Throws
 * `not_found`. What cannot be retried is counted with its reason.
 */
export async function retryFailed(db: Db, workspaceId: string, scope: RetryScope): Promise<RetryResult> {
  const jobId = 'jobId' in scope ? scope.jobId : await jobOfMessage(db, workspaceId, scope.messageId);
  const state = await stateOf(db, workspaceId, jobId);
  const chosen = chosenBy(scope);
  const failed = movesFrom.retried.map((status) => sql.lit(status));
  const isFailed = sql`m.workspace_id = ${workspaceId} and m.job_id = ${jobId} and m.status in (${sql.join(failed)}) and ${chosen}`;
  const { rows } = await sql<{ failed: number; stuck: number }>`
    select count(*) as failed, count(*) filter (where m.unconfirmed_at is not null and ${isUnlinked}) as stuck
    from broadcast_messages m join user_devices d on d.id = m.device_id where ${isFailed}`.execute(db);
  const found = rows[0] ?? { failed: 0, stuck: 0 };
  if (found.failed === 0) return answer(0, 'not_failed', 'messageId' in scope ? 1 : 0);
  if (!allowedActions(state).includes('retry_failed')) return answer(0, 'job_cancelled', found.failed);
  let retried = 0;
  for (const deviceId of await devicesWithFailures(db, jobId, scope)) {
    // The cursor only moves on, so that one that fails again meanwhile is not retried without end.
    for (let after: number | null = 0; after !== null; ) {
      const from: number = after;
      const step = await retrying(() => retryStep(db, { jobId, deviceId, isFailed, after: from }));
      retried += step.retried;
      after = step.last;
    }
  }
  return answer(retried, 'device_gone', found.stuck);
}

function answer(retried: number, reason: RetrySkip, messages: number): RetryResult {
  return { retried, skipped: messages > 0 ? [{ reason, messages }] : [] };
}

function chosenBy(scope: RetryScope): ReturnType<typeof sql> {
  if ('messageId' in scope) return sql`m.id = ${scope.messageId}`;
  return scope.deviceId === undefined ? sql`true` : sql`m.device_id = ${scope.deviceId}`;
}

/** Reads `d`: a device that must be linked anew before it sends. */
const isUnlinked = sql`d.state in ('unpaired', 'pairing', 'logged_out', 'forbidden')`;

async function jobOfMessage(db: Db, workspaceId: string, messageId: number): Promise<string> {
  const row = await db
    .selectFrom('broadcast_messages')
    .select('job_id')
    .where('id', '=', messageId)
    .where('workspace_id', '=', workspaceId)
    .executeTakeFirst();
  if (!row) throw new SambadError('not_found', 'There is no message with this id.', { field: 'messageId' });
  return row.job_id;
}

async function stateOf(db: Db, workspaceId: string, jobId: string): Promise<JobState> {
  const row = await db
    .selectFrom('broadcast_jobs')
    .select('state')
    .where('id', '=', jobId)
    .where('workspace_id', '=', workspaceId)
    .executeTakeFirst();
  if (!row) throw new SambadError('not_found', 'There is no job with this id.', { field: 'jobId' });
  return row.state;
}

async function devicesWithFailures(db: Db, jobId: string, scope: RetryScope): Promise<string[]> {
  const rows = await db
    .selectFrom('broadcast_job_stats')
    .select('device_id')
    .where('job_id', '=', jobId)
    .where('status', '=', 'failed')
    .where('messages', '>', 0)
    .execute();
  const wanted = 'jobId' in scope ? scope.deviceId : undefined;
  return rows.map((row) => row.device_id).filter((id) => wanted === undefined || id === wanted);
}

/** Retries a device's next rows after an id; `last` is null when there were no more. A failed row is never in flight, so nothing is locked but rows. */
async function retryStep(
  db: Db,
  step: { jobId: string; deviceId: string; isFailed: ReturnType<typeof sql>; after: number },
): Promise<{ retried: number; last: number | null }> {
  const { rows } = await sql<{ retried: number; last: number | null }>`
    with job as materialized (
      select * from broadcast_jobs where id = ${step.jobId} and state <> 'cancelled' for update
    ),
    takers as materialized (
      select array_agg(d.id order by d.rotation_order) as device_ids from job j
      join user_devices d on d.workspace_id = j.workspace_id and (d.id = any (j.device_ids) or j.kind = 'direct')
      where d.state = 'connected' and d.is_active and j.source in ${movableSources}
    ),
    chosen as materialized (
      select m.id, m.unconfirmed_at is not null as may_have_arrived, row_number() over (order by m.id) - 1 as place,
        ${isUnlinked} as unlinked, (${isUnlinked} or not d.is_active) and m.content -> 'deviceId' is null as may_move
      from job join broadcast_messages m on m.job_id = job.id join user_devices d on d.id = m.device_id
      where ${step.isFailed} and m.device_id = ${step.deviceId} and m.id > ${step.after} order by m.id limit ${retriedMax}
    ),
    retried as (
      update broadcast_messages m set
        status = case when c.may_have_arrived then 'unconfirmed' else 'queued' end,
        unconfirmed_at = case when c.may_have_arrived then now() end,
        attempts = 0, reason = null, ended_at = null, not_before = null,
        wa_message_id = case when c.may_have_arrived then m.wa_message_id
          else '3EB0' || upper(substr(replace(gen_random_uuid()::text, '-', ''), 1, 18)) end,
        device_id = case when c.may_have_arrived or not c.may_move then m.device_id
          else coalesce(t.device_ids[1 + c.place % cardinality(t.device_ids)], m.device_id) end
      from chosen c cross join takers t
      where m.id = c.id and m.status = 'failed' and not (c.may_have_arrived and c.unlinked)
      returning 1
    ),
    reopened as (
      update broadcast_jobs j set state = 'running', finished_at = null
      from job where j.id = job.id and j.state = 'finished' and exists (select 1 from retried)
    )
    select (select count(*) from retried) as retried, (select max(id) from chosen) as last`.execute(db);
  return rows[0] ?? { retried: 0, last: null };
}
