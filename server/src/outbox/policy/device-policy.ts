import { sql } from 'kysely';
import type { Db } from '../../database/index.ts';
import type { Wait } from '../pacing.ts';

/** What rows say about how a device may send, so that a restart or another owner goes on from there. */
export interface DevicePolicy {
  warmsUp: boolean;
  warmUpSinceMs: number | undefined;
  /** How much of a quarantine is left, by the database's clock. */
  quarantineLeftMs: number;
  /** Why jobs with messages for this device wait, until the first of them goes on. */
  jobWait: { why: Wait['why']; leftMs: number } | undefined;
}

export async function loadDevicePolicy(db: Db, deviceId: string): Promise<DevicePolicy> {
  const { rows } = await sql<{ warmsUp: boolean; since: Date | null; quarantineMs: number | null }>`
    select warm_up as "warmsUp", warm_up_since as since,
      (extract(epoch from quarantined_until - now()) * 1000)::double precision as "quarantineMs"
    from user_devices where id = ${deviceId}`.execute(db);
  const jobs = await sql<{ why: Wait['why']; leftMs: number }>`
    select j.waits_why as why, (extract(epoch from j.waits_until - now()) * 1000)::double precision as "leftMs"
    from broadcast_job_stats s join broadcast_jobs j on j.id = s.job_id
    where s.device_id = ${deviceId} and s.status in ('queued', 'unconfirmed') and s.messages > 0
      and j.state = 'running' and j.waits_until > now()
    order by j.waits_until limit 1`.execute(db);
  const row = rows[0];
  return {
    warmsUp: row?.warmsUp ?? false,
    warmUpSinceMs: row?.since?.getTime(),
    quarantineLeftMs: Math.max(0, row?.quarantineMs ?? 0),
    jobWait: jobs.rows[0],
  };
}

/** Notes that a device sends its first message now, unless it has sent before. Returns when its warm-up began. */
export async function beginWarmUp(db: Db, deviceId: string): Promise<number> {
  const { rows } = await sql<{ since: Date }>`
    update user_devices set warm_up_since = coalesce(warm_up_since, now()) where id = ${deviceId}
    returning warm_up_since as since`.execute(db);
  if (!rows[0]) throw new Error('The device is gone.');
  return rows[0].since.getTime();
}

/** Lets a device rest. Its queued messages move to others as those of an offline device do (failover.ts). */
export async function storeQuarantine(
  db: Db,
  deviceId: string,
  { forMs, reason }: { forMs: number; reason: string },
): Promise<void> {
  await sql`
    update user_devices set quarantined_until = now() + ${forMs} * interval '1 millisecond', quarantine_reason = ${reason}
    where id = ${deviceId}`.execute(db);
}
