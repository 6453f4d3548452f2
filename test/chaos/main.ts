import { messageOf, SambadError } from '../../server/src/platform/errors.ts';
import { describeFlags, type Flag, parseFlags, wholeNumber } from '../../server/src/platform/flags.ts';
import { untilSignal } from '../../server/src/platform/signals.ts';
import { type ChaosResult, runChaos } from './chaos.ts';

const flags: Record<'seed' | 'minutes' | 'devices' | 'quick' | 'keep' | 'json' | 'help', Flag> = {
  seed: { value: 'TEXT', help: 'What the faults are drawn from (default: 1)' },
  minutes: {
    value: 'NUMBER',
    help: 'How long faults happen, such as 0.5; the job then finishes (default: 1)',
  },
  devices: { value: 'NUMBER', help: 'Linked numbers, 1 to 50 (default: 5)' },
  quick: {
    help: "Shorten the engine's waits, as the scenarios do: an acknowledgement is awaited for 1 s, not 30",
  },
  keep: { help: 'Keep the data folder and the log of the program, also of a run that is right' },
  json: { help: 'Nothing but the last line on standard output; the plan goes to standard error' },
  help: { help: 'Show this' },
};

const help = `Usage: npm run chaos -- --seed TEXT --minutes NUMBER [flags]

Runs a campaign on a WhatsApp network of its own while connections, acknowledgements, the database and the program
are disturbed, lets it finish, and compares what the recipients saw with the ledger (docs/operations.md, "Chaos").

${describeFlags(flags)}

The last line on standard output is the result as JSON. Ends with 1 unless each recipient saw exactly one message.
`;

const minutesMax = 24 * 60;

function minutesOf(text: string | true | undefined): number {
  if (text === undefined) return 1;
  const minutes = typeof text === 'string' && /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (minutes > 0 && minutes <= minutesMax) return minutes;
  throw new SambadError(
    'bad_input',
    `--minutes must be a number above 0, at most ${minutesMax}, and is "${text}".`,
    { field: 'minutes' },
  );
}

function explain({ complaints }: ChaosResult, replay: string): string {
  return `${['', 'This run is not right:', ...complaints.map((line) => `- ${line}`), '', `Replay: ${replay}`].join('\n')}\n`;
}

async function run(args: readonly string[]): Promise<boolean> {
  const given = parseFlags(args, flags);
  if (given.help) {
    process.stdout.write(help);
    return true;
  }
  const seed = typeof given.seed === 'string' ? given.seed : '1';
  const minutes = minutesOf(given.minutes);
  const devices = wholeNumber('devices', given.devices, 5, { min: 1, max: 50 });
  const toError = (line: string): void => void process.stderr.write(`${line}\n`);
  const interrupted = new AbortController();
  void untilSignal().then(() => interrupted.abort());
  const result = await runChaos({
    signal: interrupted.signal,
    seed,
    minutes,
    devices,
    keep: given.keep === true,
    pace: given.quick ? 'quick' : 'product',
    plan: given.json ? toError : (line) => void process.stdout.write(`${line}\n`),
    progress: toError,
  });
  const { complaints: _, ...figures } = result;
  const replay = `npm run chaos -- --seed '${seed}' --minutes ${minutes} --devices ${devices}${given.quick ? ' --quick' : ''}`;
  if (!result.ok) process.stderr.write(explain(result, replay));
  process.stdout.write(`${JSON.stringify(figures)}\n`);
  return result.ok;
}

async function main(args: readonly string[]): Promise<number> {
  try {
    return (await run(args)) ? 0 : 1;
  } catch (error) {
    const isSentence = error instanceof SambadError || !(error instanceof Error);
    process.stderr.write(`${isSentence ? messageOf(error) : (error.stack ?? error.message)}\n`);
    return error instanceof SambadError && error.code === 'bad_input' ? 2 : 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
