import { expect, test } from 'vitest';
import { type LeadRow, readHeader, readRow } from './lead-row.ts';
import { normalisePhone } from './phone.ts';

function rowOf(header: string, ...cells: string[]): LeadRow | string {
  return readRow(readHeader(header.split(',')), cells, 'MY');
}

test.each(['name,phone', 'Nama,WhatsApp', ' NAME , Phone Number ', 'Full Name,Mobile', 'nama,telefon'])(
  '"%s" are names of the required columns',
  (header) => {
    expect(rowOf(header, 'Siti', '012-345 6789')).toMatchObject({ name: 'Siti', phone: '60123456789' });
  },
);

test.each([
  ['phone,niche', 'name', 'phone, niche'],
  ['name', 'phone', 'name'],
  ['name;phone', 'name', 'name;phone'],
  ['', 'name', ''],
  ['naam\u0007\u001b[2J', 'name', 'naam [2J'],
  ['x'.repeat(5_000), 'name', `${'x'.repeat(100)}…`],
])('the header %j is refused with what is missing and what is there', (header, missing, there) => {
  expect(() => readHeader(header.split(','))).toThrow(
    expect.objectContaining({
      code: 'bad_input',
      field: missing,
      message: `The CSV has no column "${missing}"; its columns are: ${there}.`,
    }),
  );
});

test.each(['name,phone,niche,niches', 'name,phone,status,target status', 'name,phone,whatsapp'])(
  'the header %s names a column twice and is refused',
  (header) => {
    expect(() => readHeader(header.split(','))).toThrow('The CSV has more than one column');
  },
);

test('the legacy column status is the target status, in any case; without one the row says nothing', () => {
  expect(rowOf('name,phone,status', 'A', '0123456789', 'Customer')).toMatchObject({
    targetStatus: 'customer',
  });
  expect(rowOf('name,phone,status', 'A', '0123456789', ' ')).toMatchObject({ targetStatus: undefined });
  expect(rowOf('name,phone', 'A', '0123456789')).toMatchObject({ targetStatus: undefined });
});

test('niches are split at commas; columns that we do not know become attributes, whatever their names', () => {
  expect(
    rowOf(
      'name,phone,niche,City,constructor,toString,device_id,,empty',
      'A',
      '0123456789',
      ' EX, ,KUIH ',
      'Ipoh',
      '1',
      '2',
      'd',
      'x',
      '',
    ),
  ).toMatchObject({
    niches: ['EX', 'KUIH'],
    attributes: { city: 'Ipoh', constructor: '1', tostring: '2' },
  });
});

test.each([
  [['', '0123456789'], 'The name is empty.'],
  [['Ali'], 'The phone is empty.'],
  [['Ali', '  '], 'The phone is empty.'],
  [['Ali', '12345'], '"12345" is not a phone number.'],
  [['Ali', 'call me'], '"call me" is not a phone number.'],
  [['Ali', '6.01E+10'], '"6.01E+10" is not a phone number.'],
  [['Ali', `call${'!'.repeat(900)}`], `"call${'!'.repeat(96)}…" is not a phone number.`],
  [['Ali', '0123456789', 'friend'], 'The target status "friend" is neither prospect nor customer.'],
  [['A'.repeat(2_001), '0123456789'], 'A cell is longer than 2000 characters.'],
  [
    ['Ali', '0123456789', '', ' and more'],
    'The row has more cells than there are columns: a cell with a comma in it needs quotes.',
  ],
  [
    ['Jos\ufffd', '0123456789'],
    'The row is not in UTF-8, or no text: save it as "CSV UTF-8" and import it again.',
  ],
  [
    ['A\0B', '0123456789'],
    'The row is not in UTF-8, or no text: save it as "CSV UTF-8" and import it again.',
  ],
])('%j is no lead', (cells, sentence) => {
  expect(rowOf('name,phone,target_status', ...cells)).toBe(sentence);
});

test('empty cells behind the last column, as spreadsheets write them, do not matter', () => {
  expect(rowOf('name,phone', 'Ali', '0123456789', '', ' ')).toMatchObject({ name: 'Ali' });
});

test.each([
  '=HYPERLINK("http://x";"Ali")',
  '+Ali',
  '-1+1',
  '@SUM(A1)',
  '<b>Ali</b>',
  "Robert'); drop table leads;--",
  '陳大文',
  '👩‍👧 Ana',
])('the name %s is kept as it is', (name) => {
  expect(rowOf('name,phone', name, '0123456789')).toMatchObject({ name });
});

test.each([
  ['MY', '012-345 6789', '60123456789'],
  ['MY', '+60 12-345 6789', '60123456789'],
  ['MY', '60123456789', '60123456789'],
  ['MY', '0060123456789', '60123456789'],
  ['MY', '011-1234 5678', '601112345678'],
  ['MY', '+1 202-555-0123', '12025550123'],
  ['MY', '12025550123', '12025550123'],
  ['MY', "'+60123456789", '60123456789'],
  ['MY', '٠١٢٣٤٥٦٧٨٩', '60123456789'],
  ['ID', '0812-3456-7890', '6281234567890'],
  ['SG', '8123 4567', '6581234567'],
  ['US', '(202) 555-0123', '12025550123'],
  ['BR', '11 96123-4567', '5511961234567'],
  ['GB', '07400 123456', '447400123456'],
  ['IN', '081234 56789', '918123456789'],
  ['XX', '+60123456789', '60123456789'],
])('in %s, %s is %s', (country, text, phone) => {
  expect(normalisePhone(text, country)).toBe(phone);
});

test.each([
  ['XX', '012-345 6789'],
  ['MY', '999'],
  ['MY', '+999 123 456 789'],
  ['MY', '012-345678901234'],
  ['MY', ''],
  // Valid in their countries, and too short or too long to be written to.
  ['DE', '+4921111111111111'],
  ['AT', '+431111'],
  ['NG', '+2347001111111111'],
])('in %s, %j is no number that WhatsApp could have', (country, text) => {
  expect(normalisePhone(text, country)).toBeUndefined();
});
