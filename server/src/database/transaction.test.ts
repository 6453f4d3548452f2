import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test/support/database.ts';
import { type Transactor, transaction } from './transaction.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
  await sql`create table counters (id integer primary key, value integer not null)`.execute(database.db);
});
afterAll(() => database.remove());
beforeEach(async () => {
  await sql`truncate counters`.execute(database.db);
  await sql`insert into counters values (1, 0), (2, 0)`.execute(database.db);
});

const add = (tx: Transactor, id: number): Promise<unknown> =>
  sql`update counters set value = value + 1 where id = ${id}`.execute(tx.db);

async function values(): Promise<number[]> {
  const { rows } = await sql<{ value: number }>`select value from counters order by id`.execute(database.db);
  return rows.map((row) => row.value);
}

test('what a transaction registered rings once, after the commit', async () => {
  const rung: string[] = [];
  await transaction(database.db, async (tx) => {
    await add(tx, 1);
    tx.onCommit(() => rung.push('first'));
    tx.onCommit(() => rung.push('second'));
    expect(rung).toEqual([]);
  });
  expect(rung).toEqual(['first', 'second']);
  expect(await values()).toEqual([1, 0]);
});

test('a transaction that throws leaves nothing and rings nothing', async () => {
  const rung: string[] = [];
  const work = transaction(database.db, async (tx) => {
    await add(tx, 1);
    tx.onCommit(() => rung.push('rung'));
    throw new Error('changed my mind');
  });
  await expect(work).rejects.toThrow('changed my mind');
  expect(rung).toEqual([]);
  expect(await values()).toEqual([0, 0]);
});

test('a query on a finished transaction throws', async () => {
  const kept = await transaction(database.db, async (tx) => tx);
  await expect(add(kept, 1)).rejects.toThrow(/committed/i);
  expect(await values()).toEqual([0, 0]);
});

test('two transactions that deadlock both succeed, and the repeated one rings once', async () => {
  const bothHold = Promise.withResolvers<void>();
  let holding = 0;
  let runs = 0;
  const rung: string[] = [];
  const crossed = (first: number, second: number): Promise<void> =>
    transaction(database.db, async (tx) => {
      runs += 1;
      await add(tx, first);
      if (++holding === 2) bothHold.resolve();
      await bothHold.promise;
      await add(tx, second);
      tx.onCommit(() => rung.push(`${first} then ${second}`));
    });
  await Promise.all([crossed(1, 2), crossed(2, 1)]);
  expect(runs).toBe(3);
  expect(rung.toSorted()).toEqual(['1 then 2', '2 then 1']);
  expect(await values()).toEqual([2, 2]);
});

test('a serialisation failure is tried four times in all and then travels', async () => {
  let runs = 0;
  const work = transaction(database.db, async (tx) => {
    runs += 1;
    await sql`do $$ begin raise exception 'again' using errcode = '40001'; end $$`.execute(tx.db);
  });
  await expect(work).rejects.toMatchObject({ code: '40001' });
  expect(runs).toBe(4);
});
