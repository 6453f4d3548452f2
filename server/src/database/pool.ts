import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import type { Logger } from '../platform/logger.ts';
import type { Schema } from './schema.ts';

/** What every query of the program goes through. */
export type Db = Kysely<Schema>;

const defaultConnectionsMax = 10;

/**
 * The limits of every connection. A session that waits inside a transaction is ended well before a lease runs out, so
 * a stopped process cannot hold a row that others need.
 */
const sessionLimits = {
  statement_timeout: 30_000,
  lock_timeout: 10_000,
  idle_in_transaction_session_timeout: 10_000,
  connectionTimeoutMillis: 10_000,
  keepAlive: true,
  application_name: 'sambad',
} satisfies pg.ClientConfig;

const int8 = 20;
const int8Array = 1016;
const numeric = 1700;

/** Counters and identity columns arrive as numbers; none comes near 2^53. */
const types: pg.CustomTypesConfig = {
  getTypeParser: ((id: number, format?: 'text' | 'binary') => {
    if (format !== 'binary') {
      if (id === int8 || id === numeric) return Number;
      if (id === int8Array) return parseNumbers;
    }
    return pg.types.getTypeParser(id, format as 'text');
  }) as typeof pg.types.getTypeParser,
};

function parseNumbers(text: string): (number | null)[] {
  if (text === '{}') return [];
  const items = text.slice(1, -1).split(',');
  return items.map((item) => (item === 'NULL' ? null : Number(item)));
}

/** The settings of one connection to a server: a socket folder or a URI, and the limits of a session. */
export function connectionSettings(target: pg.ClientConfig | string): pg.ClientConfig {
  const where = typeof target === 'string' ? { connectionString: target } : target;
  return { ...where, ...sessionLimits, types };
}

/**
 * A pool of connections. Errors of idle ones are logged and the connection is replaced. One that is lost in somebody's hands fails their
 * next query; its own event would otherwise end the program, because the pool listens only to connections that nobody holds.
 */
export function createPool(
  settings: pg.ClientConfig,
  logger: Logger,
  connectionsMax = defaultConnectionsMax,
): pg.Pool {
  const pool = new pg.Pool({ ...settings, max: connectionsMax, idleTimeoutMillis: 30_000 });
  pool.on('error', (error) => logger.warn({ err: error }, 'An idle database connection was lost.'));
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

/** Kysely on a pool that may not exist yet: services are built before the database starts, and query after. */
export function createDb(pool: () => pg.Pool): Db {
  return new Kysely<Schema>({ dialect: new PostgresDialect({ pool: async () => pool() }) });
}

/** Where the settings lead, for people: never with the password. */
export function describeTarget(settings: pg.ClientConfig): string {
  const { host, port, database, user } = new pg.Client(settings);
  const server = host.startsWith('/') ? host : `${host}:${port}`;
  return `database ${database ?? 'postgres'} at ${server}${user ? ` as ${user}` : ''}`;
}
