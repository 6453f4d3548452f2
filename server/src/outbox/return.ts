import { sql } from 'kysely';
import { type Db, retrying } from '../database/index.ts';
import { movableSources } from './sources.ts';

/** Rows moved in one statement, and statements for one job at a look: a million rows at most. */
const movedMax = 5_000;
const statementsMax = 200;

export interface SpreadRule {
  /** How long a device must be connected before it counts as back: one that comes and goes gets nothing. */
  returnSteadyMs: number;
  /** The least time between two spreads of one job. */
  spreadEveryMs: number;
}

/**
 * Spreads what is queued in running jobs evenly over their connected devices, after a device is back whose messages had moved to
 * others. Only where it is worth it: the device has less than half of its share. Messages in flight or unconfirmed stay where
 * they are. Returns how many messages moved.
 */
export async function spreadOverReturned(db: Db, rule: SpreadRule): Promise<number> {
  let moved = 0;
  for (const jobId of await jobsToSpread(db, rule)) {
    for (let statements = 0; statements < statementsMax; statements++) {
      const now = await retrying(() => spread(db, jobId));
      moved += now;
      if (now < movedMax) break;
    }
    await sql`update broadcast_jobs set spread_at = now() where id = ${jobId}`.execute(db);
  }
  return moved;
}

/** Running jobs that lost messages to a failover, and one of whose devices came back since and has too little to do. */
async function jobsToSpread(db: Db, rule: SpreadRule): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select j.id from broadcast_jobs j
    cross join lateral (
      select d.state_since, coalesce(s.messages, 0) as queued, avg(coalesce(s.messages, 0)) over () as share
      from user_devices d
      left join broadcast_job_stats s on s.job_id = j.id and s.device_id = d.id and s.status = 'queued'
      where d.id = any (j.device_ids) and d.workspace_id = j.workspace_id and d.state = 'connected' and d.is_active
        and (d.quarantined_until is null or d.quarantined_until <= now())
    ) as d
    where j.state = 'running' and j.kind <> 'direct' and j.source in ${movableSources} and j.failovers > 0
      and (j.spread_at is null or j.spread_at < now() - ${rule.spreadEveryMs} * interval '1 millisecond')
    group by j.id
    having bool_or(d.state_since > coalesce(j.spread_at, j.planned_at)
      and d.state_since < now() - ${rule.returnSteadyMs} * interval '1 millisecond'
      and d.queued < d.share / 2 and d.share >= 2)
    order by j.id`.execute(db);
  return rows.map(({ id }) => id);
}

/**
 * One bounded step towards equal shares: the last queued rows of devices with more than the average go to those with less, dealt out
 * in rotation. Locks the in-flight rows of the devices it takes from, so that a claim and a move cannot both have a message.
 */
async function spread(db: Db, jobId: string): Promise<number> {
  const { rows } = await sql<{ moved: number }>`
    with sharers as materialized (
      select d.id, d.rotation_order, coalesce(s.messages, 0) as queued
      from broadcast_jobs j
      join user_devices d on d.id = any (j.device_ids) and d.workspace_id = j.workspace_id
      left join broadcast_job_stats s on s.job_id = j.id and s.device_id = d.id and s.status = 'queued'
      where j.id = ${jobId} and j.state = 'running' and d.state = 'connected' and d.is_active
        and (d.quarantined_until is null or d.quarantined_until <= now())
    ),
    share as materialized (select ceil(avg(queued))::integer as fair from sharers),
    held as materialized (
      select f.device_id, f.message_ids from device_in_flight f
      where f.device_id in (select id from sharers, share where queued > fair) order by f.device_id for update
    ),
    surplus as materialized (
      select last.id, row_number() over (order by last.turn, last.id) as slot
      from sharers d cross join share left join held h on h.device_id = d.id
      cross join lateral (
        select m.id, row_number() over (order by m.id desc) as turn from broadcast_messages m
        where m.device_id = d.id and m.job_id = ${jobId} and m.status = 'queued' and m.id <> all (coalesce(h.message_ids, '{}'))
        order by m.id desc limit least(greatest(d.queued - share.fair, 0), ${movedMax})
      ) as last
      order by slot limit ${movedMax}
    ),
    room as materialized (
      select d.id as device_id, row_number() over (order by n, d.rotation_order) as slot
      from sharers d cross join share
      cross join lateral generate_series(1, least(greatest(share.fair - d.queued, 0), ${movedMax})) as n
    ),
    moved as (
      update broadcast_messages m set device_id = r.device_id
      from surplus s join room r using (slot) where m.id = s.id and m.status = 'queued' returning 1
    )
    select count(*) as moved from moved`.execute(db);
  return rows[0]?.moved ?? 0;
}
