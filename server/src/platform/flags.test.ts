import { expect, test } from 'vitest';
import { parseFlags, wholeNumber } from './flags.ts';

const known = { leads: { value: 'N', help: 'How many' }, json: { help: 'One line of JSON' } };

test('reads values and switches, in both forms', () => {
  expect(parseFlags(['--leads', '20', '--json'], known)).toEqual({ leads: '20', json: true });
  expect(parseFlags(['--leads=20'], known)).toEqual({ leads: '20' });
});

test.each([
  [['--laeds', '20'], '--laeds is not known here; the flags are --leads, --json.'],
  [['-x'], '-x is not known here; the flags are --leads, --json.'],
  [['twenty'], '"twenty" is not known here; the flags are --leads, --json.'],
  [['--leads'], '--leads needs a value: --leads N.'],
  [['--json=yes'], '--json takes no value.'],
])('%j is refused with a sentence', (args, sentence) => {
  expect(() => parseFlags(args, known)).toThrow(sentence);
});

test.each(['-1', '1.5', '0', '501', 'many'])('%s is not a number of leads', (text) => {
  expect(() => wholeNumber('leads', text, 5, { min: 1, max: 500 })).toThrow(
    `--leads must be a whole number from 1 to 500, and is "${text}".`,
  );
});
