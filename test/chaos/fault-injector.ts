import { systemClock } from '../../server/src/platform/clock.ts';
import type { Simulator } from '../../simulator/src/index.ts';
import { crashDatabase, endConnections } from './database-process.ts';
import { describeFault, type Fault, type FaultKind } from './fault-plan.ts';
import type { ProgramEnd, SupervisedProgram } from './supervised-program.ts';

export interface FaultInjectorOptions {
  simulator: Simulator;
  program: SupervisedProgram;
  dataDir: string;
  /** The linked numbers, in rotation order. */
  phones: readonly string[];
  progress: (line: string) => void;
}

/** A program without its database, or told to stop, has ended after this long. */
const endWithinMs = 20_000;
/** A program that ended is back, with its database, after this long. */
const targetWithinMs = 20_000;
const lookEveryMs = 100;

/** Does what the plan says at its times, and watches what it makes of the program's ends. */
export class FaultInjector {
  /** How many faults of each kind found something to disturb. */
  readonly done: Record<FaultKind, number> = {
    cut: 0,
    dropAcks: 0,
    lateAcks: 0,
    loseMessages: 0,
    ackErrors: 0,
    streamError: 0,
    database: 0,
    disconnect: 0,
    kill: 0,
    stop: 0,
  };
  readonly #options: FaultInjectorOptions;
  readonly #slowEnds: string[] = [];
  readonly #ending: Promise<void>[] = [];
  #lastEnd: ProgramEnd | undefined;

  constructor(options: FaultInjectorOptions) {
    this.#options = options;
  }

  /** Resolves when the last fault has been done or the signal aborts, and none waits for a message any more. */
  async run(faults: readonly Fault[], signal: AbortSignal): Promise<void> {
    const { simulator, progress } = this.#options;
    const startedMs = systemClock.monotonicMs();
    for (const fault of faults) {
      await systemClock.wait(startedMs + fault.atMs - systemClock.monotonicMs(), signal);
      if (signal.aborted) break;
      const did = await this.#injectWhenThere(fault);
      if (did) this.done[fault.kind] += 1;
      progress(`${describeFault(fault)}${did ? '' : ' (nothing was there to disturb)'}`);
    }
    simulator.clearFaults();
  }

  /** Stops the program in order. */
  async end(): Promise<void> {
    await Promise.all(this.#ending);
    this.#lastEnd = await this.#options.program.stop();
  }

  /** What was wrong with how the program ended, or with what it said. */
  complaints(): string[] {
    const { program } = this.#options;
    const { ends, defects, gaveUp } = program;
    return [
      ...ends
        .filter(({ cause }) => cause === undefined)
        .map((end) => `The program ended by itself: ${JSON.stringify(end)}`),
      ...ends
        .filter(({ ran, said }) => ran && said.some((line) => /^\s+at /.test(line)))
        .map((end) => `The program ended with a stack instead of a sentence: ${JSON.stringify(end)}`),
      ...this.#slowEnds,
      ...defects.map((line) => `The program speaks of a defect: ${line}`),
      ...(gaveUp ? ['The program did not start any more.'] : []),
      ...(this.#lastEnd && this.#lastEnd.code !== 0
        ? [`Its last stop was not in order: ${JSON.stringify(this.#lastEnd)}`]
        : []),
    ];
  }

  /** A fault that comes while the program is down waits until there is something to disturb, so that a slow machine has the same faults. */
  async #injectWhenThere(fault: Fault): Promise<boolean> {
    const deadlineMs = systemClock.monotonicMs() + targetWithinMs;
    while (!this.#inject(fault)) {
      if (systemClock.monotonicMs() > deadlineMs) return false;
      await systemClock.wait(lookEveryMs);
    }
    return true;
  }

  #inject(fault: Fault): boolean {
    const { program } = this.#options;
    switch (fault.kind) {
      case 'kill':
        return program.signal('SIGKILL', 'kill -9');
      case 'stop': {
        const signalled = program.signal('SIGTERM', 'SIGTERM');
        if (signalled) this.#expectEnd('SIGTERM');
        return signalled;
      }
      case 'database':
        return this.#crashDatabase(fault);
      case 'disconnect':
        program.excuseStart('the connections to the database ended');
        return endConnections(this.#options.dataDir);
      default:
        this.#disturbNetwork(fault);
        return true;
    }
  }

  #crashDatabase({ how }: Extract<Fault, { kind: 'database' }>): boolean {
    if (!crashDatabase(this.#options.dataDir, how)) return false;
    if (how === 'backend killed') this.#options.program.excuseStart('the database: backend killed');
    else this.#expectEnd(`the database: ${how}`);
    return true;
  }

  #disturbNetwork(fault: Exclude<Fault, { kind: 'database' | 'disconnect' | 'kill' | 'stop' }>): void {
    const { simulator, phones } = this.#options;
    const phone = phones[fault.device] ?? '';
    switch (fault.kind) {
      case 'cut':
        simulator.cut(phone, fault);
        break;
      case 'streamError':
        simulator.streamError(phone, fault.end);
        break;
      case 'dropAcks':
        simulator.dropAcks({ ...fault, phone });
        break;
      case 'lateAcks':
        simulator.lateAcks({ ...fault, phone });
        break;
      case 'loseMessages':
        simulator.loseMessages({ count: fault.count, phone });
        break;
      case 'ackErrors':
        simulator.ackErrors({ code: fault.code, count: fault.count, phone, spareRefused: true });
        break;
    }
  }

  #expectEnd(cause: string): void {
    const ended = this.#options.program.expectEnd(cause, endWithinMs).then((inTime) => {
      if (!inTime) this.#slowEnds.push(`The program had not ended ${endWithinMs / 1000} s after ${cause}.`);
    });
    this.#ending.push(ended);
  }
}
