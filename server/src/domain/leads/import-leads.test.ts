import { createReadStream, readFileSync } from 'node:fs';
import { PassThrough, Readable } from 'node:stream';
import fc from 'fast-check';
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import { createLedger } from '../../../../test/support/ledger.ts';
import { leadRows } from '../../demo/lead-rows.ts';
import { type ImportResult, importLeads } from './import-leads.ts';

let database: TestDatabase;
let workspace: { id: string; defaultCountry: string };

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.remove());
beforeEach(async () => {
  workspace = {
    id: (await createLedger(database.db, { devices: 0, leads: 0 })).workspaceId,
    defaultCountry: 'MY',
  };
});

/** Imports a text as a file read in small pieces, so that no cell is whole in one. */
function importText(text: string | Buffer): Promise<ImportResult> {
  const bytes = Buffer.from(text);
  const pieces = Array.from({ length: Math.ceil(bytes.length / 4_093) }, (_, place) =>
    bytes.subarray(place * 4_093, (place + 1) * 4_093),
  );
  return importLeads(database.db, workspace, Readable.from(pieces, { objectMode: false }));
}

interface Lead {
  phone: string;
  name: string;
  niches: string[];
  target_status: string;
  additional_note: string;
  attributes: Record<string, unknown>;
}

async function leads(): Promise<Lead[]> {
  const { rows } = await sql<Lead>`
    select phone, name, niches, target_status, additional_note, attributes from leads
    where workspace_id = ${workspace.id} order by id`.execute(database.db);
  return rows;
}

const names = async (): Promise<string[]> => (await leads()).map(({ name }) => name);

test.each([
  ['a byte order mark', '\ufeffname,phone\nAli,0123456789\n', ['Ali']],
  ['CRLF', 'name,phone\r\nAli,0123456789\r\nAbu,0123456788\r\n', ['Ali', 'Abu']],
  ['no newline at the end', 'name,phone\nAli,0123456789', ['Ali']],
  ['empty lines', 'name,phone\n\nAli,0123456789\n\n\n', ['Ali']],
  ['quoted commas', 'name,phone\n"Tan, Ali",0123456789\n', ['Tan, Ali']],
  ['quoted quotes', 'name,phone\n"Said ""hi""",0123456789\n', ['Said "hi"']],
  ['newlines in cells', 'name,phone\n"Ali\nbin Abu",0123456789\n', ['Ali\nbin Abu']],
  ['only a header', 'name,phone\n', []],
  [
    'UTF-16, as old spreadsheets save it',
    Buffer.from('\ufeffname,phone\nSiti é,0123456789\n', 'utf16le'),
    ['Siti é'],
  ],
  ['formulas', 'name,phone\n=1+1,0123456789\n', ['=1+1']],
])('reads a file with %s', async (_name, file, expected) => {
  const result = await importText(file);
  expect(await names()).toEqual(expected);
  expect(result).toMatchObject({ rows: expected.length, added: expected.length, invalid: 0 });
});

test.each([
  ['an empty file', '', 'The CSV is empty: its first line must name the columns, name and phone among them.'],
  [
    'a quote that is never closed',
    'name,phone\nAli,0123456789\n"Abu,0123456788\n',
    'Quote Not Closed: the parsing is finished with an opening quote at line 3',
  ],
  [
    'text after a quote',
    'name,phone\nAli,0123456789\n"Abu"x,0123456788\n',
    'near line 3: Invalid Closing Quote',
  ],
  ['semicolons', 'name;phone\nAli;0123456789\n', 'no column "name"; its columns are: name;phone.'],
  [
    'a cell of 10 MB',
    `name,phone\nAli,0123456789\n${'x'.repeat(10 * 1024 * 1024)},1\n`,
    'near line 3: Max Record Size',
  ],
  ['a picture', readFileSync(new URL('../../../../examples/weekend-market.jpg', import.meta.url)), 'The CSV'],
  [
    'a header in another encoding',
    Buffer.from('name,phone,cité\nAli,0123456789,x\n', 'latin1'),
    'is not in UTF-8',
  ],
])('refuses %s in one sentence, and imports nothing', async (_name, file, sentence) => {
  const failure = importText(file);
  await expect(failure).rejects.toMatchObject({
    code: 'bad_input',
    message: expect.stringContaining(sentence),
  });
  const { message } = (await failure.catch((error: unknown) => error)) as Error;
  expect(message).toMatch(/^[\P{Cc}]{1,400}\.$/u);
  expect(await leads()).toEqual([]);
});

test('a file that breaks off in its second thousand of rows changes nothing', async () => {
  const lines = Array.from({ length: 1_500 }, (_, place) => `Lead,01${20_000_000 + place}`);
  await expect(importText(`name,phone\n${lines.join('\n')}\n"never closed`)).rejects.toThrow(
    'Nothing was imported.',
  );
  expect(await leads()).toEqual([]);
});

test('rows in another encoding are reported, and their neighbours imported', async () => {
  const result = await importText(Buffer.from('name,phone\nJosé,0123456789\nAli,0123456788\n', 'latin1'));
  expect(result.invalidRows).toEqual([{ line: 2, error: expect.stringContaining('not in UTF-8') }]);
  expect(await names()).toEqual(['Ali']);
});

test('invalid rows are reported with the line on which they end', async () => {
  const result = await importText('name,phone\n"Two\nlines",1\nAli,0123456789\n,0123456788\n');
  expect(result).toMatchObject({ rows: 3, added: 1, invalid: 2 });
  expect(result.invalidRows.map(({ line }) => line)).toEqual([3, 5]);
});

test('a number that comes twice in a file counts once, the first time, whatever its form', async () => {
  const result = await importText('name,phone\nAli,012-345 6789\nAbu,+60123456789\nCik,60123456789\n');
  expect(result).toMatchObject({ rows: 3, added: 1, updated: 0, duplicates: 2 });
  expect(await names()).toEqual(['Ali']);
});

test('a known number is updated by a later file, and keeps what that file has no column for', async () => {
  await importText(
    'name,phone,niche,target_status,note,city\nAli,0123456789,"EX,KUIH",customer,Calls back,Ipoh\n',
  );
  expect(await importText('name,phone,age\nAli bin Abu,+60123456789,40\n')).toMatchObject({
    added: 0,
    updated: 1,
  });
  const kept = {
    phone: '60123456789',
    name: 'Ali bin Abu',
    niches: ['EX', 'KUIH'],
    target_status: 'customer',
  };
  expect(await leads()).toEqual([
    { ...kept, additional_note: 'Calls back', attributes: { city: 'Ipoh', age: '40' } },
  ]);
  await importText('name,phone,niche,target_status,note\nAli,0123456789,,,\nAbu,0123456788,,,\n');
  expect(await leads()).toMatchObject([
    { name: 'Ali', niches: [], target_status: 'customer', additional_note: '' },
    { name: 'Abu', niches: [], target_status: 'prospect' },
  ]);
});

test('the same number in two workspaces is two leads', async () => {
  const first = workspace;
  await importText('name,phone\nAli,0123456789\n');
  workspace = { ...first, id: (await createLedger(database.db, { devices: 0, leads: 0 })).workspaceId };
  expect(await importText('name,phone\nAbu,0123456789\n')).toMatchObject({ added: 1, updated: 0 });
  workspace = first;
  expect(await names()).toEqual(['Ali']);
});

test('files with the same numbers in opposite order, imported at once, both go through', async () => {
  const rows = Array.from({ length: 3_000 }, (_, place) => `Lead,01${20_000_000 + place}`);
  const results = await Promise.all(
    [rows, rows.toReversed(), rows].map((lines) => importText(`name,phone\n${lines.join('\n')}`)),
  );
  expect(results.map((result) => result.rows)).toEqual([3_000, 3_000, 3_000]);
  expect(results.reduce((sum, result) => sum + result.added, 0)).toBe(3_000);
  expect(await leads()).toHaveLength(3_000);
});

test('a file that is not there, and a folder, fail with the reason', async () => {
  await expect(importLeads(database.db, workspace, createReadStream('/nowhere/leads.csv'))).rejects.toThrow(
    'ENOENT',
  );
  await expect(importLeads(database.db, workspace, createReadStream('/'))).rejects.toThrow('EISDIR');
});

test('a stream that breaks half-way imports nothing, and is closed afterwards', async () => {
  const source = new PassThrough();
  const importing = importLeads(database.db, workspace, source);
  source.write('name,phone\nAli,0123456789\n');
  source.destroy(new Error('the connection broke'));
  await expect(importing).rejects.toThrow('the connection broke');
  expect(await leads()).toEqual([]);
  const half = Readable.from(['name,phone\n', '"Ali"x,0123456789\n', 'Abu,0123456788\n'.repeat(100_000)]);
  await expect(importLeads(database.db, workspace, half)).rejects.toThrow('Invalid Closing Quote');
  expect(half.destroyed).toBe(true);
});

test('the example file is what the generator makes, and imports as 500 leads and two rows that are none', async () => {
  const file = readFileSync(new URL('../../../../examples/leads.csv', import.meta.url), 'utf8');
  expect(file).toBe(leadRows(500));
  expect(await importText(file)).toMatchObject({ rows: 502, added: 500, duplicates: 0, invalid: 2 });
  expect(await leads()).toHaveLength(500);
});

test('the generator gives as many different leads as were asked for, at its largest', async () => {
  expect(await importText(leadRows(19_000))).toMatchObject({ added: 19_000, duplicates: 0, invalid: 2 });
});

const cell = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((text) => !/[\0\ufffd\ufeff]/.test(text));
const person = fc.record({ name: cell.filter((text) => text.trim() !== ''), note: cell, city: cell });
const quote = (text: string, always: boolean): string =>
  always || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;

test('whatever people are called, a correctly written file brings it in unchanged', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(person, { maxLength: 8 }),
      fc.constantFrom('\n', '\r\n'),
      fc.boolean(),
      async (people, newline, always) => {
        await sql`delete from leads where workspace_id = ${workspace.id}`.execute(database.db);
        const rows = people.map(({ name, note, city }, place) => [
          name,
          `012${2_000_000 + place}`,
          note,
          city,
        ]);
        const lines = [['name', 'phone', 'note', 'city'], ...rows].map((cells) =>
          cells.map((text) => quote(text, always)).join(','),
        );
        const result = await importText(lines.join(newline));
        expect(result).toMatchObject({ rows: people.length, added: people.length, invalidRows: [] });
        const expected = people.map(({ name, note, city }) => ({
          name: name.trim(),
          additional_note: note.trim(),
          attributes: city.trim() === '' ? {} : { city: city.trim() },
        }));
        expect(await leads()).toMatchObject(expected);
      },
    ),
    { numRuns: 100 },
  );
});
