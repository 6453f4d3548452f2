import { type Db, retrying } from '../../database/index.ts';
import type { Lease, Leases } from '../lease.ts';

export interface SoloLeasesOptions {
  db: Db;
  nodeId: string;
  /**
   * Counts how often this program took the database for itself; undefined while it does not hold it. A lease taken
   * under one count ends with it, because another program may have had the devices in between.
   */
  generation(): number | undefined;
}

/** Leases where one process owns every device: the program's lock on its database is what keeps others out. */
export function createSoloLeases(options: SoloLeasesOptions): Leases {
  return new SoloLeases(options);
}

class SoloLeases implements Leases {
  readonly nodeId: string;
  readonly #options: SoloLeasesOptions;
  /** The newest lease of each device; an older one of this process is not held any more. */
  readonly #held = new Map<string, Lease>();

  constructor(options: SoloLeasesOptions) {
    this.nodeId = options.nodeId;
    this.#options = options;
  }

  async acquire(device: { deviceId: string; workspaceId: string }): Promise<Lease | undefined> {
    const generation = this.#options.generation();
    if (generation === undefined) return undefined;
    const epoch = await this.#takeEpoch(device);
    const lease: Lease = {
      ...device,
      epoch,
      isHeld: () => this.#held.get(device.deviceId) === lease && this.#options.generation() === generation,
    };
    const newest = this.#held.get(device.deviceId);
    if (!newest || newest.epoch < epoch) this.#held.set(device.deviceId, lease);
    return lease;
  }

  async release(lease: Lease): Promise<void> {
    if (this.#held.get(lease.deviceId) === lease) this.#held.delete(lease.deviceId);
    await retrying(() =>
      this.#options.db
        .updateTable('device_leases')
        .set({ node_id: null })
        .where('device_id', '=', lease.deviceId)
        .where('epoch', '=', lease.epoch)
        .execute(),
    );
  }

  async #takeEpoch({ deviceId, workspaceId }: { deviceId: string; workspaceId: string }): Promise<number> {
    const row = await retrying(() =>
      this.#options.db
        .insertInto('device_leases')
        .values({ device_id: deviceId, workspace_id: workspaceId, node_id: this.nodeId, epoch: 1 })
        .onConflict((conflict) =>
          conflict.column('device_id').doUpdateSet((row) => ({
            epoch: row('device_leases.epoch', '+', 1),
            node_id: this.nodeId,
            expires_at: null,
          })),
        )
        .returning('epoch')
        .executeTakeFirstOrThrow(),
    );
    return row.epoch;
  }
}
