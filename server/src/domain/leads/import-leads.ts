import type { Readable } from 'node:stream';
import { sql } from 'kysely';
import type { Db } from '../../database/index.ts';
import { SambadError, systemCodeOf } from '../../platform/errors.ts';
import { type CsvRecord, readCsv } from './csv.ts';
import { type LeadRow, readHeader, readRow } from './lead-row.ts';

/** A row that could not become a lead, and why. */
export interface InvalidRow {
  /** The line of the file on which the row ends. */
  line: number;
  error: string;
}

export interface ImportResult {
  /** Rows below the header. */
  rows: number;
  added: number;
  updated: number;
  /** Rows whose number had already come in the same file; the first one counts. */
  duplicates: number;
  invalid: number;
  /** The first of the invalid rows. */
  invalidRows: InvalidRow[];
}

const batchSize = 1_000;
const invalidRowsShown = 1_000;

/** PostgreSQL's code for a lock that was not to be had in time. */
const lockNotAvailable = '55P03';

/**
 * Reads leads from a CSV stream into a workspace, all or nothing: a file that cannot be read to its end changes nothing and throws
 * `bad_input` with the line. Rows that cannot become leads are counted and listed, and the others go on. Of a known number
 * the file's columns are updated, and what it has no column for stays. Ends the stream.
 */
export async function importLeads(
  db: Db,
  workspace: { id: string; defaultCountry: string },
  source: Readable,
): Promise<ImportResult> {
  const csv = readCsv(source);
  try {
    // Not begun anew after a deadlock as other transactions are, because a stream can be read only once; instead
    // imports into a workspace take turns.
    return await db.transaction().execute(async (trx) => {
      await takeTurn(trx, workspace.id);
      return await importRecords(trx, workspace, csv.records);
    });
  } finally {
    csv.close();
  }
}

async function takeTurn(db: Db, workspaceId: string): Promise<void> {
  try {
    await sql`select 1 from workspaces where id = ${workspaceId} for no key update`.execute(db);
  } catch (error) {
    if (systemCodeOf(error) !== lockNotAvailable) throw error;
    throw new SambadError('conflict', 'Another import is running: try again when it has ended.', {
      cause: error,
    });
  }
}

async function importRecords(
  db: Db,
  workspace: { id: string; defaultCountry: string },
  records: AsyncIterable<CsvRecord>,
): Promise<ImportResult> {
  const result: ImportResult = { rows: 0, added: 0, updated: 0, duplicates: 0, invalid: 0, invalidRows: [] };
  const seen = new Set<string>();
  let header: string[] | undefined;
  let batch: LeadRow[] = [];
  for await (const { cells, line } of records) {
    if (!header) {
      header = readHeader(cells);
      continue;
    }
    const row = readRow(header, cells, workspace.defaultCountry);
    result.rows += 1;
    if (typeof row === 'string') {
      result.invalid += 1;
      if (result.invalidRows.length < invalidRowsShown) result.invalidRows.push({ line, error: row });
    } else if (seen.has(row.phone)) {
      result.duplicates += 1;
    } else {
      seen.add(row.phone);
      batch.push(row);
    }
    if (batch.length === batchSize) {
      await storeBatch(db, workspace.id, header, batch, result);
      batch = [];
    }
  }
  if (!header)
    throw new SambadError(
      'bad_input',
      'The CSV is empty: its first line must name the columns, name and phone among them.',
    );
  await storeBatch(db, workspace.id, header, batch, result);
  return result;
}

async function storeBatch(
  db: Db,
  workspaceId: string,
  header: readonly string[],
  batch: readonly LeadRow[],
  result: ImportResult,
): Promise<void> {
  const { true: withStatus = [], false: without = [] } = Object.groupBy(batch, (row) =>
    row.targetStatus === undefined ? 'false' : 'true',
  );
  for (const rows of [withStatus, without]) {
    const added = await storeRows(db, workspaceId, rows, {
      niches: header.includes('niche'),
      note: header.includes('additional_note'),
      status: rows === withStatus,
    });
    result.added += added;
    result.updated += rows.length - added;
  }
}

/** Adds new leads and updates what is `given` of known ones. Returns how many were new. */
async function storeRows(
  db: Db,
  workspaceId: string,
  batch: readonly LeadRow[],
  given: { niches: boolean; note: boolean; status: boolean },
): Promise<number> {
  if (batch.length === 0) return 0;
  const { rows } = await sql<{ added: boolean }>`
    insert into leads (workspace_id, phone, name, niches, target_status, additional_note, attributes)
    select ${workspaceId}, r.phone, r.name, r.niches, coalesce(r."targetStatus", 'prospect'), r."additionalNote", r.attributes
    from jsonb_to_recordset(${JSON.stringify(batch)}::jsonb)
      as r (phone text, name text, niches text[], "targetStatus" text, "additionalNote" text, attributes jsonb)
    on conflict (workspace_id, phone) do update set name = excluded.name,
      niches = case when ${given.niches} then excluded.niches else leads.niches end,
      target_status = case when ${given.status} then excluded.target_status else leads.target_status end,
      additional_note = case when ${given.note} then excluded.additional_note else leads.additional_note end,
      attributes = leads.attributes || excluded.attributes, updated_at = now()
    returning (xmax = 0) as added`.execute(db);
  return rows.filter((row) => row.added).length;
}
