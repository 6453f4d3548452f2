import { sql } from 'kysely';
import type { Db } from '../server/src/database/index.ts';
import { newId } from '../test/support/ledger.ts';
import type { JobStage } from './job-stage.ts';

const bareTable = sql.table('bare.messages');

/**
 * Makes the floor's table: the columns of the ledger without its indexes, constraints and triggers. It has the ledger's fill factor, so
 * that an update finds the same room on its page.
 */
export async function createBareTable(db: Db): Promise<void> {
  await sql`create schema bare`.execute(db);
  await sql`create table ${bareTable} with (fillfactor = 80) as table broadcast_messages with no data`.execute(
    db,
  );
}

/** Gives the bare table the one index that finding a row by its id needs. */
export async function addPrimaryKey(db: Db): Promise<void> {
  await sql`alter table ${bareTable} add primary key (id)`.execute(db);
}

/**
 * Empties the bare table and starts a checkpoint cycle, as `emptyLedger` does for ours. In a statement of its own: rows that are
 * written in the transaction that emptied their table would skip the write-ahead log.
 */
export async function emptyBareTable(db: Db): Promise<void> {
  await sql`truncate ${bareTable}`.execute(db);
  await sql`checkpoint`.execute(db);
}

/** Writes the rows that planning would, column by column, from a counter in one statement. Row k has id k. */
export async function fillBareTable({ db, ledger, size }: JobStage): Promise<void> {
  const jobId = newId();
  await sql`
    insert into ${bareTable} (id, workspace_id, job_id, origin, lead_id, phone, device_id, wa_message_id, status, attempts, resends, created_at)
    select n, ${ledger.workspaceId}::uuid, ${jobId}::uuid, ${jobId}::uuid, n, (60130000000 + n)::text,
      (${ledger.deviceIds}::uuid[])[1 + (n - 1) % ${size.devices}::integer],
      '3EB0' || upper(substr(replace(gen_random_uuid()::text, '-', ''), 1, 18)), 'queued', 0, 0, now()
    from generate_series(1, ${size.recipients}::integer) as n`.execute(db);
}

/** Marks every row as sent by its id, `batchSize` rows in each autocommitted statement. */
export async function updateBareTable({ db, size }: JobStage, batchSize: number): Promise<void> {
  for (let first = 1; first <= size.recipients; first += batchSize) {
    const length = Math.min(batchSize, size.recipients - first + 1);
    const ids = Array.from({ length }, (_, place) => first + place);
    await sql`update ${bareTable} set status = 'sent' where id = any (${ids}::bigint[])`.execute(db);
  }
}
