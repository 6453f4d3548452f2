import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A child process that answers lines with lines of JSON. */
export interface ChildProgram {
  readonly pid: number;
  /** Its next answer; rejects when it ended without one. */
  next(): Promise<Record<string, unknown>>;
  ask(line: string): Promise<Record<string, unknown>>;
  /** Kills it as a crash would, and resolves when it is gone. */
  kill(): Promise<void>;
  /** Ends its input and resolves with its exit code. */
  end(): Promise<number | null>;
}

/** Runs a TypeScript file of this folder with Node. */
export function startChild(
  file: string,
  args: string[],
  ids: { uid?: number; gid?: number } = {},
): ChildProgram {
  const script = fileURLToPath(new URL(file, import.meta.url));
  const child: ChildProcess = spawn(process.execPath, [script, ...args], {
    ...ids,
    cwd: '/',
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const next = async (): Promise<Record<string, unknown>> => {
    const line = await lines.next();
    if (line.done) throw new Error(`${file} ended with code ${await ended} and no answer.`);
    return JSON.parse(line.value);
  };
  return {
    pid: child.pid!,
    next,
    ask: (line) => {
      child.stdin!.write(`${line}\n`);
      return next();
    },
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
    end: () => {
      child.stdin!.end();
      return ended;
    },
  };
}
