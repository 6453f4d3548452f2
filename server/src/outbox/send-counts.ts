import { sql } from 'kysely';
import type { Db } from '../database/index.ts';
import { type CapPeriod, capPeriods, emptyCounts, type SendCounts } from './pacing.ts';

/** What a device has already sent in the present minute, hour and day, as settled; a restart or a new owner goes on from here. */
export async function loadSendCounts(db: Db, deviceId: string, nowMs: number): Promise<SendCounts> {
  const { rows } = await sql<{ period: CapPeriod; sent: number }>`
    select period, sent from device_send_counts
    where device_id = ${deviceId} and starts_at = date_trunc(period, now(), 'UTC')`.execute(db);
  const counts = emptyCounts(nowMs);
  for (const { period, sent } of rows) counts[period].sent = sent;
  return counts;
}

/** What all devices of the installation have sent in the present minute, as settled. */
export async function loadGlobalMinute(db: Db): Promise<number> {
  const { rows } = await sql<{ sent: number }>`
    select coalesce(sum(sent), 0)::integer as sent from device_send_counts
    where period = 'minute' and starts_at = date_trunc('minute', now(), 'UTC')`.execute(db);
  return rows[0]?.sent ?? 0;
}

/** Removes counts of periods that no cap looks at any more. */
export async function pruneSendCounts(db: Db): Promise<void> {
  await sql`delete from device_send_counts where starts_at < now() - interval '2 days' and period = any (${[...capPeriods]})`.execute(
    db,
  );
}
