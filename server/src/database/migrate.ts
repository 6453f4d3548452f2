import type pg from 'pg';
import { SambadError } from '../platform/errors.ts';
import { type Migration, migrations } from './migrations/index.ts';

/** An arbitrary number that names the lock "a program migrates this database". */
const migrationLock = 0x53616d02;

/**
 * Brings the database to this program's schema: each missing migration in a transaction of its own, one program at a
 * time. A database that a newer program has migrated is refused and left as it is. Returns the numbers applied.
 */
export async function migrate(pool: pg.Pool, list: readonly Migration[] = migrations): Promise<number[]> {
  const client = await pool.connect();
  try {
    // A change of a large table may take longer than any statement of daily work.
    await client.query('set statement_timeout = 0; set lock_timeout = 0');
    await client.query('select pg_advisory_lock($1)', [migrationLock]);
    return await applyMissing(client, list);
  } finally {
    // The connection goes with its settings and its lock.
    client.release(true);
  }
}

async function applyMissing(client: pg.PoolClient, list: readonly Migration[]): Promise<number[]> {
  await client.query(
    'create table if not exists schema_migrations (number integer primary key, name text not null, applied_at timestamptz not null default now())',
  );
  const result = await client.query<{ number: number }>('select number from schema_migrations');
  const applied = new Set(result.rows.map((row) => row.number));
  refuseNewer(Math.max(0, ...applied), list.at(-1)?.number ?? 0);
  const missing = list.filter((migration) => !applied.has(migration.number));
  for (const migration of missing) await apply(client, migration);
  return missing.map((migration) => migration.number);
}

async function apply(client: pg.PoolClient, migration: Migration): Promise<void> {
  await client.query('begin');
  try {
    await client.query(migration.sql);
    await client.query('insert into schema_migrations (number, name) values ($1, $2)', [
      migration.number,
      migration.name,
    ]);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  }
}

function refuseNewer(found: number, known: number): void {
  if (found <= known) return;
  throw new SambadError(
    'conflict',
    `The database was made by a newer Sambad (its schema is ${found}, this program knows ${known}): start the newer program, or restore a backup from before the upgrade.`,
  );
}
