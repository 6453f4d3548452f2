import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { serverAccount } from './account.ts';
import { findBinaries } from './binaries.ts';
import { prepareCluster } from './cluster.ts';
import { folderErrorFromOutput } from './folder-errors.ts';
import { layOut } from './layout.ts';

const account = serverAccount();
let folder: string;
let dataDir: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sambad-cluster-'));
  chmodSync(folder, 0o711);
  dataDir = join(folder, 'data');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('an initialisation that fails half-way leaves nothing that looks like data', async () => {
  const layout = layOut(dataDir, account);
  const { initdb } = findBinaries(account);
  const broken = prepareCluster(layout, { initdb, postgres: '/bin/false' });
  await expect(broken).rejects.toMatchObject({
    code: 'data_folder_unusable',
    message: expect.stringContaining(`A new database could not be made in ${dataDir}`),
  });
  expect(readdirSync(dataDir)).toEqual(['run']);
});

test('what a killed program left of an initialisation is removed', async () => {
  const layout = layOut(dataDir, account);
  const { pid } = spawnSync('true');
  mkdirSync(join(dataDir, `postgres.partial-${pid}`));
  await prepareCluster(layout, findBinaries(account));
  expect(readdirSync(dataDir).toSorted()).toEqual(['postgres', 'run']);
});

test.runIf(account.ids)(
  'a data folder made by root under a strict umask can be entered by the account',
  () => {
    const umask = process.umask(0o077);
    try {
      expect(layOut(join(folder, 'new', 'data'), account).elsewhere).toBe(false);
    } finally {
      process.umask(umask);
    }
  },
);

test('data of another PostgreSQL version is refused with what to do', async () => {
  const layout = layOut(dataDir, account);
  mkdirSync(layout.cluster);
  writeFileSync(join(layout.cluster, 'PG_VERSION'), '17\n');
  await expect(prepareCluster(layout, findBinaries(account))).rejects.toMatchObject({
    code: 'data_folder_unusable',
    message: expect.stringMatching(/is of PostgreSQL 17 and this Sambad brings 18: dump it/),
  });
});

test('a folder named postgres that holds no database is refused, not overwritten', async () => {
  const layout = layOut(dataDir, account);
  mkdirSync(layout.cluster);
  writeFileSync(join(layout.cluster, 'holiday.txt'), 'photos');
  await expect(prepareCluster(layout, findBinaries(account))).rejects.toThrow(
    'is not a PostgreSQL data directory',
  );
  expect(existsSync(join(layout.cluster, 'holiday.txt'))).toBe(true);
});

test.each(['file', 'file/data', 'file/deep/data'])(
  'a data folder at %s, where file is a file, is refused with a sentence',
  (path) => {
    writeFileSync(join(folder, 'file'), '');
    expect(() => layOut(join(folder, path), account)).toThrow(
      expect.objectContaining({
        code: 'data_folder_unusable',
        message: expect.stringContaining('under, a file'),
      }),
    );
  },
);

test('a long path gets its socket in a short private folder, the same at every start', () => {
  dataDir = join(folder, 'd'.repeat(120));
  const first = layOut(dataDir, account).socketFolder;
  expect(Buffer.byteLength(join(first, '.s.PGSQL.5432'))).toBeLessThan(100);
  expect(layOut(dataDir, account).socketFolder).toBe(first);
  rmSync(first, { recursive: true });
});

test.runIf(process.getuid?.() === 0)('a socket folder that somebody else made first is refused', () => {
  dataDir = join(folder, 'd'.repeat(120));
  const { socketFolder } = layOut(dataDir, account);
  rmSync(socketFolder, { recursive: true });
  writeFileSync(socketFolder, 'not a folder');
  expect(() => layOut(dataDir, account)).toThrow('does not belong to the account');
  rmSync(socketFolder);
});

test.each([
  ['could not write to file: No space left on device', 'The disk of the data folder /d is full'],
  ['FATAL: could not create file: Read-only file system', 'The data folder /d is on a read-only file system'],
  ['initdb: error: could not create directory: Permission denied', 'The data folder /d cannot be written'],
  ['FATAL: something else', 'otherwise'],
])('PostgreSQL saying "%s" becomes "%s"', (output, sentence) => {
  const error = folderErrorFromOutput('/d', output, 'otherwise');
  expect(error.code).toBe('data_folder_unusable');
  expect(error.message).toContain(sentence);
});
