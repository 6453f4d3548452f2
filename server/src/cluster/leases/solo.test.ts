import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import { leasesConform } from '../lease-conformance.ts';
import { createSoloLeases } from './solo.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.remove());

async function addDevice(): Promise<{ deviceId: string; workspaceId: string }> {
  const workspaceId = randomUUID();
  const deviceId = randomUUID();
  await database.db
    .insertInto('workspaces')
    .values({ id: workspaceId, name: 'Kedai', time_zone: 'Asia/Kuala_Lumpur', default_country: 'MY' })
    .execute();
  await database.db
    .insertInto('user_devices')
    .values({
      id: deviceId,
      workspace_id: workspaceId,
      name: 'Server 1',
      rotation_order: 1,
      min_delay_seconds: 5,
      max_delay_seconds: 15,
      cap_per_minute: 20,
      cap_per_hour: 500,
      cap_per_day: 5000,
    })
    .execute();
  return { deviceId, workspaceId };
}

leasesConform(() => ({
  db: database.db,
  addDevice,
  leases: (nodeId) => createSoloLeases({ db: database.db, nodeId, generation: () => database.generation() }),
}));

test('a lease ends when the program loses its database, and stays ended when it is back', async () => {
  let generation: number | undefined = 1;
  const leases = createSoloLeases({ db: database.db, nodeId: 'node-a', generation: () => generation });
  const device = await addDevice();
  const lease = await leases.acquire(device);
  expect(lease?.isHeld()).toBe(true);
  generation = undefined;
  expect(lease?.isHeld()).toBe(false);
  expect(await leases.acquire(device)).toBeUndefined();
  generation = 2;
  expect(lease?.isHeld()).toBe(false);
  const next = await leases.acquire(device);
  expect(next?.isHeld()).toBe(true);
  expect(next?.epoch).toBe(2);
});
