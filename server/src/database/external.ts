import pg from 'pg';
import type { Clock } from '../platform/clock.ts';
import { SambadError, systemCodeOf } from '../platform/errors.ts';
import { describeTarget } from './pool.ts';

/** PostgreSQL's code for "the database system is starting up". */
const startingUp = '57P03';
const startUpTimeoutMs = 30_000;
const tryAgainMs = 250;

const reasons: Record<string, string> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'there is no host of that name',
  EAI_AGAIN: 'the name of the host could not be looked up',
  ETIMEDOUT: 'it does not answer',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  ECONNRESET: 'it closed the connection',
  ENOENT: 'there is no such socket',
  '28P01': 'it refused the password',
  '28000': 'it does not let this user in',
  '3D000': 'there is no database of that name',
  '53300': 'it has no free connection',
  '57P03': 'it is still starting up',
};

/**
 * Connects once. Throws `database_unreachable` with a sentence for the person who wrote DB_URI; the password is never
 * part of it. A server that is still starting up is given half a minute.
 */
export async function connectOrExplain(settings: pg.ClientConfig, clock: Clock): Promise<void> {
  const deadlineMs = clock.monotonicMs() + startUpTimeoutMs;
  for (;;) {
    const error = await connectionError(settings);
    if (error === undefined) return;
    if (systemCodeOf(error) !== startingUp || clock.monotonicMs() > deadlineMs)
      throw unreachable(settings, error);
    await clock.wait(tryAgainMs);
  }
}

async function connectionError(settings: pg.ClientConfig): Promise<unknown> {
  let client: pg.Client;
  try {
    client = new pg.Client(settings);
  } catch {
    // The parser's own message may quote the URI, password and all.
    throw new SambadError(
      'config_invalid',
      'DB_URI is not a PostgreSQL URI such as postgresql://user:password@host:5432/name.',
    );
  }
  client.on('error', () => undefined);
  try {
    await client.connect();
    return undefined;
  } catch (error) {
    return error;
  } finally {
    await client.end().catch(() => undefined);
  }
}

function unreachable(settings: pg.ClientConfig, error: unknown): SambadError {
  const code = systemCodeOf(firstOf(error)) ?? '';
  const reason =
    reasons[code] ??
    (code ? `the connection failed with ${code}` : 'it does not answer as a PostgreSQL server does');
  return new SambadError(
    'database_unreachable',
    `The ${describeTarget(settings)} cannot be used: ${reason}. Check DB_URI.`,
    { cause: error },
  );
}

/** A host with several addresses fails with one error for each. */
function firstOf(error: unknown): unknown {
  return error instanceof AggregateError && systemCodeOf(error) === undefined ? error.errors[0] : error;
}
