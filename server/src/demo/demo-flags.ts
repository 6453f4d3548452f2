import { SambadError } from '../platform/errors.ts';
import { describeFlags, type Flag, parseFlags, wholeNumber } from '../platform/flags.ts';

/** What a run of the demo does. */
export interface DemoOptions {
  leads: number;
  devices: number;
  delayMs: { min: number; max: number };
  seed: string;
  /** A CSV file to import instead of the examples. */
  csv: string | undefined;
  exit: boolean;
  json: boolean;
}

type Name = 'leads' | 'devices' | 'delay-ms' | 'seed' | 'csv' | 'exit' | 'json' | 'help';

const flags: Record<Name, Flag> = {
  leads: { value: 'N', help: 'How many leads to import and write to (default 500)' },
  devices: { value: 'N', help: 'How many numbers to link (default 5)' },
  'delay-ms': { value: 'MIN-MAX', help: "A number's random pause between two messages (default 200-600)" },
  seed: { value: 'S', help: 'Seed of the simulated network and of the pauses (default sambad)' },
  csv: { value: 'FILE', help: 'Import this file instead of examples/leads.csv' },
  exit: { help: 'End when the campaign has; code 0 only if the books balance' },
  json: { help: 'One line of JSON on standard output; progress goes to standard error' },
  help: { help: 'Show this' },
};

export const demoHelp = `Usage: npm run demo -- [flags]

Starts a WhatsApp network on this machine and Sambad on it, links numbers, imports leads, runs a campaign in rotation,
cuts one number's connection half-way, and compares the ledger with what the recipients' phones saw.

${describeFlags(flags)}
`;

/** Reads the demo's flags; undefined when only the help is wanted. Throws `bad_input` with a sentence. */
export function readDemoFlags(args: readonly string[]): DemoOptions | undefined {
  const given = parseFlags(args, flags);
  if (given.help) return undefined;
  return {
    leads: wholeNumber('leads', given.leads, 500, { min: 1, max: 19_000 }),
    devices: wholeNumber('devices', given.devices, 5, { min: 1, max: 100 }),
    delayMs: delayRange(given['delay-ms']),
    seed: typeof given.seed === 'string' ? given.seed : 'sambad',
    csv: typeof given.csv === 'string' ? given.csv : undefined,
    exit: given.exit === true,
    json: given.json === true,
  };
}

function delayRange(text: string | true | undefined): DemoOptions['delayMs'] {
  if (text === undefined) return { min: 200, max: 600 };
  const [, min, max] = /^(\d{1,6})-(\d{1,6})$/.exec(String(text)) ?? [];
  const range = { min: Number(min), max: Number(max) };
  if (min !== undefined && range.min <= range.max) return range;
  throw new SambadError(
    'bad_input',
    `--delay-ms must be two numbers of milliseconds such as 200-600, the smaller first, and is "${text}".`,
    {
      field: 'delay-ms',
    },
  );
}
