import { sql } from 'kysely';
import { describe, expect, test } from 'vitest';
import { type Db, isFenced } from '../database/index.ts';
import type { Lease, Leases } from './lease.ts';

/** What the suite needs of an adapter: leases of a node, and devices to take them for. */
export interface LeaseBench {
  db: Db;
  leases(nodeId: string): Leases;
  /** A new device, in the database. */
  addDevice(): Promise<{ deviceId: string; workspaceId: string }>;
}

/** What every implementation of Leases must do. Run by the test of each. */
export function leasesConform(bench: () => LeaseBench): void {
  describe('leases', () => {
    takingAndReleasing(bench);
    contention(bench);
    fencing(bench);
  });
}

function takingAndReleasing(bench: () => LeaseBench): void {
  test('a lease names its device, is held, and stands in the row', async () => {
    const { leases, addDevice, db } = bench();
    const device = await addDevice();
    const lease = await taken(leases('node-a'), device);
    expect(lease).toMatchObject({ ...device, epoch: 1 });
    expect(lease.isHeld()).toBe(true);
    const row = await db
      .selectFrom('device_leases')
      .selectAll()
      .where('device_id', '=', device.deviceId)
      .execute();
    expect(row).toMatchObject([{ workspace_id: device.workspaceId, node_id: 'node-a', epoch: 1 }]);
  });

  test('a released lease is not held, names no node, and the next one has a higher epoch', async () => {
    const { leases, addDevice, db } = bench();
    const device = await addDevice();
    const node = leases('node-a');
    const first = await taken(node, device);
    await node.release(first);
    expect(first.isHeld()).toBe(false);
    const { node_id, epoch } = await db
      .selectFrom('device_leases')
      .select(['node_id', 'epoch'])
      .where('device_id', '=', device.deviceId)
      .executeTakeFirstOrThrow();
    expect({ node_id, epoch }).toEqual({ node_id: null, epoch: 1 });
    expect((await taken(node, device)).epoch).toBe(2);
  });

  test('releasing twice, or a lease that was overtaken, leaves the newer one alone', async () => {
    const { leases, addDevice, db } = bench();
    const device = await addDevice();
    const node = leases('node-a');
    const first = await taken(node, device);
    await node.release(first);
    const second = await taken(node, device);
    await node.release(first);
    expect(second.isHeld()).toBe(true);
    const row = await db
      .selectFrom('device_leases')
      .select('node_id')
      .where('device_id', '=', device.deviceId)
      .executeTakeFirstOrThrow();
    expect(row.node_id).toBe('node-a');
  });
}

function contention(bench: () => LeaseBench): void {
  test('two devices have leases of their own', async () => {
    const { leases, addDevice } = bench();
    const node = leases('node-a');
    const [first, second] = [await taken(node, await addDevice()), await taken(node, await addDevice())];
    await node.release(first);
    expect(second.isHeld()).toBe(true);
  });

  test('at most one of many taken at once is held, and no epoch is given twice', async () => {
    const { leases, addDevice } = bench();
    const device = await addDevice();
    const node = leases('node-a');
    const all = await Promise.all(Array.from({ length: 8 }, () => node.acquire(device)));
    const got = all.filter((lease) => lease !== undefined);
    expect(new Set(got.map((lease) => lease.epoch)).size).toBe(got.length);
    expect(got.filter((lease) => lease.isHeld())).toHaveLength(1);
  });
}

function fencing(bench: () => LeaseBench): void {
  test('a write under an older epoch changes nothing', async () => {
    const { leases, addDevice, db } = bench();
    const device = await addDevice();
    const node = leases('node-a');
    const stale = await taken(node, device);
    await node.release(stale);
    const current = await taken(node, device);
    const rename = async (lease: Lease, name: string): Promise<bigint | undefined> => {
      const statement = sql`update user_devices set name = ${name} where id = ${device.deviceId} and ${isFenced(lease)}`;
      return (await statement.execute(db)).numAffectedRows;
    };
    expect(await rename(current, 'current')).toBe(1n);
    expect(await rename(stale, 'stale')).toBe(0n);
    const row = await db
      .selectFrom('user_devices')
      .select('name')
      .where('id', '=', device.deviceId)
      .executeTakeFirstOrThrow();
    expect(row.name).toBe('current');
  });
}

async function taken(leases: Leases, device: { deviceId: string; workspaceId: string }): Promise<Lease> {
  const lease = await leases.acquire(device);
  if (!lease) throw new Error('The device was free, and its lease was refused.');
  return lease;
}
