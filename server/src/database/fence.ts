import { type RawBuilder, sql } from 'kysely';

/**
 * The condition of a fenced write: true only while this lease's epoch is the one in the row. It goes into the `where`
 * of the writing statement, or of the `select` that an insert takes its rows from. The share lock keeps another holder
 * from taking the device until the statement has committed, so a write that passed cannot land after a newer epoch.
 */
export function isFenced(lease: { deviceId: string; epoch: number }): RawBuilder<boolean> {
  return sql<boolean>`exists (
    select 1 from device_leases where device_id = ${lease.deviceId} and epoch = ${lease.epoch} for share)`;
}
