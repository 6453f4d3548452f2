import { Kysely, PostgresDialect } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import { DeviceOnNetwork, testEncryption } from '../../../../test/support/device-on-network.ts';
import type { Db, Schema } from '../../database/index.ts';
import { systemClock } from '../../platform/clock.ts';
import { silentLogger } from '../../platform/logger.ts';
import { systemRandom } from '../../platform/random.ts';
import { BoundedCache } from './bounded-cache.ts';
import { DeviceKeys } from './device-keys.ts';
import type { KeyChange, KeyOwner, WriteFailure } from './key-group.ts';
import { KeyWriter, type KeyWriterOptions } from './key-writer.ts';

let database: TestDatabase;
let device: DeviceOnNetwork;
let owner: KeyOwner;
let statements: number;
let failingConnects: number;
let writer: KeyWriter;

beforeAll(async () => {
  database = await createTestDatabase();
});
beforeEach(async () => {
  device = await DeviceOnNetwork.create(database.db);
  owner = { deviceId: device.deviceId, epoch: 1 };
  statements = 0;
  failingConnects = 0;
  writer = new KeyWriter(writerParts());
});
afterAll(() => database.remove());

function countStatement(): void {
  statements += 1;
}

function writerParts(): KeyWriterOptions {
  return { db: countedDb(), clock: systemClock, random: systemRandom, logger: silentLogger };
}

/** The test database, with its statements counted and its first connections failing on demand. */
function countedDb(): Db {
  const pool = {
    connect: async () => {
      if (failingConnects > 0) {
        failingConnects -= 1;
        throw Object.assign(new Error('no database'), { code: 'ECONNREFUSED' });
      }
      return database.pool.connect();
    },
    end: async () => undefined,
    options: {},
  };
  return new Kysely<Schema>({ dialect: new PostgresDialect({ pool }), log: countStatement });
}

const cipherOf = ({ deviceId }: KeyOwner) => testEncryption.forPurpose(`device:${deviceId}`);

function change(of: KeyOwner, key: string, text: string | null): KeyChange {
  return { ...of, type: 'session', key, text, cipher: cipherOf(of) };
}

function keysOf(of: KeyOwner, onLost: (failure: WriteFailure) => void = () => undefined): DeviceKeys {
  const cache = new BoundedCache<string | null>(systemClock, { entriesMax: 100 });
  return new DeviceKeys({
    db: database.db,
    clock: systemClock,
    cache,
    writer,
    cipher: cipherOf(of),
    owner: of,
    onLost,
  });
}

async function stored(of: KeyOwner): Promise<Record<string, string>> {
  const { rows } = await database.pool.query(
    'select key, sealed from device_keys where device_id = $1 order by key',
    [of.deviceId],
  );
  return Object.fromEntries(
    rows.map((row) => [
      row.key,
      cipherOf(of).open(`${of.deviceId}:session:${row.key}`, row.sealed).toString(),
    ]),
  );
}

test('writes of several devices asked for together go in one statement, the last one per key counts', async () => {
  const other = await DeviceOnNetwork.create(database.db);
  const otherOwner = { deviceId: other.deviceId, epoch: 1 };
  const outcomes = await Promise.all([
    writer.write(owner, [change(owner, 'a', '1'), change(owner, 'b', '1')]),
    writer.write(owner, [change(owner, 'a', '2')]),
    writer.write(otherOwner, [change(otherOwner, 'a', '3')]),
  ]);
  expect(outcomes).toEqual([undefined, undefined, undefined]);
  expect(await stored(owner)).toEqual({ a: '2', b: '1' });
  expect(await stored(otherOwner)).toEqual({ a: '3' });
  expect(statements).toBe(1);
});

test('a deletion removes the row', async () => {
  await writer.write(owner, [change(owner, 'a', '1'), change(owner, 'b', '1')]);
  await writer.write(owner, [change(owner, 'a', null)]);
  expect(await stored(owner)).toEqual({ b: '1' });
});

test('a stale epoch is fenced out while the other device of the group is stored', async () => {
  const other = await DeviceOnNetwork.create(database.db);
  const otherOwner = { deviceId: other.deviceId, epoch: 1 };
  await writer.write(owner, [change(owner, 'a', 'old')]);
  await device.loseLease();
  const outcomes = await Promise.all([
    writer.write(owner, [change(owner, 'a', 'stale'), change(owner, 'b', 'stale')]),
    writer.write(otherOwner, [change(otherOwner, 'a', 'new')]),
  ]);
  expect(outcomes).toEqual([{ kind: 'fenced' }, undefined]);
  expect(await stored(owner)).toEqual({ a: 'old' });
  expect(await stored(otherOwner)).toEqual({ a: 'new' });
});

test('a database that is away for a moment delays a write and loses nothing', async () => {
  failingConnects = 3;
  expect(await writer.write(owner, [change(owner, 'a', '1')])).toBeUndefined();
  expect(failingConnects).toBe(0);
  expect(await stored(owner)).toEqual({ a: '1' });
});

test('a stop while the database is away ends with the write failed, without waiting for it', async () => {
  failingConnects = Number.POSITIVE_INFINITY;
  const outcome = writer.write(owner, [change(owner, 'a', '1')]);
  await writer.stop();
  expect(await outcome).toMatchObject({ kind: 'failed' });
});

test('a value that the database refuses fails its own device only', async () => {
  const other = await DeviceOnNetwork.create(database.db);
  const otherOwner = { deviceId: other.deviceId, epoch: 1 };
  const outcomes = await Promise.all([
    writer.write(owner, [change(owner, 'no\0text', '1')]),
    writer.write(otherOwner, [change(otherOwner, 'a', '1')]),
  ]);
  expect(outcomes).toMatchObject([{ kind: 'failed' }, undefined]);
  expect(await stored(otherOwner)).toEqual({ a: '1' });
});

test('more than the bound of waiting changes is refused at once', async () => {
  const small = new KeyWriter({ ...writerParts(), pendingRowsMax: 10 });
  const ten = Array.from({ length: 10 }, (_, index) => change(owner, `k${index}`, '1'));
  const waiting = small.write(owner, ten);
  expect(await small.write(owner, [change(owner, 'one more', '1')])).toMatchObject({ kind: 'failed' });
  expect(await waiting).toBeUndefined();
  expect(await small.write(owner, [change(owner, 'one more', '1')])).toBeUndefined();
  expect(Object.keys(await stored(owner))).toHaveLength(11);
});

test('a read sees a write before it is committed, and the committed one after', async () => {
  const keys = keysOf(owner);
  await keys.set({ session: { a: Buffer.from('old') } });
  const setting = keys.set({ session: { a: Buffer.from('new'), b: null } });
  expect(await keys.get('session', ['a', 'b', 'c'])).toEqual({ a: Buffer.from('new') });
  await setting;
  expect(await keys.get('session', ['a', 'b', 'c'])).toEqual({ a: Buffer.from('new') });
  expect(await keysOf(owner).get('session', ['a'])).toEqual({ a: Buffer.from('new') });
});

test('a fenced write rejects, tells the connection once and ends later writes', async () => {
  const failures: WriteFailure[] = [];
  const keys = keysOf(owner, (failure) => failures.push(failure));
  await device.loseLease();
  await expect(keys.set({ session: { a: Buffer.from('x') } })).rejects.toThrow('not stored');
  await expect(keys.set({ session: { a: Buffer.from('y') } })).rejects.toThrow('any more');
  expect(failures).toEqual([{ kind: 'fenced' }]);
  expect(await stored(owner)).toEqual({});
});

test('values keep their bytes, and a changed copy does not change what is stored', async () => {
  const keys = keysOf(owner);
  const pair = { public: Buffer.from([1, 2, 255]), private: Buffer.from([0, 9]) };
  await keys.set({ 'pre-key': { '7': pair }, 'device-list': { '601': ['0', '3'] } });
  const lists = await keys.get('device-list', ['601']);
  lists['601']?.push('9');
  expect(await keys.get('device-list', ['601'])).toEqual({ '601': ['0', '3'] });
  expect(await keysOf(owner).get('pre-key', ['7'])).toEqual({ '7': pair });
});

test('a contact that was never asked about counts as having our privacy token', async () => {
  const keys = keysOf(owner);
  await keys.set({ tctoken: { known: { token: Buffer.from('theirs'), timestamp: '5' } } });
  const tokens = await keys.get('tctoken', ['known', 'unknown', '__index']);
  expect(tokens.known).toMatchObject({ token: Buffer.from('theirs'), timestamp: '5' });
  expect(tokens.unknown?.token).toHaveLength(0);
  expect(tokens.unknown?.senderTimestamp).toBeGreaterThan(1_600_000_000);
  expect(tokens).not.toHaveProperty('__index');
});
