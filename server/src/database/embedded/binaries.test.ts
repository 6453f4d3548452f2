import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { serverAccount } from './account.ts';
import { findBinaries, installedPackage, systemFolder } from './binaries.ts';

const version = `0.0.0-test-${process.pid}`;
let native: string;
let umask: number;
beforeAll(() => {
  umask = process.umask(0o077);
  // mkdtemp makes folders of mode 0700: what root puts there, the unprivileged account cannot reach.
  native = join(mkdtempSync(join(tmpdir(), 'sambad-binaries-')), 'native');
  cpSync(installedPackage().native, native, { recursive: true, verbatimSymlinks: true });
  // As an installation with scripts disabled leaves it.
  unlinkSync(join(native, 'lib', neededLink));
});
afterAll(() => {
  process.umask(umask);
  rmSync(join(native, '..'), { recursive: true, force: true });
  rmSync(join(systemFolder, 'postgresql', version), { recursive: true, force: true });
});

const neededLink = process.platform === 'linux' ? 'libicuuc.so.60' : 'libpq.5.dylib';

test('binaries without their links, in a folder that the account cannot enter, are made to run', () => {
  const account = serverAccount();
  const found = findBinaries(account, { native, version });
  expect(existsSync(join(native, 'lib', neededLink))).toBe(true);
  const inPlace = account.ids === undefined;
  expect(found.postgres.startsWith(inPlace ? native : join(systemFolder, 'postgresql', version))).toBe(true);
  const run = spawnSync(found.postgres, ['--version'], { ...account.ids, cwd: '/', encoding: 'utf8' });
  expect(run.stdout).toMatch(/^postgres \(PostgreSQL\) 18\./);
  // The second start takes the same copy.
  expect(findBinaries(account, { native, version })).toEqual(found);
});
