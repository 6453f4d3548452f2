import { constants } from 'node:os';
import { messageOf, SambadError } from '../server/src/platform/errors.ts';
import { describeFlags, type Flag, parseFlags } from '../server/src/platform/flags.ts';
import { type Benchmark, describeReport, runBenchmark } from './bench.ts';
import { benches } from './benches.ts';
import { Interrupted } from './database.ts';

const commonFlags: Record<'json' | 'help', Flag> = {
  json: { help: 'One line of JSON on standard output; progress goes to standard error' },
  help: { help: 'Show this' },
};

function overallHelp(): string {
  const width = Math.max(...benches.map(({ name }) => name.length));
  const lines = benches.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
  return `Usage: npm run bench -- NAME [--json] [flags]

${lines.join('\n')}

npm run bench -- NAME --help shows the flags of one. What each measures: docs/performance.md
`;
}

function find(name: string | undefined): Benchmark {
  const found = benches.find((benchmark) => benchmark.name === name);
  if (found) return found;
  const known = benches.map((benchmark) => benchmark.name).join(', ');
  const sentence =
    name === undefined || name.startsWith('-')
      ? `Name a benchmark first; the benchmarks are ${known}.`
      : `"${name}" is not a benchmark; the benchmarks are ${known}.`;
  throw new SambadError('bad_input', sentence);
}

async function run(args: readonly string[]): Promise<void> {
  const [name, ...rest] = args;
  if (name === '--help') {
    process.stdout.write(overallHelp());
    return;
  }
  const benchmark = find(name);
  const flags: Record<string, Flag> = { ...benchmark.flags, ...commonFlags };
  const { json, help, ...options } = parseFlags(rest, flags);
  if (help) {
    process.stdout.write(
      `Usage: npm run bench -- ${benchmark.name} [flags]\n\n${benchmark.summary}\n\n${describeFlags(flags)}\n`,
    );
    return;
  }
  const report = await runBenchmark(benchmark, options, (line) => process.stderr.write(`${line}\n`));
  process.stdout.write(`${json ? JSON.stringify(report) : describeReport(report)}\n`);
}

/** Wrong use ends with 2, a signal with 128 and its number as shells have it, everything else that fails with 1. */
async function main(args: readonly string[]): Promise<number> {
  try {
    await run(args);
    return 0;
  } catch (error) {
    const isSentence = error instanceof SambadError || error instanceof Interrupted;
    const text = isSentence || !(error instanceof Error) ? messageOf(error) : (error.stack ?? error.message);
    process.stderr.write(`${text}\n`);
    if (error instanceof Interrupted) return 128 + constants.signals[error.signal];
    return error instanceof SambadError && error.code === 'bad_input' ? 2 : 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
