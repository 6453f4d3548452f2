import { expect, test } from 'vitest';
import { demoHelp, readDemoFlags } from './demo-flags.ts';

test('without flags it is 500 leads over 5 numbers; each flag changes its part', () => {
  const standard = {
    leads: 500,
    devices: 5,
    delayMs: { min: 200, max: 600 },
    seed: 'sambad',
    csv: undefined,
    exit: false,
    json: false,
  };
  expect(readDemoFlags([])).toEqual(standard);
  const given = [
    '--leads',
    '20',
    '--devices=2',
    '--delay-ms',
    '0-50',
    '--seed',
    's',
    '--csv',
    'f.csv',
    '--exit',
    '--json',
  ];
  expect(readDemoFlags(given)).toEqual({
    leads: 20,
    devices: 2,
    delayMs: { min: 0, max: 50 },
    seed: 's',
    csv: 'f.csv',
    exit: true,
    json: true,
  });
});

test('help wins over everything, and names every flag', () => {
  expect(readDemoFlags(['--leads', '7', '--help'])).toBeUndefined();
  for (const flag of ['leads', 'devices', 'delay-ms', 'seed', 'csv', 'exit', 'json'])
    expect(demoHelp).toContain(`--${flag}`);
});

test.each([
  [['--laeds', '5'], '--laeds is not known here; the flags are --leads, --devices, --delay-ms, --seed,'],
  [['500'], '"500" is not known here'],
  [['--leads'], '--leads needs a value: --leads N.'],
  [['--leads', 'many'], '--leads must be a whole number from 1 to 19000, and is "many".'],
  [['--leads', '0'], '--leads must be a whole number from 1 to 19000, and is "0".'],
  [['--leads', '-5'], '--leads must be a whole number from 1 to 19000, and is "-5".'],
  [['--devices', '101'], '--devices must be a whole number from 1 to 100, and is "101".'],
  [
    ['--delay-ms', '600-200'],
    '--delay-ms must be two numbers of milliseconds such as 200-600, the smaller first, and is "600-200".',
  ],
  [['--delay-ms', '200'], '--delay-ms must be two numbers'],
  [['--exit=no'], '--exit takes no value.'],
])('%j is refused with a sentence', (args, sentence) => {
  expect(() => readDemoFlags(args)).toThrow(
    expect.objectContaining({ code: 'bad_input', message: expect.stringContaining(sentence) }),
  );
});
