import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { messageOf, SambadError, systemCodeOf } from '../platform/errors.ts';
import type { Config } from './config.ts';

/** Where the root key comes from: the setting, else a file in the data folder. */
export interface SecretKeySource {
  /** 32 bytes; undefined when there is no key yet. */
  read(): Buffer | undefined;
  /** Makes a key and stores it in the data folder. Throws `key_missing` where the setting is demanded. */
  create(): Buffer;
  /** Where the key belongs, for people. */
  place: string;
}

/** SAMBAD_SECRET_KEY when it is set; with an external database only that; else `secret.key` in the data folder. */
export function secretKeySource(config: Pick<Config, 'dataDir' | 'database' | 'secretKey'>): SecretKeySource {
  const { secretKey } = config;
  if (secretKey || config.database.uri !== undefined) {
    return {
      read: () => secretKey,
      create: () => {
        throw new SambadError(
          'key_missing',
          'SAMBAD_SECRET_KEY must be set when DB_URI is: make one with openssl rand -hex 32.',
        );
      },
      place: 'SAMBAD_SECRET_KEY',
    };
  }
  const file = join(config.dataDir, 'secret.key');
  return { read: () => readKey(file), create: () => createKey(config.dataDir, file), place: file };
}

function readKey(file: string): Buffer | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').trim();
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return undefined;
    throw new SambadError('key_missing', `The key file ${file} cannot be read: ${messageOf(error)}.`, {
      cause: error,
    });
  }
  if (/^[0-9a-f]{64}$/.test(text)) return Buffer.from(text, 'hex');
  throw new SambadError(
    'key_wrong',
    `The key file ${file} does not hold a key of 64 hexadecimal digits: restore it from a backup.`,
  );
}

/** The file appears whole and on the disk, or not at all: what it seals would be lost with half of it. */
function createKey(dataDir: string, file: string): Buffer {
  const key = randomBytes(32);
  const partial = `${file}.partial-${process.pid}`;
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    const opened = openSync(partial, 'wx', 0o600);
    writeSync(opened, `${key.toString('hex')}\n`);
    fsyncSync(opened);
    closeSync(opened);
    // A link, unlike a rename, never replaces a key that appeared meanwhile.
    linkSync(partial, file);
    const folder = openSync(dataDir, 'r');
    fsyncSync(folder);
    closeSync(folder);
    return key;
  } catch (error) {
    throw new SambadError(
      'data_folder_unusable',
      `The key file ${file} cannot be written: ${messageOf(error)}.`,
      {
        cause: error,
      },
    );
  } finally {
    rmSync(partial, { force: true });
  }
}
