import { sql } from 'kysely';
import type { Db } from '../database/index.ts';
import { movableSources } from './sources.ts';

/** Rows moved in one statement; the rest follow at the next look. */
const movedMax = 5_000;

/**
 * Moves what a long-disconnected or quarantined device never wrote to the connected devices of the same job, in turn; a direct message may go
 * from any device of its workspace. Messages that are in flight or unconfirmed stay: a copy may be on its way. Single and sticky jobs, direct messages
 * from a device that was asked for, and jobs none of whose devices is connected wait.
 * Locks the in-flight rows of the devices it takes from, so that a claim and a move cannot both have a message.
 * Returns how many messages moved.
 */
export async function moveFromOfflineDevices(db: Db, graceMs: number): Promise<number> {
  const { rows } = await sql<{ moved: number }>`
    with offline as materialized (
      select s.job_id, s.device_id from broadcast_job_stats s
      join broadcast_jobs j on j.id = s.job_id and j.state = 'running' and j.source in ${movableSources}
      join user_devices d on d.id = s.device_id
      where s.status = 'queued' and s.messages > 0
        and (d.offline_since < now() - ${graceMs} * interval '1 millisecond' or not d.is_active or d.quarantined_until > now())
    ),
    takers as materialized (
      select j.id as job_id, array_agg(d.id order by d.rotation_order) as device_ids
      from broadcast_jobs j
      join user_devices d on d.workspace_id = j.workspace_id and (d.id = any (j.device_ids) or j.kind = 'direct')
      where j.id in (select job_id from offline) and d.state = 'connected' and d.is_active
        and (d.quarantined_until is null or d.quarantined_until <= now())
      group by j.id
    ),
    held as materialized (
      select f.device_id, f.message_ids from device_in_flight f
      where f.device_id in (select device_id from offline join takers using (job_id)) order by f.device_id for update
    ),
    movable as materialized (
      select m.id, row_number() over (partition by m.job_id order by m.id) - 1 as place, t.device_ids
      from offline o join takers t using (job_id)
      left join held h on h.device_id = o.device_id
      join broadcast_messages m on m.device_id = o.device_id and m.job_id = o.job_id and m.status = 'queued'
      where m.id <> all (coalesce(h.message_ids, '{}')) and m.content -> 'deviceId' is null
      order by m.id limit ${movedMax}
    ),
    moved as (
      update broadcast_messages m set device_id = v.device_ids[1 + v.place % cardinality(v.device_ids)]
      from movable v where m.id = v.id and m.status = 'queued' returning m.job_id
    ),
    counted as (
      update broadcast_jobs j set failovers = j.failovers + n.moved
      from (select job_id, count(*) as moved from moved group by job_id) as n where j.id = n.job_id
    )
    select count(*) as moved from moved`.execute(db);
  return rows[0]?.moved ?? 0;
}

/**
 * Settles the unconfirmed messages of a device that will not come back (unlinked, forbidden, about to be deleted), of all devices that are
 * unlinked or forbidden, or that have been unconfirmed for longer than `olderThanMs`: nobody can find out any more whether they arrived.
 */
export async function giveUpUnconfirmed(
  db: Db,
  which: { deviceId: string } | { olderThanMs: number } | 'of_gone_devices',
): Promise<number> {
  const chosen =
    which === 'of_gone_devices'
      ? sql`m.device_id in (select id from user_devices where state in ('logged_out', 'forbidden'))`
      : 'deviceId' in which
        ? sql`m.device_id = ${which.deviceId}`
        : sql`m.unconfirmed_at < now() - ${which.olderThanMs} * interval '1 millisecond'`;
  const { numAffectedRows } = await sql`
    update broadcast_messages m set status = 'failed', reason = 'unconfirmed', ended_at = now()
    where m.status = 'unconfirmed' and ${chosen}
      and not exists (select 1 from device_in_flight f where f.device_id = m.device_id and m.id = any (f.message_ids))`.execute(
    db,
  );
  return Number(numAffectedRows ?? 0);
}
