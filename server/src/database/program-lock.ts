import pg from 'pg';
import type { Clock } from '../platform/clock.ts';
import type { SambadError } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';

/** Two arbitrary numbers that name the lock "a Sambad program uses this database". */
const lockKey = [0x53616d, 1] as const;

const acquireTimeoutMs = 5_000;
const tryAgainMs = 100;
const reacquireMs = 1_000;

/** Takes the lock for the life of this connection, if it is free. */
export async function tryProgramLock(client: pg.Client): Promise<boolean> {
  const result = await client.query<{ taken: boolean }>('select pg_try_advisory_lock($1, $2) as taken', [
    ...lockKey,
  ]);
  return result.rows[0]?.taken === true;
}

/** One program per database: an advisory lock on a connection of its own, held while the program lives. */
export interface ProgramLock {
  /**
   * Counts how often the lock was taken; undefined while it is not held. What was done under one generation may have
   * been overtaken in the next, because another program may have held the lock in between.
   */
  generation(): number | undefined;
  release(): Promise<void>;
}

interface LockOptions {
  settings: pg.ClientConfig;
  /** Thrown when another program holds the lock for longer than a killed one could. */
  inUse: () => SambadError;
  clock: Clock;
  logger: Logger;
}

/**
 * Takes the lock, or throws `inUse` after five seconds: the lock of a program that was killed this moment goes only
 * when the server notices. When the connection is lost later, the lock is taken anew as soon as possible.
 */
export async function holdProgramLock(options: LockOptions): Promise<ProgramLock> {
  const lock = new HeldLock(options);
  await lock.take();
  return lock;
}

class HeldLock implements ProgramLock {
  readonly #options: LockOptions;
  readonly #released = new AbortController();
  #client: pg.Client | undefined;
  #generation = 0;
  #reacquiring: Promise<void> | undefined;

  constructor(options: LockOptions) {
    this.#options = options;
  }

  generation(): number | undefined {
    return this.#client ? this.#generation : undefined;
  }

  async take(): Promise<void> {
    const { clock, inUse } = this.#options;
    const client = await this.#connect();
    try {
      const deadlineMs = clock.monotonicMs() + acquireTimeoutMs;
      while (!(await tryProgramLock(client))) {
        if (clock.monotonicMs() > deadlineMs) throw inUse();
        await clock.wait(tryAgainMs, this.#released.signal);
        this.#released.signal.throwIfAborted();
      }
    } catch (error) {
      await client.end().catch(() => undefined);
      throw error;
    }
    this.#generation += 1;
    this.#client = client;
    client.once('end', () => this.#lost(client));
  }

  async release(): Promise<void> {
    this.#released.abort();
    await this.#reacquiring;
    const client = this.#client;
    this.#client = undefined;
    await client?.end();
  }

  async #connect(): Promise<pg.Client> {
    const client = new pg.Client(this.#options.settings);
    client.on('error', () => undefined);
    await client.connect();
    // A machine that vanished without a word must give its lock back within half a minute. It has no effect on a
    // Unix socket, where the system tells at once.
    await client.query(
      "select set_config('tcp_keepalives_idle', '10', false), set_config('tcp_keepalives_interval', '5', false), set_config('tcp_keepalives_count', '3', false), set_config('idle_session_timeout', '0', false)",
    );
    return client;
  }

  #lost(client: pg.Client): void {
    if (this.#client !== client || this.#released.signal.aborted) return;
    this.#client = undefined;
    this.#options.logger.warn(
      'The connection that guards the database was lost; no device may send until it is back.',
    );
    this.#reacquiring = this.#reacquire();
  }

  async #reacquire(): Promise<void> {
    const { clock, logger } = this.#options;
    while (!this.#released.signal.aborted) {
      try {
        await this.take();
        return;
      } catch (error) {
        if (this.#released.signal.aborted) return;
        logger.warn({ err: error }, 'The database cannot be guarded yet; trying again.');
        await clock.wait(reacquireMs, this.#released.signal);
      }
    }
  }
}
