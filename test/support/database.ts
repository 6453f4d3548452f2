import { randomBytes } from 'node:crypto';
import { inject } from 'vitest';
import { createDatabase, type DatabaseService } from '../../server/src/database/index.ts';
import { silentLogger } from '../../server/src/platform/logger.ts';
import { databaseUri, onServer, templateDatabase } from './server-uri.ts';

export interface TestDatabase extends DatabaseService {
  /** For a second connection, or for a child process: the value of DB_URI. */
  readonly uri: string;
  /** Stops the connections and drops the database. */
  remove(): Promise<void>;
}

/** A started database of one's own: a clone of the migrated template on the run's PostgreSQL. Remove it afterwards. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const { uri, drop } = await cloneTemplate();
  const database = createDatabase({ dataDir: '/nonexistent', uri, logger: silentLogger });
  await database.start();
  const remove = async (): Promise<void> => {
    await database.stop();
    await drop();
  };
  return {
    uri,
    remove,
    db: database.db,
    pool: database.pool,
    generation: () => database.generation(),
    connection: () => database.connection(),
    describe: () => database.describe(),
    start: () => database.start(),
    stop: () => database.stop(),
  };
}

/** The same without a program on it: for tests that start the program itself on `uri`. */
export async function cloneTemplate(): Promise<{ uri: string; drop(): Promise<void> }> {
  const socketFolder = inject('postgresSocketFolder');
  const name = `test_${randomBytes(8).toString('hex')}`;
  await onServer(socketFolder, `create database ${name} template ${templateDatabase}`);
  return {
    uri: databaseUri(socketFolder, name),
    drop: () => onServer(socketFolder, `drop database if exists ${name} with (force)`),
  };
}
