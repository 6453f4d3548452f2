import { type AuthenticationCreds, initAuthCreds } from 'baileys';
import type { Db } from '../../database/index.ts';
import type { Cipher } from '../../platform/encryption.ts';
import { decodeKey } from './key-encoding.ts';
import { sealContext } from './key-group.ts';
import { credentialsType } from './key-statement.ts';

/** The stored credentials of a device, or undefined when it was never paired or was forgotten. */
export async function loadCredentials(
  db: Db,
  cipher: Cipher,
  deviceId: string,
): Promise<AuthenticationCreds | undefined> {
  const row = await db
    .selectFrom('device_credentials')
    .select('sealed')
    .where('device_id', '=', deviceId)
    .executeTakeFirst();
  if (!row) return undefined;
  const text = cipher.open(sealContext(deviceId, credentialsType, ''), row.sealed).toString();
  return decodeKey(credentialsType, text) as AuthenticationCreds;
}

/**
 * The credentials to connect with: the stored ones, or fresh ones for a device that is to be paired. A pairing that was
 * begun by code and not confirmed has named an account that never signed; it is begun anew.
 */
export function usable(stored: AuthenticationCreds | undefined): AuthenticationCreds {
  if (stored && (arePaired(stored) || stored.me === undefined)) return stored;
  return initAuthCreds();
}

/** Whether a phone signed these credentials. */
export function arePaired({ me, account }: AuthenticationCreds): boolean {
  return me !== undefined && account !== undefined && account !== null;
}
