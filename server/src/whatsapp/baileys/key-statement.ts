import { sql } from 'kysely';
import type { Db } from '../../database/index.ts';
import { type KeyChange, type KeyOwner, nameOfOwner, sealContext } from './key-group.ts';

/** The `type` under which a device's credentials travel through the writer; they have a table of their own. */
export const credentialsType = 'credentials';

/** A change as it goes into its row. */
interface SealedChange extends KeyOwner {
  type: string;
  key: string;
  sealed: Buffer | null;
}

/** Encrypts changes for their rows; done once, however often the statement is tried. */
export function sealChanges(changes: readonly KeyChange[]): SealedChange[] {
  return changes.map(({ deviceId, epoch, type, key, text, cipher }) => {
    const sealed = text === null ? null : cipher.seal(sealContext(deviceId, type, key), Buffer.from(text));
    return { deviceId, epoch, type, key, sealed };
  });
}

/**
 * Stores changes of any number of devices in one statement and returns the names of the owners it stored for.
 *
 * Locks: the lease rows of the devices FOR SHARE, in id order, so that no epoch changes until the commit; then the key
 * rows. A change under another epoch than the lease's joins nothing and is dropped, which is the fence.
 */
export async function storeChanges(db: Db, changes: readonly SealedChange[]): Promise<ReadonlySet<string>> {
  const deviceIds = changes.map((change) => change.deviceId);
  const result = await sql<{ device_id: string; epoch: string }>`
    with offered as (
      select * from unnest(
        ${deviceIds}::uuid[], ${changes.map((change) => change.epoch)}::bigint[],
        ${changes.map((change) => change.type)}::text[], ${changes.map((change) => change.key)}::text[],
        ${changes.map((change) => change.sealed)}::bytea[]
      ) as o (device_id, epoch, type, key, sealed)
    ), held as materialized (
      select device_id, epoch, workspace_id from device_leases
      where device_id = any(${[...new Set(deviceIds)]}::uuid[]) order by device_id for share
    ), allowed as materialized (
      select o.*, h.workspace_id from offered o join held h using (device_id, epoch)
    ), removed as (
      delete from device_keys k using allowed a
      where a.sealed is null and k.device_id = a.device_id and k.type = a.type and k.key = a.key
    ), stored as (
      insert into device_keys as k (device_id, type, key, workspace_id, sealed)
      select device_id, type, key, workspace_id, sealed from allowed
      where sealed is not null and type <> ${credentialsType} order by device_id, type, key
      on conflict (device_id, type, key) do update set sealed = excluded.sealed
    ), credentials as (
      insert into device_credentials as c (device_id, workspace_id, sealed, epoch)
      select device_id, workspace_id, sealed, epoch from allowed
      where sealed is not null and type = ${credentialsType} order by device_id
      on conflict (device_id) do update
        set sealed = excluded.sealed, epoch = excluded.epoch, updated_at = now()
    )
    select device_id, epoch from held
  `.execute(db);
  return new Set(
    result.rows.map((row) => nameOfOwner({ deviceId: row.device_id, epoch: Number(row.epoch) })),
  );
}
