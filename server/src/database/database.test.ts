import { createServer } from 'node:net';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { cloneTemplate, createTestDatabase, type TestDatabase } from '../../../test/support/database.ts';
import { guardedUser } from '../../../test/support/server-uri.ts';
import { silentLogger } from '../platform/logger.ts';
import { createDatabase, type DatabaseService } from './database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.remove());

const opened: DatabaseService[] = [];
afterEach(async () => {
  for (const each of opened.splice(0)) await each.stop();
});

function databaseAt(uri: string): DatabaseService {
  const service = createDatabase({ dataDir: '/nonexistent', uri, logger: silentLogger });
  opened.push(service);
  return service;
}

test('numbers, dates, bytes and lists arrive as such', async () => {
  const { rows } = await database.pool.query(
    `select 9007199254740991::bigint as big, 1.5::numeric as exact, array[1, null]::bigint[] as list, '{}'::bigint[] as none,
       array['a,b', 'c'] as texts, timestamptz '2026-01-02 03:04:05Z' as at, '\\x0102'::bytea as bytes, '{"a": [1]}'::jsonb as json`,
  );
  expect(rows).toEqual([
    {
      big: 9007199254740991,
      exact: 1.5,
      list: [1, null],
      none: [],
      texts: ['a,b', 'c'],
      at: new Date('2026-01-02T03:04:05Z'),
      bytes: Buffer.from([1, 2]),
      json: { a: [1] },
    },
  ]);
});

test('a connection may neither wait nor hold for long', async () => {
  const { rows } = await database.pool.query(
    `select name, setting from pg_settings
     where name in ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout') order by name`,
  );
  expect(rows).toEqual([
    { name: 'idle_in_transaction_session_timeout', setting: '10000' },
    { name: 'lock_timeout', setting: '10000' },
    { name: 'statement_timeout', setting: '30000' },
  ]);
});

test('a second program on the same server gets a sentence', async () => {
  await expect(databaseAt(database.uri).start()).rejects.toMatchObject({
    code: 'data_folder_in_use',
    message: expect.stringMatching(/^Another Sambad uses the database test_/),
  });
});

test('a connection that is lost in somebody’s hands fails their next query, and nothing else', async () => {
  const client = await database.pool.connect();
  const ended = new Promise<void>((resolve) => client.once('end', resolve));
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  await database.pool.query('select pg_terminate_backend($1)', [rows[0]?.pid]);
  // Nobody waits for an answer that could fail: without a listener the error would end the process.
  await ended;
  await expect(client.query('select 1')).rejects.toThrow();
  client.release(true);
  expect((await database.pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
});

test('a database of a newer program is refused and left as it is', async () => {
  const { uri, drop } = await cloneTemplate();
  const first = databaseAt(uri);
  await first.start();
  await first.pool.query("insert into schema_migrations (number, name) values (9999, 'from the future')");
  await first.stop();
  await expect(databaseAt(uri).start()).rejects.toMatchObject({
    code: 'conflict',
    message: expect.stringContaining('made by a newer Sambad (its schema is 9999'),
  });
  await drop();
});

test('a lost connection is noticed, and the lock is taken anew under another generation', async () => {
  const { uri, drop } = await cloneTemplate();
  const service = databaseAt(uri);
  await service.start();
  expect(service.generation()).toBe(1);
  await service.pool.query("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'");
  await expect.poll(() => service.generation(), { timeout: 10_000 }).toBe(2);
  await service.stop();
  expect(service.generation()).toBeUndefined();
  await drop();
});

test('a missing database is named', async () => {
  const missing = database.uri.replace(/\/test_\w+/, '/nowhere');
  await expect(databaseAt(missing).start()).rejects.toMatchObject({
    code: 'database_unreachable',
    message: expect.stringMatching(
      /^The database nowhere at .* cannot be used: there is no database of that name/,
    ),
  });
});

test('a port where nothing listens, a host without a name and a text that is no URI: a sentence without the password', async () => {
  const port = await freePort();
  const cases: [string, string, RegExp][] = [
    [`postgresql://u:hidden@127.0.0.1:${port}/x`, 'database_unreachable', /nothing listens there/],
    ['postgresql://u:hidden@no-such-host.invalid/x', 'database_unreachable', /host/],
    ['postgresql://u:hidden@[/x', 'config_invalid', /^DB_URI is not a PostgreSQL URI/],
  ];
  for (const [uri, code, sentence] of cases) {
    const error = await databaseAt(uri)
      .start()
      .catch((thrown: Error) => thrown);
    expect(error).toMatchObject({ code, message: expect.stringMatching(sentence) });
    expect(error?.message).not.toContain('hidden');
  }
});

test('a wrong password is said, and not repeated', async () => {
  const guarded = database.uri.replace('sambad@', `${guardedUser}:hidden@`);
  const error = await databaseAt(guarded)
    .start()
    .catch((thrown: Error) => thrown);
  expect(error).toMatchObject({
    code: 'database_unreachable',
    message: expect.stringContaining('refused the password'),
  });
  expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('hidden');
});

test('stopping is safe before start and twice', async () => {
  const { uri, drop } = await cloneTemplate();
  const service = databaseAt(uri);
  await service.stop();
  await service.start();
  await service.stop();
  await service.stop();
  await drop();
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}
