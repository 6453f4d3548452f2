import type { Readable } from 'node:stream';
import { CsvError, parse } from 'csv-parse';
import { sql } from 'kysely';
import { type Db, transaction } from '../../database/index.ts';
import { SambadError } from '../../platform/errors.ts';
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
const rowBytesMax = 1024 * 1024;

/**
 * Reads leads from a CSV stream into a workspace, all or nothing: a file that cannot be read to its end changes nothing and throws
 * `bad_input` with the line. Rows that cannot become leads are counted and listed, and the others go on. Known numbers are updated.
 */
export async function importLeads(
  db: Db,
  workspace: { id: string; defaultCountry: string },
  source: Readable,
): Promise<ImportResult> {
  return await transaction(db, async (tx) => {
    const result: ImportResult = {
      rows: 0,
      added: 0,
      updated: 0,
      duplicates: 0,
      invalid: 0,
      invalidRows: [],
    };
    const seen = new Set<string>();
    let batch: LeadRow[] = [];
    for await (const { row, line } of leadRows(source, workspace.defaultCountry)) {
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
        await storeBatch(tx.db, workspace.id, batch, result);
        batch = [];
      }
    }
    await storeBatch(tx.db, workspace.id, batch, result);
    return result;
  });
}

async function* leadRows(
  source: Readable,
  defaultCountry: string,
): AsyncGenerator<{ row: LeadRow | string; line: number }> {
  const parser = parse({
    bom: true,
    relax_column_count: true,
    skip_empty_lines: true,
    info: true,
    max_record_size: rowBytesMax,
  });
  // A stream that breaks must break the parser too, or the loop below would wait for ever.
  source.once('error', (error) => parser.destroy(error));
  let header: string[] | undefined;
  try {
    for await (const { record, info } of source.pipe(parser) as AsyncIterable<{
      record: string[];
      info: { lines: number };
    }>) {
      if (header) yield { row: readRow(header, record, defaultCountry), line: info.lines };
      else header = readHeader(record);
    }
  } catch (error) {
    throw error instanceof CsvError ? unreadable(error) : error;
  }
  if (!header)
    throw new SambadError(
      'bad_input',
      'The CSV is empty: its first line must name the columns, name and phone among them.',
    );
}

function unreadable(error: CsvError): SambadError {
  const line = 'lines' in error && typeof error.lines === 'number' ? ` near line ${error.lines}` : '';
  const sentence = `The CSV cannot be read${line}: ${error.message.replace(/\.?$/, '.')} Nothing was imported.`;
  return new SambadError('bad_input', sentence, { cause: error });
}

async function storeBatch(
  db: Db,
  workspaceId: string,
  batch: readonly LeadRow[],
  result: ImportResult,
): Promise<void> {
  if (batch.length === 0) return;
  const { rows } = await sql<{ added: boolean }>`
    insert into leads (workspace_id, phone, name, niches, target_status, additional_note, attributes)
    select ${workspaceId}, r.phone, r.name, r.niches, r."targetStatus", r."additionalNote", r.attributes
    from jsonb_to_recordset(${JSON.stringify(batch)}::jsonb)
      as r (phone text, name text, niches text[], "targetStatus" text, "additionalNote" text, attributes jsonb)
    on conflict (workspace_id, phone) do update set name = excluded.name, niches = excluded.niches,
      target_status = excluded.target_status, additional_note = excluded.additional_note,
      attributes = leads.attributes || excluded.attributes, updated_at = now()
    returning (xmax = 0) as added`.execute(db);
  const added = rows.filter((row) => row.added).length;
  result.added += added;
  result.updated += rows.length - added;
}
