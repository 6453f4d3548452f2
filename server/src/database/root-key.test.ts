import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test/support/database.ts';
import { type RootKeySource, resolveRootKey } from './root-key.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.remove());

function sourceOf(key: Buffer | undefined, made: Buffer[] = []): RootKeySource {
  const create = (): Buffer => {
    made.push(Buffer.alloc(32, 9));
    return made[0]!;
  };
  return { read: () => key, create, place: 'secret.key' };
}

async function sealSomething(): Promise<void> {
  const [workspaceId, deviceId] = [randomUUID(), randomUUID()];
  await database.pool.query("insert into workspaces values ($1, 'w', 'UTC', 'MY')", [workspaceId]);
  await database.pool.query(
    `insert into user_devices (id, workspace_id, name, rotation_order, min_delay_seconds, max_delay_seconds, cap_per_minute, cap_per_hour, cap_per_day)
     values ($1, $2, 'Server 1', 1, 5, 15, 20, 500, 5000)`,
    [deviceId, workspaceId],
  );
  await database.db
    .insertInto('device_credentials')
    .values({ device_id: deviceId, workspace_id: workspaceId, sealed: Buffer.from([1]), epoch: 1 })
    .execute();
}

test('a key is made while nothing is sealed, may still be exchanged then, and is fixed afterwards', async () => {
  const { db } = database;
  const made: Buffer[] = [];
  expect(await resolveRootKey(db, sourceOf(undefined, made))).toBe(made[0]);
  const second = Buffer.alloc(32, 2);
  expect(await resolveRootKey(db, sourceOf(second))).toBe(second);

  await sealSomething();
  expect(await resolveRootKey(db, sourceOf(second))).toBe(second);
  await expect(resolveRootKey(db, sourceOf(Buffer.alloc(32, 3)))).rejects.toMatchObject({
    code: 'key_wrong',
  });
  const madeLater: Buffer[] = [];
  await expect(resolveRootKey(db, sourceOf(undefined, madeLater))).rejects.toMatchObject({
    code: 'key_missing',
    message: expect.stringContaining('secret.key is gone'),
  });
  expect(madeLater).toEqual([]);
});
