import type { AuthenticationCreds, SignalDataSet, SignalDataTypeMap, SignalKeyStore } from 'baileys';
import { sql } from 'kysely';
import type { Db } from '../../database/index.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Cipher } from '../../platform/encryption.ts';
import type { BoundedCache } from './bounded-cache.ts';
import { decodeKey, encodeKey } from './key-encoding.ts';
import { type KeyChange, type KeyOwner, nameOfKey, sealContext, type WriteFailure } from './key-group.ts';
import { credentialsType } from './key-statement.ts';
import type { KeyWriter } from './key-writer.ts';

/** Under this name Baileys keeps the list of contacts with tokens, not a token (Utils/tc-token-utils). */
const tokenIndexKey = '__index';

/** JSON text of keys of all devices; null remembers that a key does not exist. */
export type KeyCache = BoundedCache<string | null>;

export interface DeviceKeysOptions {
  db: Db;
  clock: Clock;
  cache: KeyCache;
  writer: KeyWriter;
  cipher: Cipher;
  owner: KeyOwner;
  /** Called once, when a write did not take effect: the connection must end. */
  onLost(failure: WriteFailure): void;
}

/**
 * One connection's Signal keys and credentials. A write resolves when it is committed; from the moment it is asked for,
 * a read sees it.
 */
export class DeviceKeys implements SignalKeyStore {
  readonly #options: DeviceKeysOptions;
  readonly #unsettled = new Set<Promise<void>>();
  #lost = false;
  #closed = false;

  constructor(options: DeviceKeysOptions) {
    this.#options = options;
  }

  async get<T extends keyof SignalDataTypeMap>(
    type: T,
    ids: string[],
  ): Promise<{ [id: string]: SignalDataTypeMap[T] }> {
    const texts = await this.#texts(type, ids);
    const values: { [id: string]: SignalDataTypeMap[T] } = {};
    for (const [id, text] of texts) {
      if (text !== null) values[id] = decodeKey(type, text) as SignalDataTypeMap[T];
    }
    return type === 'tctoken' ? { ...values, ...this.#issuedTokens(ids, values) } : values;
  }

  async set(data: SignalDataSet): Promise<void> {
    const changes: KeyChange[] = [];
    for (const [type, values] of Object.entries(data)) {
      for (const [key, value] of Object.entries(values ?? {})) {
        changes.push(
          this.#change(type, key, value === null || value === undefined ? null : encodeKey(value)),
        );
      }
    }
    await this.#write(changes);
  }

  /** Stores the credentials; failures are told through `onLost`. */
  saveCredentials(credentials: AuthenticationCreds): Promise<void> {
    return this.#write([this.#change(credentialsType, '', encodeKey(credentials))]).catch(() => undefined);
  }

  /** Resolves when every write asked for so far has ended, well or not. */
  async settled(): Promise<void> {
    await Promise.all(this.#unsettled);
  }

  /** Refuses further writes once those asked for have ended. */
  async close(): Promise<void> {
    while (this.#unsettled.size > 0) await this.settled();
    this.#closed = true;
  }

  /**
   * Baileys sends a privacy token to the recipient after every message, because it notes the time of the last one in a
   * transaction that has already been committed (wa-protocol section 8.4). Saying that one was just issued spares a
   * query per message; tokens that contacts gave us are kept and go out with messages to them.
   */
  #issuedTokens(ids: readonly string[], stored: { [id: string]: unknown }): { [id: string]: never } {
    const senderTimestamp = Math.floor(this.#options.clock.now().getTime() / 1000);
    const contacts = ids.filter((id) => id !== tokenIndexKey);
    const tokens = contacts.map((id) => {
      const token = stored[id];
      return [id, { token: Buffer.alloc(0), ...(typeof token === 'object' ? token : {}), senderTimestamp }];
    });
    return Object.fromEntries(tokens);
  }

  #change(type: string, key: string, text: string | null): KeyChange {
    return { ...this.#options.owner, type, key, text, cipher: this.#options.cipher };
  }

  async #write(changes: KeyChange[]): Promise<void> {
    if (this.#closed || this.#lost) throw new Error('This connection may not write its keys any more.');
    const { writer, owner, cache } = this.#options;
    const written = writer.write(owner, changes);
    const settled = written.then(() => undefined);
    this.#unsettled.add(settled);
    const failure = await written;
    this.#unsettled.delete(settled);
    if (!failure) {
      for (const { type, key, text } of changes) {
        if (type !== credentialsType && writer.pending(owner, type, key) === undefined) {
          cache.set(nameOfKey(owner, type, key), text);
        }
      }
      return;
    }
    for (const { type, key } of changes) cache.delete(nameOfKey(owner, type, key));
    if (!this.#lost) {
      this.#lost = true;
      this.#options.onLost(failure);
    }
    throw new Error('The keys were not stored.', {
      cause: failure.kind === 'failed' ? failure.error : failure.kind,
    });
  }

  async #texts(type: string, ids: readonly string[]): Promise<Map<string, string | null>> {
    const texts = new Map<string, string | null>();
    for (const id of ids) {
      const text = this.#known(type, id);
      if (text !== undefined) texts.set(id, text);
    }
    const missing = ids.filter((id) => !texts.has(id));
    if (missing.length === 0) return texts;
    const stored = await this.#read(type, missing);
    for (const id of missing) {
      // What was written while the query ran is newer than its answer.
      const newer = this.#known(type, id);
      const text = newer === undefined ? (stored.get(id) ?? null) : newer;
      if (newer === undefined) this.#options.cache.set(nameOfKey(this.#options.owner, type, id), text);
      texts.set(id, text);
    }
    return texts;
  }

  #known(type: string, id: string): string | null | undefined {
    const { writer, cache, owner } = this.#options;
    const pending = writer.pending(owner, type, id);
    return pending === undefined ? cache.get(nameOfKey(owner, type, id)) : pending;
  }

  async #read(type: string, ids: readonly string[]): Promise<Map<string, string>> {
    const { db, cipher, owner } = this.#options;
    const rows = await db
      .selectFrom('device_keys')
      .select(['key', 'sealed'])
      .where('device_id', '=', owner.deviceId)
      .where('type', '=', type)
      .where('key', '=', sql<string>`any(${ids}::text[])`)
      .execute();
    return new Map(
      rows.map(({ key, sealed }) => [
        key,
        cipher.open(sealContext(owner.deviceId, type, key), sealed).toString(),
      ]),
    );
  }
}
