import { SambadError } from '../../platform/errors.ts';
import { normalisePhone } from './phone.ts';

/** A row of a CSV file, ready for the leads table. */
export interface LeadRow {
  phone: string;
  name: string;
  niches: string[];
  /** Undefined where the row does not say. */
  targetStatus: 'prospect' | 'customer' | undefined;
  additionalNote: string;
  attributes: Record<string, string>;
}

/** The columns that are understood; the first name is ours, the others are what files also call it. */
const columnNames: Record<string, readonly string[]> = {
  name: ['name', 'nama', 'full name'],
  phone: ['phone', 'phone number', 'number', 'mobile', 'whatsapp', 'telefon'],
  niche: ['niche', 'niches'],
  target_status: ['target_status', 'target status', 'status'],
  additional_note: ['additional_note', 'additional note', 'note', 'notes'],
};

/** Columns of an export of ours that an import has no use for. */
const ignoredColumns = new Set(['device_id']);

const attributesMax = 50;
const textMax = 2_000;
const quotedMax = 100;

/** For each column of the file: our name for it, or the attribute that it becomes. */
export function readHeader(cells: readonly string[]): string[] {
  if (cells.some(isGarbled)) throw new SambadError('bad_input', `The CSV is ${notText}`);
  const known = cells.map((cell) => {
    const wanted = cell.trim().toLowerCase();
    return Object.entries(columnNames).find(([, names]) => names.includes(wanted))?.[0] ?? wanted;
  });
  for (const required of ['name', 'phone']) {
    if (!known.includes(required)) {
      throw new SambadError(
        'bad_input',
        `The CSV has no column "${required}"; its columns are: ${quoted(cells.join(', '))}.`,
        { field: required },
      );
    }
  }
  const twice = known.find((name, place) => name !== '' && known.indexOf(name) !== place);
  if (twice)
    throw new SambadError('bad_input', `The CSV has more than one column "${twice}".`, { field: twice });
  return known;
}

const notText = 'not in UTF-8, or no text: save it as "CSV UTF-8" and import it again.';

/** Whether bytes were no UTF-8, which reading turns into U+FFFD, or hold a NUL, which no database column takes. */
function isGarbled(cell: string): boolean {
  return cell.includes('\ufffd') || cell.includes('\0');
}

/** A text of the file as part of a sentence. */
function quoted(text: string): string {
  const line = text.replace(/\p{Cc}+/gu, ' ');
  return line.length > quotedMax ? `${line.slice(0, quotedMax)}…` : line;
}

/** Reads one row by the header's names. Returns a sentence instead when the row cannot become a lead. */
export function readRow(
  header: readonly string[],
  cells: readonly string[],
  defaultCountry: string,
): LeadRow | string {
  const values = new Map(header.map((name, place) => [name, (cells[place] ?? '').trim()]));
  const name = values.get('name') ?? '';
  const phoneText = values.get('phone') ?? '';
  const target = values.get('target_status')?.toLowerCase() || undefined;
  if (cells.slice(header.length).some((cell) => cell.trim() !== ''))
    return `The row has more cells than there are columns: a cell with a comma in it needs quotes.`;
  if (cells.some(isGarbled)) return `The row is ${notText}`;
  if (name === '') return 'The name is empty.';
  if ([...values.values()].some((value) => value.length > textMax))
    return `A cell is longer than ${textMax} characters.`;
  if (phoneText === '') return 'The phone is empty.';
  const phone = normalisePhone(phoneText, defaultCountry);
  if (!phone) return `"${quoted(phoneText)}" is not a phone number.`;
  if (target !== undefined && target !== 'prospect' && target !== 'customer')
    return `The target status "${quoted(target)}" is neither prospect nor customer.`;
  const attributes = [...values].filter(
    ([column, value]) =>
      column !== '' && value !== '' && !Object.hasOwn(columnNames, column) && !ignoredColumns.has(column),
  );
  return {
    phone,
    name,
    niches: (values.get('niche') ?? '')
      .split(',')
      .map((niche) => niche.trim())
      .filter((niche) => niche !== ''),
    targetStatus: target,
    additionalNote: values.get('additional_note') ?? '',
    attributes: Object.fromEntries(attributes.slice(0, attributesMax)),
  };
}
