import type pg from 'pg';
import { type Clock, systemClock } from '../platform/clock.ts';
import { SambadError } from '../platform/errors.ts';
import type { Service } from '../platform/lifecycle.ts';
import type { Logger } from '../platform/logger.ts';
import { type EmbeddedServer, startEmbeddedServer } from './embedded/server.ts';
import { connectOrExplain } from './external.ts';
import { migrate } from './migrate.ts';
import { connectionSettings, createDb, createPool, type Db, describeTarget } from './pool.ts';
import { holdProgramLock, type ProgramLock } from './program-lock.ts';

export interface DatabaseOptions {
  /** Where the embedded server keeps its data; not used with `uri`. */
  dataDir: string;
  /** A PostgreSQL server to use instead of the embedded one. */
  uri?: string | undefined;
  logger: Logger;
  clock?: Clock;
  connectionsMax?: number;
  /** Called once when the embedded server ends by itself; the program can only stop then. */
  onUnexpectedEnd?: (error: SambadError) => void;
}

/** The database of the program: started, guarded against a second program, and at this program's schema. */
export interface DatabaseService extends Service {
  /** Usable as soon as `start` has resolved; may be handed out before. */
  readonly db: Db;
  /** Throws before `start` has resolved. */
  readonly pool: pg.Pool;
  /** Counts how often this program took the database for itself; undefined while it does not hold it. */
  generation(): number | undefined;
  /** Settings for a connection outside the pool, with the same limits. Throws before `start` has resolved. */
  connection(): pg.ClientConfig;
  /** Where the data is, for people. */
  describe(): string;
}

/** The embedded server in the data folder, or the server that `uri` names. */
export function createDatabase(options: DatabaseOptions): DatabaseService {
  return new PostgresDatabase(options);
}

/** A server that a program in its first second shut down under us is tried again; more than that is no coincidence. */
const startsMax = 3;

class PostgresDatabase implements DatabaseService {
  readonly db: Db;
  readonly #options: DatabaseOptions;
  readonly #clock: Clock;
  #server: EmbeddedServer | undefined;
  #serverEnded = false;
  #settings: pg.ClientConfig | undefined;
  #lock: ProgramLock | undefined;
  #pool: pg.Pool | undefined;

  constructor(options: DatabaseOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.db = createDb(() => this.pool);
  }

  get pool(): pg.Pool {
    if (!this.#pool) throw new SambadError('internal', 'The database is not started.');
    return this.#pool;
  }

  generation(): number | undefined {
    return this.#lock?.generation();
  }

  connection(): pg.ClientConfig {
    if (!this.#settings) throw new SambadError('internal', 'The database is not started.');
    return this.#settings;
  }

  describe(): string {
    if (this.#server) return `PostgreSQL in ${this.#server.layout.cluster}`;
    return describeTarget(connectionSettings(this.#options.uri ?? {}));
  }

  async start(): Promise<void> {
    try {
      this.#settings = await this.#open();
      this.#pool = createPool(this.#settings, this.#options.logger, this.#options.connectionsMax);
      const applied = await migrate(this.#pool);
      if (applied.length > 0)
        this.#options.logger.info({ migrations: applied }, 'The database schema was updated.');
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    const pool = this.#pool;
    this.#pool = undefined;
    await pool?.end();
    await this.#lock?.release();
    this.#lock = undefined;
    await this.#server?.stop();
    this.#server = undefined;
  }

  async #open(): Promise<pg.ClientConfig> {
    const { uri } = this.#options;
    if (uri === undefined) return this.#openEmbedded();
    const settings = connectionSettings(uri);
    await connectOrExplain(settings, this.#clock);
    this.#lock = await this.#guard(
      settings,
      `Another Sambad uses the ${describeTarget(settings)}: stop that one, or set DB_URI to another database.`,
    );
    return settings;
  }

  async #openEmbedded(): Promise<pg.ClientConfig> {
    for (let starts = 1; ; starts++) {
      this.#serverEnded = false;
      this.#server = await startEmbeddedServer({
        dataDir: this.#options.dataDir,
        clock: this.#clock,
        logger: this.#options.logger,
        onUnexpectedEnd: (error) => this.#endedUnexpectedly(error),
      });
      const settings = connectionSettings(this.#server.connection);
      try {
        this.#lock = await this.#guard(
          settings,
          `The data folder ${this.#options.dataDir} is in use by another Sambad: stop that one, or set DATA_DIR to another folder.`,
        );
        return settings;
      } catch (error) {
        // Two programs that start at the same moment can shut down each other's server before either holds the lock.
        await this.#server.stop();
        if (starts === startsMax || (isInUse(error) && !this.#serverEnded)) throw error;
      }
    }
  }

  #guard(settings: pg.ClientConfig, sentence: string): Promise<ProgramLock> {
    const { logger } = this.#options;
    const inUse = (): SambadError => new SambadError('data_folder_in_use', sentence);
    return holdProgramLock({ settings, inUse, clock: this.#clock, logger });
  }

  #endedUnexpectedly(error: SambadError): void {
    this.#serverEnded = true;
    if (!this.#lock) return;
    this.#options.logger.error({ err: error }, error.message);
    this.#options.onUnexpectedEnd?.(error);
  }
}

function isInUse(error: unknown): boolean {
  return error instanceof SambadError && error.code === 'data_folder_in_use';
}
