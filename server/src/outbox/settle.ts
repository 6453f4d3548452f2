import { sql } from 'kysely';
import type { Db } from '../database/index.ts';
import { attemptsMax, type MessageEvent, movesFrom } from './transition.ts';

/** What became of one message, told by the owner of its device. */
export interface Settlement {
  deviceId: string;
  epoch: number;
  messageId: number;
  event: MessageEvent;
  /** Whether this ends the owner's claim; a receipt for an older message does not. */
  endsClaim: boolean;
  /** Whether a stanza went out: it counts against the device's caps. */
  written: boolean;
  /** Whether that stanza repeated an unconfirmed message. */
  resend: boolean;
}

/** A row that a settlement moved. */
export interface SettledMessage {
  id: number;
  jobId: string;
  deviceId: string;
  status: string;
  reason: string | null;
}

/** `case i.move when 'sent' then m.status in (…) …`: the edges of transition.ts as SQL, so that they are written once. */
const moveIsAllowed = sql.raw(
  `case i.move ${Object.entries(movesFrom)
    .map(
      ([move, from]) => `when '${move}' then m.status in (${from.map((status) => `'${status}'`).join(', ')})`,
    )
    .join(' ')} else false end`,
);

/** Notes the device that a lead was last written from, for sticky jobs; where it is the same as before, nothing is written. */
const remembered = sql`remembered as (
    insert into lead_devices as k (lead_id, workspace_id, device_id)
    select m.lead_id, m.workspace_id, max(m.device_id::text)::uuid from moved m
    where m.lead_id is not null and m.status in ('sent', 'delivered', 'read')
      and not exists (select 1 from lead_devices k where k.lead_id = m.lead_id and k.device_id = m.device_id)
    group by m.lead_id, m.workspace_id order by m.lead_id
    on conflict (lead_id) do update set device_id = excluded.device_id
  )`;

/**
 * Writes a batch of settlements in one statement: rows, timestamps, the in-flight records, the caps' counts and the
 * jobs' resend counters; the statistics follow through triggers. At most one settlement per message. Rows of devices whose epoch is no
 * longer the owner's are left alone: the lease rows are locked for share, so a new owner cannot slip in between.
 * Running it twice with the same batch moves no row twice: a claim that is no longer in flight cannot be refused again. Only the caps' counts
 * then err on the safe side.
 */
export async function settleBatch(db: Db, batch: readonly Settlement[]): Promise<SettledMessage[]> {
  if (batch.length === 0) return [];
  const ids = arrayOf(batch.map((s) => s.messageId));
  const { rows } = await sql<SettledMessage>`
    with input as materialized (
      select * from unnest(${ids}::bigint[], ${arrayOf(batch.map((s) => s.deviceId))}::uuid[], ${arrayOf(batch.map((s) => s.epoch))}::bigint[],
        ${arrayOf(batch.map((s) => s.event.kind))}::text[], ${arrayOf(batch.map((s) => reasonOf(s.event)))}::text[],
        ${arrayOf(batch.map((s) => retryOf(s.event)))}::double precision[], ${arrayOf(batch.map((s) => s.endsClaim))}::boolean[],
        ${arrayOf(batch.map((s) => s.written))}::boolean[], ${arrayOf(batch.map((s) => s.resend))}::boolean[])
        as i (id, device_id, epoch, move, reason, retry_ms, ends_claim, written, resend)
    ),
    owned as materialized (
      select l.device_id, l.workspace_id from device_leases l
      where (l.device_id, l.epoch) in (select device_id, epoch from input) order by l.device_id for share
    ),
    mine as materialized (select i.* from input i join owned using (device_id)),
    ended as (
      select device_id, array_agg(id) as ids from mine where ends_claim group by device_id
    ),
    claims as (
      update device_in_flight f set message_ids = array(select unnest(f.message_ids) except select unnest(e.ids))
      from ended e where f.device_id = e.device_id
    ),
    moved as (
      update broadcast_messages m set
        status = case i.move
          when 'acknowledged' then 'sent' when 'delivered' then 'delivered' when 'read' then 'read'
          when 'unanswered' then 'unconfirmed' when 'failed' then 'failed' when 'skipped' then 'skipped'
          when 'refused_for_now' then case when m.attempts + 1 >= ${attemptsMax} then 'failed' else m.status end
          else m.status end,
        reason = case when i.move in ('failed', 'skipped') then i.reason
          when i.move = 'refused_for_now' and m.attempts + 1 >= ${attemptsMax} then 'attempts_exhausted' else m.reason end,
        attempts = m.attempts + case
          when i.move in ('acknowledged', 'refused_for_now') or i.move = 'failed' and i.reason = 'refused' then 1
          when i.move in ('delivered', 'read') and m.sent_at is null then 1 else 0 end,
        resends = m.resends + i.resend::integer,
        not_before = case when i.retry_ms is not null then now() + i.retry_ms * interval '1 millisecond' else m.not_before end,
        unconfirmed_at = case when i.move = 'unanswered' then coalesce(m.unconfirmed_at, now()) else m.unconfirmed_at end,
        sent_at = case when i.move in ('acknowledged', 'delivered', 'read') then coalesce(m.sent_at, now()) else m.sent_at end,
        delivered_at = case when i.move in ('delivered', 'read') then coalesce(m.delivered_at, now()) else m.delivered_at end,
        read_at = case when i.move = 'read' then coalesce(m.read_at, now()) else m.read_at end,
        ended_at = case when i.move in ('failed', 'skipped') or i.move = 'refused_for_now' and m.attempts + 1 >= ${attemptsMax}
          then now() else m.ended_at end
      from mine i
      join device_in_flight f on f.device_id = i.device_id
      where m.id = any (${ids}::bigint[]) and m.id = i.id and m.device_id = i.device_id and ${moveIsAllowed}
        and (i.move not in ('refused_for_now', 'given_back') or m.id = any (f.message_ids))
        and not (i.move = 'given_back' and i.retry_ms = 0)
      returning m.id, m.workspace_id, m.job_id, m.lead_id, m.device_id, m.status, m.reason, i.resend
    ),
    ${remembered},
    resent as (
      update broadcast_jobs j set resends = j.resends + r.n
      from (select job_id, count(*) as n from moved where resend group by job_id order by job_id) as r where j.id = r.job_id
    ),
    counted as (
      insert into device_send_counts as s (device_id, period, starts_at, workspace_id, sent)
      select o.device_id, p, date_trunc(p, now(), 'UTC'), o.workspace_id, w.sent
      from (select device_id, count(*) as sent from mine where written group by device_id) as w
      join owned o using (device_id), unnest(array['day', 'hour', 'minute']) as p order by o.device_id, p
      on conflict (device_id, period, starts_at) do update set sent = s.sent + excluded.sent
    )
    select id, job_id as "jobId", device_id as "deviceId", status, reason from moved`.execute(db);
  return rows;
}

/** An array as PostgreSQL reads it, for numbers, ids and words of ours; the driver would look at each value for what to escape. */
function arrayOf(values: readonly (number | string | boolean | null)[]): string {
  return `{${values.map((value) => value ?? 'NULL').join(',')}}`;
}

function reasonOf(event: MessageEvent): string | null {
  return event.kind === 'failed' || event.kind === 'skipped' ? event.reason : null;
}

function retryOf(event: MessageEvent): number | null {
  return 'retryInMs' in event ? event.retryInMs : null;
}

/**
 * Ends the jobs of the given ids in which nothing waits any more; with no ids, looks at every running job. The standing job of direct sends never ends. Statistics tell, so it scans nothing.
 */
export async function finishJobs(db: Db, jobIds?: readonly string[]): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    update broadcast_jobs j set state = 'finished', finished_at = now()
    where j.state = 'running' and j.kind <> 'direct' and ${jobIds ? sql`j.id = any (${jobIds})` : sql`true`}
      and not exists (select 1 from broadcast_job_stats s
        where s.job_id = j.id and s.status in ('queued', 'unconfirmed') and s.messages > 0)
    returning j.id`.execute(db);
  return rows.map((row) => row.id);
}
