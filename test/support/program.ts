import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../server/src/main.ts', import.meta.url));

/** How a program ended, and what it had said. */
export interface Ending {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** The real program in a process of its own, with these settings and no others. */
export class Program {
  readonly ended: Promise<Ending>;
  readonly #child: ChildProcess;
  readonly #url = Promise.withResolvers<string>();
  #stdout = '';
  #stderr = '';

  constructor(args: readonly string[], settings: Record<string, string>) {
    const child = spawn(process.execPath, [main, ...args], {
      env: { PATH: process.env.PATH, HOME: process.env.HOME, APP_PORT: '0', ...settings },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.#stdout += `${line}\n`;
      const url = /^Sambad is running at (\S+)/.exec(line)?.[1];
      if (url) this.#url.resolve(url);
    });
    child.stderr.on('data', (bytes: Buffer) => {
      this.#stderr += bytes.toString();
    });
    this.ended = new Promise((resolve) =>
      child.once('close', (code) => resolve({ code, stdout: this.#stdout, stderr: this.#stderr })),
    );
    // Whoever waits for the address must hear of a program that ended without one.
    this.#url.promise.catch(() => undefined);
    void this.ended.then(({ stderr }) => this.#url.reject(new Error(`It ended instead: ${stderr}`)));
  }

  /** Where it listens, once it runs. */
  get url(): Promise<string> {
    return this.#url.promise;
  }

  /** Asks it to stop, as a service manager does, and resolves when it has. */
  async stop(): Promise<Ending> {
    this.#child.kill('SIGTERM');
    return await this.ended;
  }
}

/** Runs the program until it ends by itself. */
export function runProgram(args: readonly string[], settings: Record<string, string> = {}): Promise<Ending> {
  return new Program(args, settings).ended;
}

/** What a person reads on standard error: the log's lines of JSON are for machines. */
export function spoken({ stderr }: Ending): string[] {
  return stderr.split('\n').filter((line) => line !== '' && !line.startsWith('{"level":'));
}
