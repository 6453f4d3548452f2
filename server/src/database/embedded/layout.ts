import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { SambadError } from '../../platform/errors.ts';
import { type Account, canEnter } from './account.ts';
import { systemFolder } from './binaries.ts';
import { folderError } from './folder-errors.ts';

/** Where the parts of one embedded server live. */
export interface Layout {
  /** The account that the server runs under. */
  account: Account;
  /** Holds `cluster` and the log; the data folder itself, or a stand-in that the account can reach. */
  home: string;
  /** PostgreSQL's own data directory. */
  cluster: string;
  /** A folder of mode 0700 that belongs to the account; being able to enter it is the authentication. */
  socketFolder: string;
  log: string;
  /** Whether `home` is not the data folder. */
  elsewhere: boolean;
}

/** A socket's path is cut at 108 bytes on Linux and 104 on macOS; PostgreSQL adds the name below. */
const socketPathBytesMax = 100;
const socketName = '.s.PGSQL.5432';
const locationFile = 'postgres-location';

/** Makes the folders of the server for this data folder. Throws `data_folder_unusable` with a sentence. */
export function layOut(dataDir: string, account: Account): Layout {
  try {
    // Others may pass through, because the server's account must; they cannot list it, and each part is private.
    makeFolder(dataDir, account.ids ? 0o711 : 0o700);
    const dataFolder = realpathSync(dataDir);
    const home = chooseHome(dataFolder, account);
    const cluster = join(home, 'postgres');
    const owner = ownerOf(cluster, account);
    return {
      account: owner,
      home,
      cluster,
      socketFolder: socketFolderFor(home, owner),
      log: join(home, 'postgres.log'),
      elsewhere: home !== dataFolder,
    };
  } catch (error) {
    throw folderError(dataDir, error);
  }
}

/** Notes in the data folder where its database is, so that the folder may move later. */
export function rememberLocation(dataDir: string, layout: Layout): void {
  if (!layout.elsewhere) return;
  try {
    writeFileSync(join(dataDir, locationFile), `${layout.home}\n`);
  } catch (error) {
    throw folderError(dataDir, error);
  }
}

/** Node's recursive mkdir reports a read-only file system as a missing folder, so the parents are made one by one. */
function makeFolder(folder: string, mode: number): void {
  const found = statSync(folder, { throwIfNoEntry: false });
  if (found?.isDirectory()) return;
  if (!found) makeFolder(dirname(folder), 0o755);
  mkdirSync(folder);
  // Said again, because the mode that mkdir takes is cut by the umask.
  chmodSync(folder, mode);
}

function chooseHome(dataFolder: string, account: Account): string {
  const noted = join(dataFolder, locationFile);
  if (existsSync(noted)) {
    const home = readFileSync(noted, 'utf8').trim();
    if (existsSync(join(home, 'postgres'))) return home;
    throw new SambadError(
      'data_folder_unusable',
      `The database of ${dataFolder} was kept in ${home} and is gone: put it back, or delete ${noted} to begin anew.`,
    );
  }
  if (canEnter(account, dataFolder)) return dataFolder;
  if (existsSync(join(dataFolder, 'postgres')) || !account.ids) {
    throw new SambadError(
      'data_folder_unusable',
      `The account ${account.name}, under which PostgreSQL runs, cannot enter ${dataFolder}: allow it, or set DATA_DIR to another folder.`,
    );
  }
  const home = join(systemFolder, `${basename(dataFolder)}-${shortHash(dataFolder)}`);
  makeFolder(home, 0o711);
  return home;
}

/**
 * An existing directory keeps the account that made it: PostgreSQL refuses one that belongs to another, and a machine
 * may get its service account later.
 */
function ownerOf(cluster: string, account: Account): Account {
  if (!account.ids || !existsSync(cluster)) return account;
  const { uid, gid } = statSync(cluster);
  if (uid === account.ids.uid) return account;
  if (uid !== 0) return { name: `with id ${uid}`, ids: { uid, gid } };
  throw new SambadError(
    'data_folder_unusable',
    `${cluster} belongs to root, and PostgreSQL does not run as root: give it away with chown -R ${account.name} ${cluster}.`,
  );
}

function socketFolderFor(home: string, account: Account): string {
  const near = join(home, 'run');
  if (Buffer.byteLength(join(near, socketName)) < socketPathBytesMax) return privateFolder(near, account);
  return privateFolder(join(tmpdir(), `sambad-${shortHash(home)}`), account);
}

/**
 * Makes or checks a folder that only the account can enter. One that belongs to somebody else, or is a link, is
 * refused: in a temporary folder its name can be guessed and taken.
 */
function privateFolder(folder: string, account: Account): string {
  if (!existsSync(folder)) {
    mkdirSync(folder, { mode: 0o700 });
    if (account.ids) chownSync(folder, account.ids.uid, account.ids.gid);
  }
  const found = lstatSync(folder);
  const owner = account.ids?.uid ?? process.getuid?.();
  if (!found.isDirectory() || (owner !== undefined && found.uid !== owner && found.uid !== 0)) {
    throw new SambadError(
      'data_folder_unusable',
      `The folder ${folder} does not belong to the account that PostgreSQL runs under: remove it.`,
    );
  }
  if (account.ids && found.uid !== account.ids.uid) chownSync(folder, account.ids.uid, account.ids.gid);
  if ((statSync(folder).mode & 0o777) !== 0o700) chmodSync(folder, 0o700);
  return folder;
}

function shortHash(path: string): string {
  return createHash('sha256').update(path).digest('hex').slice(0, 12);
}
