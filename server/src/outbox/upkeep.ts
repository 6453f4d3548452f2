import type { Db } from '../database/index.ts';
import { backoffMs } from '../platform/backoff.ts';
import type { Clock } from '../platform/clock.ts';
import type { Service } from '../platform/lifecycle.ts';
import type { Logger } from '../platform/logger.ts';
import type { Random } from '../platform/random.ts';
import { giveUpUnconfirmed, moveFromOfflineDevices } from './failover.ts';
import { cancelQueued } from './job-verbs.ts';
import { planForgottenJobs } from './plan.ts';
import { spreadOverReturned } from './return.ts';
import { finishJobs } from './settle.ts';
import type { EngineTimings } from './timings.ts';

export interface UpkeepOptions {
  db: Db;
  clock: Clock;
  random: Random;
  logger: Logger;
  timings: EngineTimings;
  /** Told how many messages moved to other devices. */
  onMoved: (messages: number) => void;
  /** Told which jobs it found to have ended. */
  onFinished: (jobIds: string[]) => void;
}

/**
 * Looks after messages that no connected device looks after: moves those of offline devices, spreads over those that are back, gives up those that have been
 * unconfirmed for too long, cancels what is queued in cancelled jobs, plans jobs whose planning
 * was forgotten, and ends jobs in which nothing waits.
 */
export class Upkeep implements Service {
  readonly #options: UpkeepOptions;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;
  #startedMs = 0;

  constructor(options: UpkeepOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    this.#startedMs = this.#options.clock.monotonicMs();
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, random, logger, timings } = this.#options;
    let failures = 0;
    while (!this.#stopping.signal.aborted) {
      try {
        await this.#once();
        failures = 0;
      } catch (error) {
        failures += 1;
        logger.warn({ err: error }, 'The upkeep of waiting messages failed; it is tried again.');
      }
      const pauseMs =
        failures > 0
          ? backoffMs({ firstMs: timings.failoverEveryMs, maxMs: 30_000 }, failures, random)
          : timings.failoverEveryMs;
      await clock.wait(pauseMs, this.#stopping.signal);
    }
  }

  async #once(): Promise<void> {
    const { db, timings, onFinished } = this.#options;
    while ((await cancelQueued(db)) > 0 && !this.#stopping.signal.aborted);
    await this.#failOver();
    await giveUpUnconfirmed(db, 'of_gone_devices');
    await giveUpUnconfirmed(db, { olderThanMs: timings.unconfirmedMaxMs });
    await planForgottenJobs(db);
    const finished = await finishJobs(db);
    if (finished.length > 0) onFinished(finished);
  }

  /** While the program was stopped every device was offline, so each gets the grace time to come back before others take its messages. */
  async #failOver(): Promise<void> {
    const { db, clock, timings, onMoved } = this.#options;
    if (clock.monotonicMs() - this.#startedMs < timings.failoverGraceMs) return;
    const moved = await moveFromOfflineDevices(db, timings.failoverGraceMs);
    if (moved > 0) onMoved(moved);
    const spread = await spreadOverReturned(db, timings);
    if (spread > 0) onMoved(spread);
  }
}
