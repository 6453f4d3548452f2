import { execFile } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { SambadError, systemCodeOf } from '../../platform/errors.ts';
import { type Account, serverEnvironment } from './account.ts';
import type { Binaries } from './binaries.ts';
import { folderError, folderErrorFromOutput } from './folder-errors.ts';
import type { Layout } from './layout.ts';

/** The role and the database of the embedded server. */
export const embeddedName = 'sambad';

const majorVersion = '18';
const partialName = 'postgres.partial-';
const initialisationTimeoutMs = 60_000;

/**
 * Makes PostgreSQL's data directory where there is none, and checks the version of one that is there. It is made under
 * another name and renamed when whole, so that a crash or a full disk half-way leaves nothing that looks like data.
 */
export async function prepareCluster(layout: Layout, binaries: Binaries): Promise<void> {
  if (existsSync(layout.cluster)) return checkVersion(layout);
  const partial = join(layout.home, `${partialName}${process.pid}`);
  try {
    removeAbandoned(layout.home);
    rmSync(partial, { recursive: true, force: true });
    mkdirSync(partial, { mode: 0o700 });
    const { ids } = layout.account;
    if (ids) chownSync(partial, ids.uid, ids.gid);
    await initialise(partial, layout, binaries);
    renameSync(partial, layout.cluster);
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    // Two programs may begin on an empty folder at once: the second finds the first one's data and goes on with it.
    if (existsSync(layout.cluster)) return checkVersion(layout);
    throw folderError(layout.home, error);
  }
}

/** What a program left that was killed while it initialised. */
function removeAbandoned(home: string): void {
  for (const name of readdirSync(home)) {
    if (!name.startsWith(partialName) || isAlive(Number(name.slice(partialName.length)))) continue;
    rmSync(join(home, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return systemCodeOf(error) === 'EPERM';
  }
}

async function initialise(partial: string, layout: Layout, binaries: Binaries): Promise<void> {
  // The built-in locale orders text by code point and is the same on every machine and C library.
  const args = ['--pgdata', partial, '--username', embeddedName, '--auth=trust', '--no-instructions'];
  const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
  const run = (program: string, argv: string[], input: string): Promise<void> =>
    runProgram(program, argv, input, layout.account, layout.home);
  await run(binaries.initdb, [...args, ...locale], '');
  await run(binaries.postgres, ['--single', '-D', partial, 'postgres'], `create database ${embeddedName}\n`);
}

function runProgram(
  program: string,
  args: string[],
  input: string,
  account: Account,
  home: string,
): Promise<void> {
  const options = { ...account.ids, cwd: '/', env: serverEnvironment, timeout: initialisationTimeoutMs };
  return new Promise((resolve, reject) => {
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      if (!error) return resolve();
      const otherwise = `A new database could not be made in ${home}; PostgreSQL said: ${lastLine(stderr) ?? error.message}`;
      reject(folderErrorFromOutput(home, `${stdout}\n${stderr}`, otherwise));
    });
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });
}

function checkVersion(layout: Layout): void {
  let found: string;
  try {
    found = readFileSync(join(layout.cluster, 'PG_VERSION'), 'utf8').trim();
  } catch (cause) {
    throw new SambadError(
      'data_folder_unusable',
      `${layout.cluster} is not a PostgreSQL data directory: restore it from a backup, or move it away to begin anew.`,
      { cause },
    );
  }
  if (found === majorVersion) return;
  throw new SambadError(
    'data_folder_unusable',
    `The database in ${layout.cluster} is of PostgreSQL ${found} and this Sambad brings ${majorVersion}: dump it with the Sambad that made it and restore the dump into an empty data folder.`,
  );
}

function lastLine(text: string): string | undefined {
  return text.trim().split('\n').at(-1);
}
