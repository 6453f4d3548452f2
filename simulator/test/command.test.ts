import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { afterEach, expect, test } from 'vitest';

const MAIN = new URL('../src/main.ts', import.meta.url).pathname;

let child: ChildProcessWithoutNullStreams | undefined;
afterEach(() => child?.kill('SIGKILL'));

interface Run {
  readonly output: string;
  readonly errors: string;
  readonly exitCode: number;
}

function start(...args: string[]): ChildProcessWithoutNullStreams {
  child = spawn(process.execPath, [MAIN, ...args]);
  return child;
}

async function finished(process: ChildProcessWithoutNullStreams): Promise<Run> {
  let output = '';
  let errors = '';
  process.stdout.on('data', (chunk) => (output += chunk));
  process.stderr.on('data', (chunk) => (errors += chunk));
  const [exitCode] = (await once(process, 'close')) as [number];
  return { output, errors, exitCode };
}

async function readyLine(process: ChildProcessWithoutNullStreams): Promise<Record<string, unknown>> {
  const [line] = (await once(createInterface(process.stdout), 'line')) as [string];
  return JSON.parse(line) as Record<string, unknown>;
}

test('it says where it listens in one line of JSON and ends when its standard input does', async () => {
  const process = start('--port', '0', '--ready-json', '--stop-with-stdin');
  const ready = await readyLine(process);
  const report = await fetch(`${ready.controlUrl}/admin/report`);
  expect(await report.json()).toMatchObject({ accepted: 0 });
  expect(ready.url).toBe(`ws://127.0.0.1:${ready.port}/ws/chat`);
  expect(Buffer.from(String(ready.rootPublicKey), 'base64')).toHaveLength(32);
  const ended = finished(process);
  process.stdin.end();
  expect(await ended).toMatchObject({ exitCode: 0, errors: '' });
});

test.each(['SIGINT', 'SIGTERM'] as const)('%s stops it with exit code 0', async (signal) => {
  const process = start('--port', '0', '--ready-json');
  await readyLine(process);
  const ended = finished(process);
  process.kill(signal);
  expect((await ended).exitCode).toBe(0);
});

test('an unknown flag is refused with the known ones, exit code 2', async () => {
  const { errors, exitCode } = await finished(start('--speed', '9'));
  expect(errors).toMatch(/--speed is not known here: known are --port, --host, --seed/);
  expect(exitCode).toBe(2);
});

test('a taken port is one clear sentence, exit code 1', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as { port: number };
  const { errors, exitCode } = await finished(start('--port', String(port)));
  other.close();
  expect(errors).toBe(`Port ${port} on 127.0.0.1 is taken: choose another with --port.\n`);
  expect(exitCode).toBe(1);
});
