import { sql } from 'kysely';
import type { Db } from '../../server/src/database/index.ts';
import { createJob, type NewJob, planJob } from '../../server/src/outbox/index.ts';
import { systemClock } from '../../server/src/platform/clock.ts';
import { idSource } from '../../server/src/platform/ids.ts';
import { systemRandom } from '../../server/src/platform/random.ts';

export const newId = idSource(systemClock, systemRandom);

/** A workspace with connected devices that are owned under epoch 1, for tests of the ledger's statements. */
export interface Ledger {
  workspaceId: string;
  deviceIds: string[];
}

/** Makes a workspace, `devices` connected devices in rotation order with lease and in-flight record, and `leads` leads. */
export async function createLedger(db: Db, size: { devices: number; leads: number }): Promise<Ledger> {
  const workspaceId = newId();
  await sql`insert into workspaces (id, name, time_zone, default_country) values (${workspaceId}, 'Test', 'Asia/Kuala_Lumpur', 'MY')`.execute(
    db,
  );
  const deviceIds = Array.from({ length: size.devices }, newId);
  await sql`
    insert into user_devices (id, workspace_id, name, rotation_order, state, offline_since, phone, min_delay_seconds, max_delay_seconds,
      cap_per_minute, cap_per_hour, cap_per_day)
    select id, ${workspaceId}, 'Server ' || place, place, 'connected', null, 60120000000 + place, 0, 0, 1000000, 1000000, 1000000
    from unnest(${deviceIds}::uuid[]) with ordinality as d (id, place)`.execute(db);
  for (const table of ['device_leases', 'device_in_flight']) {
    await sql`insert into ${sql.table(table)} (device_id, workspace_id, epoch) select id, ${workspaceId}, 1 from unnest(${deviceIds}::uuid[]) as id`.execute(
      db,
    );
  }
  await sql`
    insert into leads (workspace_id, phone, name)
    select ${workspaceId}, (60130000000 + n)::text, 'Lead ' || n from generate_series(1, ${size.leads}::integer) as n`.execute(
    db,
  );
  return { workspaceId, deviceIds };
}

/**
 * A planned job for every lead of the workspace, in rotation over all its devices unless told otherwise; `onPlanned` as in planJob. Returns its
 * id.
 */
export async function planEverybody(
  db: Db,
  ledger: Ledger,
  choice: Partial<Pick<NewJob, 'source' | 'deviceIds'>> = {},
  onPlanned?: () => void,
): Promise<string> {
  const campaignId = newId();
  await sql`
    insert into campaigns (id, workspace_id, title, target_status, message, min_delay_seconds, max_delay_seconds)
    values (${campaignId}, ${ledger.workspaceId}, 'Test', 'all', 'Hi {{ name }}', 0, 0)`.execute(db);
  const jobId = await createJob(db, newId, {
    workspaceId: ledger.workspaceId,
    campaignId,
    content: { template: 'Hi {{ name }}', mediaId: null },
    audience: { niche: null, targetStatus: 'all' },
    deviceIds: ledger.deviceIds,
    delay: { minMs: 0, maxMs: 0 },
    ...choice,
  });
  await planJob(db, ledger.workspaceId, jobId, onPlanned);
  return jobId;
}
