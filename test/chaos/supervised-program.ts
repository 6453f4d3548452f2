import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { systemClock } from '../../server/src/platform/clock.ts';

/** How one life of the program ended. */
export interface ProgramEnd {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** The fault that was meant to end it; undefined when nobody knows why it ended. */
  cause: string | undefined;
  /** Whether it had come so far that it answered. */
  ran: boolean;
  /** What it said to people on standard error; its log goes to the file. */
  said: string[];
}

export interface SupervisedProgramOptions {
  /** The TypeScript file and its arguments. */
  command: readonly string[];
  environment: Record<string, string>;
  /** Everything it writes to standard error. */
  log: string;
}

/** As a service manager waits before it starts a service again. */
const restartAfterMs = 300;
/** Lives in a row that end before the program runs: then it will not run at all. */
const failedStartsMax = 8;
const saidMax = 40;

/** Runs the program, and runs it again whenever it ends, as a service manager does. */
export class SupervisedProgram {
  readonly ends: ProgramEnd[] = [];
  /** Lines of its log that speak of a defect. */
  readonly defects: string[] = [];
  readonly #options: SupervisedProgramOptions;
  readonly #stopping = new AbortController();
  #child: ChildProcess | undefined;
  #url: string | undefined;
  #cause: string | undefined;
  #excuse: string | undefined;
  #failedStarts = 0;
  #life: Promise<ProgramEnd> | undefined;
  #running: Promise<void> | undefined;

  constructor(options: SupervisedProgramOptions) {
    this.#options = options;
  }

  /** Where it listens; undefined while it does not. */
  get url(): string | undefined {
    return this.#url;
  }

  /** It ended before it ran so often that it is not started any more. */
  get gaveUp(): boolean {
    return this.#failedStarts >= failedStartsMax;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Sends a signal that ends the program. False when there is none at this moment. */
  signal(signal: NodeJS.Signals, cause: string): boolean {
    if (!this.#child) return false;
    this.#cause = cause;
    return this.#child.kill(signal);
  }

  /** A program that still starts may end of this; one that runs has to bear it. */
  excuseStart(cause: string): void {
    if (this.#child && !this.#url) this.#excuse = cause;
  }

  /** Something else than a signal is about to end it. Resolves to whether it ended within `withinMs`; if not, it is killed. */
  async expectEnd(cause: string, withinMs: number): Promise<boolean> {
    const life = this.#life;
    if (!life) return true;
    this.#cause = cause;
    const over = new AbortController();
    const ended = await Promise.race([
      life.then(() => true),
      systemClock.wait(withinMs, over.signal).then(() => false),
    ]);
    over.abort();
    if (!ended) this.#child?.kill('SIGKILL');
    return ended;
  }

  /** SIGTERM, and no other life after this one. Resolves with its end; undefined when none was running. */
  async stop(): Promise<ProgramEnd | undefined> {
    this.#stopping.abort();
    const life = this.#child ? this.#life : undefined;
    this.signal('SIGTERM', 'the end of the run');
    await this.#running;
    return await life;
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted && !this.gaveUp) {
      this.#life = this.#live();
      const end = await this.#life;
      this.ends.push(end);
      await systemClock.wait(restartAfterMs, this.#stopping.signal);
    }
  }

  #live(): Promise<ProgramEnd> {
    const child = spawn(process.execPath, this.#options.command, {
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...this.#options.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.#cause = undefined;
    this.#excuse = undefined;
    let ran = false;
    this.#failedStarts += 1;
    const said: string[] = [];
    createInterface({ input: child.stdout }).on('line', (line) => {
      const url = /^Sambad is running at (\S+)/.exec(line)?.[1];
      if (!url) return;
      this.#url = url;
      this.#excuse = undefined;
      ran = true;
      this.#failedStarts = 0;
    });
    createInterface({ input: child.stderr }).on('line', (line) => this.#heard(line, said));
    // Its end is its exit: the pipes stay open for as long as its database takes to stop, and a service manager does not wait for that.
    return new Promise((resolve) =>
      child.once('exit', (code, signal) => {
        this.#child = undefined;
        this.#url = undefined;
        resolve({ code, signal, cause: this.#cause ?? this.#excuse, ran, said });
      }),
    );
  }

  #heard(line: string, said: string[]): void {
    appendFileSync(this.#options.log, `${line}\n`);
    if (/this is a defect/.test(line)) this.defects.push(line);
    if (!line.startsWith('{"level":') && said.length < saidMax) said.push(line);
  }
}
