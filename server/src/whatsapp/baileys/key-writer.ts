import { type Db, isRefusal } from '../../database/index.ts';
import { type BackoffRule, backoffMs } from '../../platform/backoff.ts';
import type { Clock } from '../../platform/clock.ts';
import { messageOf, SambadError } from '../../platform/errors.ts';
import type { Logger } from '../../platform/logger.ts';
import type { Random } from '../../platform/random.ts';
import { type KeyChange, KeyGroup, type KeyOwner, nameOfOwner, type WriteFailure } from './key-group.ts';
import { sealChanges, storeChanges } from './key-statement.ts';

/** How long changes are gathered before they are written together. */
const gatherMs = 3;
/** Rows in one statement; a larger single write (812 pre-keys) still goes in one. */
const groupRowsMax = 2000;
/** Changes waiting in memory. More means that the database has stopped: new writes are refused. */
const defaultPendingRowsMax = 100_000;
/** A database that restarts or fails over is back by then. */
const giveUpMs = 20_000;
const retry: BackoffRule = { firstMs: 50, maxMs: 2000 };

export interface KeyWriterOptions {
  db: Db;
  clock: Clock;
  random: Random;
  logger: Logger;
  /** See `defaultPendingRowsMax`. */
  pendingRowsMax?: number;
}

/**
 * Writes the credentials and Signal keys of all devices, grouped: one statement every few milliseconds at most, and one
 * at a time, so that a slow database makes groups larger instead of more.
 */
export class KeyWriter {
  readonly #options: KeyWriterOptions;
  /** Oldest first. The first may be on its way to the database. */
  readonly #groups: KeyGroup[] = [];
  readonly #abort = new AbortController();
  #pendingRows = 0;
  #running: Promise<void> | undefined;
  #firstIsTaken = false;

  constructor(options: KeyWriterOptions) {
    this.#options = options;
  }

  /** Writes what waits, without waiting for a database that is away. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  /** Resolves once the changes are committed, together, or with why they are not; never rejects. */
  write(owner: KeyOwner, changes: readonly KeyChange[]): Promise<WriteFailure | undefined> {
    if (changes.length === 0) return Promise.resolve(undefined);
    if (this.#pendingRows + changes.length > (this.#options.pendingRowsMax ?? defaultPendingRowsMax)) {
      const error = new SambadError('internal', 'Too many Signal keys wait for the database.');
      return Promise.resolve({ kind: 'failed', error });
    }
    const group = this.#openGroup(changes.length);
    const sizeBefore = group.size;
    const outcome = group.add(owner, changes);
    this.#pendingRows += group.size - sizeBefore;
    this.#running ??= this.#run();
    return outcome;
  }

  /** The newest value that waits to be written: null for a deletion, undefined when nothing waits for this key. */
  pending(owner: KeyOwner, type: string, key: string): string | null | undefined {
    for (let index = this.#groups.length - 1; index >= 0; index -= 1) {
      const change = this.#groups[index]?.find(owner, type, key);
      if (change) return change.text;
    }
    return undefined;
  }

  #openGroup(rows: number): KeyGroup {
    const last = this.#groups.at(-1);
    const lastIsTaken = this.#firstIsTaken && this.#groups.length === 1;
    if (last && !lastIsTaken && last.size + rows <= groupRowsMax) return last;
    const group = new KeyGroup();
    this.#groups.push(group);
    return group;
  }

  async #run(): Promise<void> {
    await this.#options.clock.wait(gatherMs, this.#abort.signal);
    for (let group = this.#groups[0]; group; group = this.#groups[0]) {
      this.#firstIsTaken = true;
      const failures = await this.#store(group);
      this.#firstIsTaken = false;
      this.#groups.shift();
      this.#pendingRows -= group.size;
      group.settle((owner) => failures.get(owner));
    }
    this.#running = undefined;
  }

  /** One bad value must not take the other devices' keys along: a group that is refused is tried owner by owner. */
  async #store(group: KeyGroup): Promise<ReadonlyMap<string, WriteFailure>> {
    const failures = new Map<string, WriteFailure>();
    const owners = Object.values(Object.groupBy(group.changes, nameOfOwner));
    const refused = await this.#storeTogether(group.changes, failures);
    if (refused && owners.length > 1) {
      failures.clear();
      for (const changes of owners) if (changes) await this.#storeTogether(changes, failures);
    }
    return failures;
  }

  /** Notes the owners whose changes were not stored, and returns whether the database refused the statement as such. */
  async #storeTogether(changes: readonly KeyChange[], failures: Map<string, WriteFailure>): Promise<boolean> {
    const owners = new Set(changes.map(nameOfOwner));
    try {
      const stored = await this.#storeWithRetries(changes);
      for (const owner of owners) if (!stored.has(owner)) failures.set(owner, { kind: 'fenced' });
      return false;
    } catch (error) {
      this.#options.logger.error({ detail: messageOf(error) }, 'Signal keys could not be stored.');
      for (const owner of owners) failures.set(owner, { kind: 'failed', error });
      return isRefusal(error);
    }
  }

  async #storeWithRetries(changes: readonly KeyChange[]): Promise<ReadonlySet<string>> {
    const { db, clock, random, logger } = this.#options;
    const sealed = sealChanges(changes);
    const deadlineMs = clock.monotonicMs() + giveUpMs;
    for (let tries = 0; ; tries += 1) {
      try {
        return await storeChanges(db, sealed);
      } catch (error) {
        if (isRefusal(error) || clock.monotonicMs() >= deadlineMs || this.#abort.signal.aborted) throw error;
        logger.warn({ detail: messageOf(error), tries }, 'Signal keys wait for the database.');
        await clock.wait(backoffMs(retry, tries, random), this.#abort.signal);
      }
    }
  }
}
