import type { Kysely } from 'kysely';
import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test/support/database.ts';
import { createLedger, type Ledger, planEverybody } from '../../../test/support/ledger.ts';
import { ScriptedEngine } from '../../../test/support/scripted-engine.ts';
import type { ScriptedConnection } from '../../../test/support/scripted-whatsapp.ts';
import type { Db, Schema } from '../database/index.ts';

let database: TestDatabase;
let ledger: Ledger;
let scripted: ScriptedEngine;
let connection: ScriptedConnection;
/** What the engine's statements meet. */
let away: 'no' | 'before' | 'after';

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.remove());
beforeEach(async () => {
  away = 'no';
  ledger = await createLedger(database.db, { devices: 1, leads: 30 });
  await planEverybody(database.db, ledger);
  scripted = new ScriptedEngine(database.db, { db: unreliable(database.db) });
  connection = await scripted.attach(device());
});
afterEach(async () => {
  away = 'no';
  await scripted.stop();
});

const device = (): { workspaceId: string; deviceId: string } => ({
  workspaceId: ledger.workspaceId,
  deviceId: ledger.deviceIds[0] ?? '',
});

/** The same database, except that statements are refused before they reach it, or their answers are lost on the way back. */
function unreliable(db: Db): Db {
  const executor = db.getExecutor();
  const refusing = new Proxy(executor, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (name !== 'executeQuery') return typeof value === 'function' ? value.bind(target) : value;
      return async (...args: Parameters<typeof executor.executeQuery>) => {
        if (away === 'before') throw new Error('The database is away.');
        const result = await executor.executeQuery(...args);
        if (away === 'after') throw new Error('The answer of the database was lost.');
        return result;
      };
    },
  });
  return new Proxy(db, {
    get(target, name) {
      if (name === 'getExecutor') return () => refusing;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  }) as Kysely<Schema>;
}

/** Acknowledges what is written from now on. */
function acknowledge(): string[] {
  const written: string[] = [];
  const listen = async (): Promise<void> => {
    for (;;) {
      const { waMessageId } = await connection.nextWrite();
      if (connection.result.kind !== 'written') return;
      written.push(waMessageId);
      connection.say({ kind: 'acknowledged', waMessageId });
    }
  };
  void listen();
  return written;
}

const sent = async (): Promise<number> => (await scripted.statuses(device().deviceId)).sent ?? 0;

test('while the database is away nothing is claimed and nothing lost, and afterwards everything goes out once', async () => {
  const written = acknowledge();
  await scripted.engine.start();
  await scripted.until(() => written.length >= 5, 10);
  away = 'before';
  const before = await sent();
  // What is in memory still goes out; then the device has nothing to do.
  await scripted.until(() => scripted.engine.statusOf(device().deviceId)?.activity === 'idle');
  const held = written.length;
  scripted.clock.advance(60_000);
  expect(written).toHaveLength(held);
  expect(await sent()).toBe(before);
  away = 'no';
  await scripted.until(async () => (await sent()) === 30);
  expect(new Set(written).size).toBe(30);
  expect(written).toHaveLength(30);
});

test('claims whose answer was lost on the way become due again, and go out once', async () => {
  const written = acknowledge();
  await scripted.engine.start();
  away = 'after';
  const claimed = async (): Promise<boolean> => {
    const { rows } = await sql<{ held: number }>`
      select cardinality(message_ids) as held from device_in_flight where device_id = ${device().deviceId}`.execute(
      database.db,
    );
    return (rows[0]?.held ?? 0) > 0;
  };
  await scripted.until(claimed);
  expect(written).toEqual([]);
  away = 'no';
  await scripted.until(async () => (await sent()) === 30);
  expect(written).toHaveLength(30);
});

test('a device whose work hangs is left behind after ten minutes and its connection closed; its messages are kept', async () => {
  await scripted.engine.start();
  const hangs = Promise.withResolvers<never>();
  connection.send = () => hangs.promise;
  let closed = false;
  const { promise: whenClosed, resolve } = Promise.withResolvers<void>();
  connection.close = async () => {
    closed = true;
    resolve();
  };
  await scripted.until(() => scripted.engine.statusOf(device().deviceId)?.activity === 'sending', 10);
  for (let minutes = 0; minutes < 9; minutes++) {
    await scripted.until(() => true);
    scripted.clock.advance(60_000);
  }
  expect(closed).toBe(false);
  await scripted.until(() => closed, 10_000);
  await whenClosed;
  await scripted.until(async () => (await scripted.statuses(device().deviceId)).unconfirmed === 1);
  expect(await scripted.statuses(device().deviceId)).toEqual({ queued: 29, unconfirmed: 1 });
});
