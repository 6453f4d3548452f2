import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { systemClock, type Timer } from '../../platform/clock.ts';
import { boundedLog } from './bounded-log.ts';

/**
 * A process of its own between the program and PostgreSQL. Its standard input is a pipe that the program holds open;
 * when the program ends, however it ends, the pipe closes and PostgreSQL is shut down. It writes one JSON line per
 * event to standard output and keeps PostgreSQL's log within two files of bounded size.
 *
 * It must not end before PostgreSQL does, so it leaves the signals of a terminal or a service manager to the program.
 */
export interface SupervisorOrder {
  postgres: string;
  args: string[];
  env: Record<string, string>;
  ids: { uid: number; gid: number } | undefined;
  log: string;
  /** How long a fast shutdown may take before an immediate one follows; by default long enough for a last checkpoint. */
  patienceMs?: number;
}

export type SupervisorEvent =
  | { kind: 'ready' }
  /** PostgreSQL ended; the last lines of its log say why. */
  | { kind: 'ended'; code: number | null; lastLines: string[] };

const lastLinesMax = 20;
const defaultPatienceMs = 10_000;

function supervise(order: SupervisorOrder): void {
  const postgres = spawn(order.postgres, order.args, {
    ...order.ids,
    cwd: '/',
    env: order.env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const lastLines = followLog(postgres, order.log);
  let patience: Timer | undefined;
  const stop = (): void => {
    postgres.kill('SIGINT');
    // PostgreSQL 18 waits for ever when it is told to shut down while it recovers from the crash of one of its processes. An
    // immediate shutdown ends it then, and loses nothing that was committed.
    patience ??= systemClock.after(order.patienceMs ?? defaultPatienceMs, () => postgres.kill('SIGQUIT'));
  };
  process.stdin.resume();
  process.stdin.once('end', stop).once('error', stop);
  postgres.once('error', (error) => lastLines.push(error.message));
  postgres.once('close', (code) => {
    patience?.cancel();
    report({ kind: 'ended', code, lastLines });
    process.stdin.destroy();
  });
}

function followLog(postgres: ChildProcess, path: string): string[] {
  const lastLines: string[] = [];
  const log = boundedLog(path);
  createInterface({ input: postgres.stderr! }).on('line', (line) => {
    log(line);
    lastLines.push(line);
    if (lastLines.length > lastLinesMax) lastLines.shift();
    if (line.includes('database system is ready to accept connections')) report({ kind: 'ready' });
  });
  return lastLines;
}

function report(event: SupervisorEvent): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

if (process.argv[2] !== undefined && import.meta.main) {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
  // The program may be gone when an event is reported.
  process.stdout.on('error', () => undefined);
  supervise(JSON.parse(process.argv[2]));
}
