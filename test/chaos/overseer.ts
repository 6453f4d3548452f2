import { systemClock } from '../../server/src/platform/clock.ts';
import type { Simulator } from '../../simulator/src/index.ts';
import type { SupervisedProgram } from './supervised-program.ts';

export interface OverseerOptions {
  program: SupervisedProgram;
  simulator: Simulator;
  recipients: number;
  progress: (line: string) => void;
}

interface Campaign {
  state: string;
  messages: Record<string, number>;
  resends: number;
  failovers: number;
}

const lookEveryMs = 500;
const progressEveryMs = 5_000;
const answerTimeoutMs = 3_000;

/** The person before the screen: looks how the campaign stands, and reconnects a number whose session was taken over. */
export class Overseer {
  readonly #options: OverseerOptions;
  readonly #stopping = new AbortController();
  #looking: Promise<void> | undefined;
  #toldAtMs = 0;

  constructor(options: OverseerOptions) {
    this.#options = options;
  }

  /** Resolves when the program answers; rejects when it does not within `withinMs`. */
  async untilUp(withinMs: number): Promise<void> {
    const deadlineMs = systemClock.monotonicMs() + withinMs;
    while (!(await this.#ask('/readyz'))) {
      if (systemClock.monotonicMs() > deadlineMs || this.#options.program.gaveUp)
        throw new Error(`The program does not run: ${JSON.stringify(this.#options.program.ends)}`);
      await systemClock.wait(100);
    }
  }

  /** Begins to look; `finished` resolves when the campaign has finished, or cannot any more. */
  start(): { finished: Promise<void> } {
    this.#looking = this.#look();
    return { finished: this.#looking };
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#looking;
  }

  async #look(): Promise<void> {
    while (!this.#stopping.signal.aborted && !this.#options.program.gaveUp) {
      const campaign = await this.#campaign();
      if (campaign?.state === 'finished') return;
      await this.#reconnectReplaced();
      if (campaign) this.#tell(campaign);
      await systemClock.wait(lookEveryMs, this.#stopping.signal);
    }
  }

  #tell({ messages, resends, failovers }: Campaign): void {
    const { simulator, recipients, progress } = this.#options;
    const nowMs = systemClock.monotonicMs();
    if (nowMs - this.#toldAtMs < progressEveryMs) return;
    this.#toldAtMs = nowMs;
    const { queued = 0, unconfirmed = 0, failed = 0 } = messages;
    progress(
      `          seen ${simulator.report().recipientsReached}/${recipients}, waiting ${queued}, unconfirmed ${unconfirmed}, failed ${failed}, sent again ${resends}, moved ${failovers}, connected ${simulator.sockets().length}`,
    );
  }

  async #campaign(): Promise<Campaign | undefined> {
    const answer = await this.#ask<{ campaigns: Campaign[] }>('/api/campaigns');
    return answer?.campaigns[0];
  }

  async #reconnectReplaced(): Promise<void> {
    const answer = await this.#ask<{ devices: { id: string; state: string }[] }>('/api/devices');
    for (const { id, state } of answer?.devices ?? [])
      if (state === 'replaced') await this.#ask(`/app/reconnect?deviceId=${id}`);
  }

  /** What the program answers; undefined when it does not, which is no news while faults happen. */
  async #ask<T = unknown>(path: string): Promise<T | undefined> {
    const { url } = this.#options.program;
    if (!url) return undefined;
    try {
      const response = await fetch(`${url}${path}`, { signal: AbortSignal.timeout(answerTimeoutMs) });
      return response.ok ? ((await response.json()) as T) : undefined;
    } catch {
      return undefined;
    }
  }
}
