import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';

test.for([
  {
    name: 'plan',
    ratios: ['bareInsert'],
    figures: ['maxLoopBlockMs', 'recipientsPerSecond', 'seconds'],
    floor: ['seconds'],
  },
  {
    name: 'ledger',
    ratios: ['bareUpdate'],
    figures: ['claimSeconds', 'maxLoopBlockMs', 'messagesPerSecond', 'seconds', 'settleSeconds'],
    floor: ['messagesPerSecond', 'seconds'],
  },
  {
    name: 'switch',
    ratios: ['bareRotation'],
    figures: ['maxMs', 'p50Ms', 'p99Ms'],
    floor: ['maxMs', 'p50Ms', 'p99Ms'],
  },
  {
    name: 'report',
    ratios: ['counting'],
    figures: ['deviceReportMs', 'firstPageMs'],
    floor: ['countMs'],
  },
])(
  '$name --json prints one line of JSON and leaves nothing behind',
  async ({ name, ratios, figures, floor }) => {
    const temporary = temporaryFolder();
    const ended = await ending(start([name, '--json', '--recipients', '120', '--devices', '3'], temporary));
    expect(ended).toMatchObject({ code: 0, stdout: expect.stringMatching(/^[^\n]+\n$/) });
    const line = JSON.parse(ended.stdout);
    expect(Object.keys(line)).toEqual(['bench', 'ratios', 'figures', 'floor', 'seconds']);
    expect(line.bench).toBe(name);
    for (const [section, keys] of Object.entries({ ratios, figures, floor })) {
      expect(Object.keys(line[section]).sort()).toEqual(keys);
      for (const number of Object.values(line[section])) expect(number).toBeGreaterThanOrEqual(0);
    }
    expect(readdirSync(temporary)).toEqual([]);
  },
);

test.for([
  {
    args: ['speed'],
    sentence: '"speed" is not a benchmark; the benchmarks are plan, ledger, dispatch, switch, report.',
  },
  {
    args: [],
    sentence: 'Name a benchmark first; the benchmarks are plan, ledger, dispatch, switch, report.',
  },
  {
    args: ['plan', '--leads', '5'],
    sentence: '--leads is not known here; the flags are --recipients, --devices, --json, --help.',
  },
  {
    args: ['ledger', '--devices', 'many'],
    sentence: '--devices must be a whole number from 1 to 10000, and is "many".',
  },
])('$args ends with 2 and a sentence', async ({ args, sentence }) => {
  expect(await ending(start(args))).toMatchObject({ code: 2, stdout: '', stderr: `${sentence}\n` });
});

test('--help lists the benchmarks, one line each', async () => {
  const { code, stdout } = await ending(start(['--help']));
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /^ {2}plan {6}\S.*\n {2}ledger {4}\S.*\n {2}dispatch {2}\S.*\n {2}switch {4}\S.*\n {2}report {4}\S.*$/m,
  );
});

test('Ctrl-C removes the database', async () => {
  const temporary = temporaryFolder();
  const child = start(['ledger', '--recipients', '20000', '--devices', '3'], temporary);
  const ended = ending(child);
  await new Promise((resolve) => child.stderr!.once('data', resolve));
  expect(readdirSync(temporary)).toHaveLength(1);
  child.kill('SIGINT');
  expect(await ended).toMatchObject({
    code: 130,
    stdout: '',
    stderr: expect.stringContaining('Stopped by SIGINT'),
  });
  expect(readdirSync(temporary)).toEqual([]);
});

/** A folder for what a benchmark keeps, through which the database's account can pass. */
function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'bench-test-'));
  chmodSync(folder, 0o711);
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function start(args: string[], temporary = tmpdir()): ChildProcess {
  const main = fileURLToPath(new URL('main.ts', import.meta.url));
  const child = spawn(process.execPath, [main, ...args], { env: { ...process.env, TMPDIR: temporary } });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

async function ending(child: ChildProcess): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const [stdout, stderr, code] = await Promise.all([
    text(child.stdout!),
    text(child.stderr!),
    new Promise<number | null>((resolve) => child.once('close', resolve)),
  ]);
  return { code, stdout, stderr };
}
