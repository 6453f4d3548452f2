import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDatabase, type DatabaseService } from '../server/src/database/index.ts';
import { systemCodeOf } from '../server/src/platform/errors.ts';
import { createLogger } from '../server/src/platform/logger.ts';
import { untilSignal } from '../server/src/platform/signals.ts';
import type { Progress } from './bench.ts';

/** A person or the system asked the benchmark to stop; everything it had started is gone. */
export class Interrupted extends Error {
  readonly signal: NodeJS.Signals;

  constructor(signal: NodeJS.Signals) {
    super(`Stopped by ${signal}: the database and its folder are removed.`);
    this.signal = signal;
  }
}

/**
 * Runs `work` on the product's own embedded PostgreSQL, with the product's settings (fsync on) and schema, in a folder that is
 * removed at the end, whatever the end is. Throws `Interrupted` after a signal.
 */
export async function withDatabase<Result>(
  progress: Progress,
  work: (database: DatabaseService) => Promise<Result>,
): Promise<Result> {
  const interrupted = untilSignal();
  const folder = await mkdtemp(join(tmpdir(), 'sambad-bench-'));
  // As root the database runs under another account, which must be able to pass through; it cannot list what is inside.
  await chmod(folder, 0o711);
  const database = createDatabase({ dataDir: folder, logger: createLogger({ level: 'error' }) });
  try {
    await database.start();
    progress(`A throw-away ${database.describe()} is ready.`);
    return await Promise.race([
      work(database),
      interrupted.then((signal) => {
        throw new Interrupted(signal);
      }),
    ]);
  } finally {
    await database.stop();
    await removeData(folder);
  }
}

/** The server may have had to keep its data elsewhere, because its account cannot reach the folder; a file in the folder says where. */
async function removeData(folder: string): Promise<void> {
  const elsewhere = await readFile(join(folder, 'postgres-location'), 'utf8').catch((error: unknown) => {
    if (systemCodeOf(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (elsewhere !== undefined) await rm(elsewhere.trim(), { recursive: true, force: true });
  await rm(folder, { recursive: true, force: true });
}
