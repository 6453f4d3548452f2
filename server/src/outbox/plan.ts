import { sql } from 'kysely';
import type { Db, DeviceSource } from '../database/index.ts';
import type { NewId } from '../platform/ids.ts';
import type { JobContent } from './job-content.ts';
import type { DelayRule } from './pacing.ts';
import { parseSendWindow, type SendWindow } from './policy/send-window.ts';
import { chosenDevice, placeInChunk } from './sources.ts';

/** Who a job is for; frozen when the job starts: leads that arrive later are not part of it. */
export interface Audience {
  /** Exact niche; null for all. */
  niche: string | null;
  targetStatus: 'prospect' | 'customer' | 'all';
}

export interface NewJob {
  workspaceId: string;
  campaignId: string;
  content: JobContent;
  audience: Audience;
  /** The devices that share the job, in rotation order; not empty. */
  deviceIds: readonly string[];
  /** How the messages get their devices; round-robin when absent. */
  source?: DeviceSource | undefined;
  delay: DelayRule;
  /** When its messages may go out, within the workspace's window; `bad_input` for one that is none. */
  sendWindow?: SendWindow | undefined;
}

/** Recipients planned in one transaction: large enough to be fast, small enough to hold locks briefly. */
const chunkSize = 20_000;

/** Writes the job's row in the caller's transaction; `planJob` then fills it. Returns the job's id. */
export async function createJob(db: Db, newId: NewId, job: NewJob): Promise<string> {
  const id = newId();
  const frozen = sql`(select coalesce(max(id), 0) from leads where workspace_id = ${job.workspaceId})`;
  await sql`
    insert into broadcast_jobs (id, workspace_id, campaign_id, state, content, audience, device_ids, source, min_delay_ms, max_delay_ms, send_window)
    values (${id}, ${job.workspaceId}, ${job.campaignId}, 'planning', ${JSON.stringify(job.content)}::jsonb,
      ${JSON.stringify(job.audience)}::jsonb || jsonb_build_object('lastLeadId', ${frozen}),
      ${[...job.deviceIds]}::uuid[], ${job.source ?? 'round_robin'}, ${job.delay.minMs}, ${job.delay.maxMs},
      ${job.sendWindow ? JSON.stringify(parseSendWindow(job.sendWindow)) : null}::jsonb)`.execute(db);
  return id;
}

/**
 * Plans a job's recipients, chunk by chunk from its cursor, and sets it running. What a chunk has planned is due at once, and `onPlanned` is
 * called so that somebody looks. It may be stopped anywhere and called again: each chunk and the cursor move in one statement, and (origin,
 * phone) is unique. A job that is paused or cancelled meanwhile is left where it is. Which device a message goes from is in sources.ts.
 */
export async function planJob(
  db: Db,
  workspaceId: string,
  jobId: string,
  onPlanned: () => void = () => undefined,
): Promise<void> {
  for (;;) {
    const { rows } = await sql<{ read: number }>`
      with job as (
        select *, audience ->> 'niche' as niche, audience ->> 'targetStatus' as target, (audience ->> 'lastLeadId')::bigint as last_lead
        from broadcast_jobs where id = ${jobId} and workspace_id = ${workspaceId} and state = 'planning' for no key update
      ),
      devices as materialized (
        select d.id, d.place - 1 as place from job, unnest(job.device_ids) with ordinality as d (id, place)
      ),
      chunk as materialized (
        select next.id, next.phone, encode(uuid_send(gen_random_uuid()), 'hex') as hex, ${placeInChunk} as place from (
          select l.id, l.phone from leads l
          where l.workspace_id = (select workspace_id from job) and l.id > (select plan_cursor from job) and l.id <= (select last_lead from job)
            and ((select niche from job) is null or (select niche from job) = any (l.niches))
            and ((select target from job) = 'all' or (select target from job) = l.target_status)
          order by l.id limit ${chunkSize}
        ) as next
      ),
      planned as (
        insert into broadcast_messages (workspace_id, job_id, origin, lead_id, phone, device_id, wa_message_id)
        select job.workspace_id, job.id, job.id, c.id, c.phone, ${chosenDevice},
          '3EB0' || upper(left(c.hex, 12) || right(c.hex, 6))
        from job, chunk c join devices d on d.place = ((select planned from job) + c.place) % (select cardinality(device_ids) from job)
        order by c.id
        on conflict (origin, phone) do nothing returning 1
      )
      update broadcast_jobs j set
        plan_cursor = coalesce((select max(id) from chunk), j.plan_cursor),
        planned = j.planned + (select count(*) from planned),
        state = case when (select count(*) from chunk) < ${chunkSize} then 'running' else j.state end,
        planned_at = case when (select count(*) from chunk) < ${chunkSize} then now() end
      from job where j.id = job.id
      returning (select count(*) from chunk) as read`.execute(db);
    const read = rows[0]?.read;
    onPlanned();
    if (read === undefined || read < chunkSize) return;
  }
}

/**
 * Plans jobs that nobody has finished planning for a minute: the order to plan them was lost or given up. Planning twice at the same time is
 * harmless, since every chunk locks the job's row.
 */
export async function planForgottenJobs(db: Db): Promise<void> {
  const { rows } = await sql<{ id: string; workspace_id: string }>`
    select id, workspace_id from broadcast_jobs where state = 'planning' and created_at < now() - interval '1 minute'
    order by created_at limit 10`.execute(db);
  for (const job of rows) await planJob(db, job.workspace_id, job.id);
}
