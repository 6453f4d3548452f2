import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { createDatabase } from '../../server/src/database/database.ts';
import { startEmbeddedServer } from '../../server/src/database/embedded/server.ts';
import { systemClock } from '../../server/src/platform/clock.ts';
import { silentLogger } from '../../server/src/platform/logger.ts';
import { databaseUri, guardedUser, onServer, templateDatabase } from './server-uri.ts';

/**
 * One PostgreSQL for the whole run, from the same binaries as in production, with a migrated template that each test
 * file clones. Only here may it trade durability for speed: nothing of it outlives the run.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), 'sambad-test-'));
  // The account that runs PostgreSQL for root must be able to enter.
  chmodSync(folder, 0o711);
  // As everywhere, but for one user that has a password, so that a wrong one can be tried.
  const rules = join(folder, 'who-may-enter.conf');
  writeFileSync(rules, `local all ${guardedUser} scram-sha-256\nlocal all all trust\n`);
  const server = await startEmbeddedServer({
    dataDir: folder,
    clock: systemClock,
    logger: silentLogger,
    onUnexpectedEnd: (error) => {
      throw error;
    },
    settings: {
      fsync: 'off',
      full_page_writes: 'off',
      synchronous_commit: 'off',
      max_connections: '300',
      hba_file: rules,
    },
  });
  const end = async (): Promise<void> => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const { socketFolder } = server.layout;
    await onServer(socketFolder, `create role ${guardedUser} login password 'right'`);
    await onServer(socketFolder, `create database ${templateDatabase}`);
    const template = createDatabase({
      dataDir: folder,
      uri: databaseUri(socketFolder, templateDatabase),
      logger: silentLogger,
    });
    await template.start();
    await template.stop();
    project.provide('postgresSocketFolder', socketFolder);
  } catch (error) {
    await end();
    throw error;
  }
  return end;
}
