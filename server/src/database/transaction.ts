import type { Kysely, Transaction } from 'kysely';
import { backoffMs } from '../platform/backoff.ts';
import { systemClock } from '../platform/clock.ts';
import { systemCodeOf } from '../platform/errors.ts';
import { systemRandom } from '../platform/random.ts';
import type { Schema } from './schema.ts';

/** What may read: the pool, or a transaction. */
export type Reader = Kysely<Schema>;

/** An open transaction. A query on `db` after the transaction has ended throws. */
export interface Transactor {
  readonly db: Transaction<Schema>;
  /**
   * Runs after the commit, in the order registered, and not at all after a rollback. Meant for doorbells: the commit
   * stands whatever happens here, so what must not be lost belongs into a row.
   */
  onCommit(ring: () => void): void;
}

const retriesMax = 3;
const retryDelay = { firstMs: 10, maxMs: 200 };

/** PostgreSQL's codes for a deadlock and a serialisation failure: the same work, begun anew, can succeed. */
const retryable = new Set(['40P01', '40001']);

/**
 * Runs `work` in a transaction and commits when it resolves. After a deadlock or a serialisation failure the whole of
 * `work` runs again, at most three times, so it must touch nothing but the transaction before the commit.
 */
export async function transaction<T>(db: Kysely<Schema>, work: (tx: Transactor) => Promise<T>): Promise<T> {
  let rings: (() => void)[] = [];
  const result = await retrying(() => {
    rings = [];
    return db.transaction().execute((trx) => work({ db: trx, onCommit: (ring) => void rings.push(ring) }));
  });
  for (const ring of rings) ring();
  return result;
}

/** Runs a single statement, and again after a deadlock or a serialisation failure, at most three times. */
export async function retrying<T>(statement: () => Promise<T>): Promise<T> {
  for (let retries = 0; ; retries++) {
    try {
      return await statement();
    } catch (error) {
      if (retries === retriesMax || !retryable.has(systemCodeOf(error) ?? '')) throw error;
      await systemClock.wait(backoffMs(retryDelay, retries, systemRandom));
    }
  }
}
