import { sql } from 'kysely';
import { createEncryption } from '../platform/encryption.ts';
import { SambadError } from '../platform/errors.ts';
import type { Db } from './pool.ts';

/** Where a root key can come from, from the database's point of view. */
export interface RootKeySource {
  /** The key that was configured or stored; undefined when there is none. */
  read(): Buffer | undefined;
  /** Makes and stores a new one. Throws `key_missing` where one may not be made. */
  create(): Buffer;
  /** Where the key belongs, for people: a file's path, or the name of a setting. */
  place: string;
}

/**
 * The key that everything sealed in this database opens with. A new one is made only while nothing is sealed yet: a key
 * that was lost or exchanged later ends in a sentence, never in credentials that nobody can read.
 */
export async function resolveRootKey(db: Db, source: RootKeySource): Promise<Buffer> {
  const installation = await db.selectFrom('installation').select('key_id').executeTakeFirst();
  const inUse = installation && (await holdsSealedData(db)) ? installation.key_id : undefined;
  const found = source.read();
  if (!found && inUse) {
    throw new SambadError(
      'key_missing',
      `The database holds credentials sealed with key ${inUse}, and ${source.place} is gone: restore it from a backup, or set SAMBAD_SECRET_KEY to that key.`,
    );
  }
  const key = found ?? source.create();
  const { keyId } = createEncryption(key);
  if (inUse && inUse !== keyId) {
    throw new SambadError(
      'key_wrong',
      `The database holds credentials sealed with key ${inUse}, and ${source.place} holds another key (${keyId}): give back the first one.`,
    );
  }
  await noteKey(db, keyId);
  return key;
}

async function holdsSealedData(db: Db): Promise<boolean> {
  const result = await sql<{ sealed: boolean }>`
    select exists (select 1 from device_credentials) or exists (select 1 from device_keys)
      or exists (select 1 from device_media_uploads) as sealed`.execute(db);
  return result.rows[0]?.sealed === true;
}

async function noteKey(db: Db, keyId: string): Promise<void> {
  await db
    .insertInto('installation')
    .values({ key_id: keyId })
    .onConflict((conflict) => conflict.column('only_row').doUpdateSet({ key_id: keyId }))
    .execute();
}
