import type { Readable } from 'node:stream';
import { CsvError, parse } from 'csv-parse';
import { SambadError } from '../../platform/errors.ts';

/** One record of a CSV file: its cells, and the line on which it ends. */
export interface CsvRecord {
  cells: string[];
  line: number;
}

const recordBytesMax = 1024 * 1024;

/**
 * Reads a CSV stream in UTF-8, or in UTF-16 with a byte order mark. Iterating throws `bad_input` with the line for a file
 * that is no CSV, and whatever the stream fails with. `close` ends the stream, also half-way.
 */
export function readCsv(source: Readable): { records: AsyncIterable<CsvRecord>; close(): void } {
  const parser = parse({
    bom: true,
    relax_column_count: true,
    skip_empty_lines: true,
    info: true,
    max_record_size: recordBytesMax,
  });
  // A stream can fail before anybody reads from it; the failure waits in the parser for whoever iterates.
  parser.on('error', () => undefined);
  source.on('error', (error) => parser.destroy(error));
  source.pipe(parser);
  const close = (): void => {
    source.destroy();
    parser.destroy();
  };
  return { records: recordsOf(parser), close };
}

async function* recordsOf(parser: AsyncIterable<unknown>): AsyncGenerator<CsvRecord> {
  try {
    for await (const { record, info } of parser as AsyncIterable<{
      record: string[];
      info: { lines: number };
    }>) {
      yield { cells: record, line: info.lines };
    }
  } catch (error) {
    throw error instanceof CsvError ? unreadable(error) : error;
  }
}

function unreadable(error: CsvError): SambadError {
  const line = 'lines' in error && typeof error.lines === 'number' ? ` near line ${error.lines}` : '';
  const sentence = `The CSV cannot be read${line}: ${error.message.replace(/\.?$/, '.')} Nothing was imported.`;
  return new SambadError('bad_input', sentence, { cause: error });
}
