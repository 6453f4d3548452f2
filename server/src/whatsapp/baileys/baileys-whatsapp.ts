import type { CacheStore, SocketConfig } from 'baileys';
import { type Db, transaction } from '../../database/index.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Cipher, Encryption } from '../../platform/encryption.ts';
import type { Service } from '../../platform/lifecycle.ts';
import type { Logger } from '../../platform/logger.ts';
import type { Random } from '../../platform/random.ts';
import type { Connection, ConnectOptions, DeviceIdentity, WhatsApp } from '../client.ts';
import { createBaileysLog } from './baileys-log.ts';
import { BoundedCache } from './bounded-cache.ts';
import { BaileysConnection } from './connection.ts';
import { ContentBuilder } from './content-builder.ts';
import { arePaired, loadCredentials, usable } from './credentials.ts';
import { DeviceKeys, type KeyCache } from './device-keys.ts';
import { KeyWriter } from './key-writer.ts';
import { silenceLibsignal } from './libsignal-console.ts';
import { MediaUploads } from './media-uploads.ts';
import {
  createDeviceListCache,
  createSharedCaches,
  type PrivateServer,
  type SharedCaches,
  socketConfig,
  trustPrivateServer,
} from './socket-options.ts';

/** Keys kept in memory over all devices; a Signal session is about 1 KB. */
const cachedKeysMax = 100_000;
const cachedCharactersMax = 64 * 1024 * 1024;

interface BaileysWhatsAppOptions {
  db: Db;
  encryption: Encryption;
  clock: Clock;
  random: Random;
  logger: Logger;
  /** How the linked device is called in the phone's list. */
  deviceName: string;
  /** Instead of WhatsApp's own servers. */
  server?: PrivateServer | undefined;
}

/**
 * WhatsApp through Baileys, with credentials and Signal keys in the database. Stop it after its connections and before
 * the database.
 */
export function createBaileysWhatsApp(options: BaileysWhatsAppOptions): WhatsApp & Service {
  return new BaileysWhatsApp(options);
}

class BaileysWhatsApp implements WhatsApp, Service {
  readonly #options: BaileysWhatsAppOptions;
  readonly #writer: KeyWriter;
  readonly #keys: KeyCache;
  readonly #media: MediaUploads;
  readonly #sharedCaches: SharedCaches;
  /** By device; the epoch tells whether another node may have seen changes that we did not. */
  readonly #deviceLists = new Map<string, { epoch: number; cache: CacheStore }>();

  constructor(options: BaileysWhatsAppOptions) {
    this.#options = options;
    this.#writer = new KeyWriter(options);
    this.#keys = new BoundedCache(options.clock, {
      entriesMax: cachedKeysMax,
      weightMax: cachedCharactersMax,
      weightOf: (text) => text?.length ?? 0,
    });
    this.#media = new MediaUploads(options);
    this.#sharedCaches = createSharedCaches(options.clock);
  }

  async start(): Promise<void> {
    silenceLibsignal();
    if (this.#options.server) trustPrivateServer(this.#options.server);
  }

  async stop(): Promise<void> {
    await this.#writer.stop();
  }

  async connect(options: ConnectOptions): Promise<Connection> {
    const { db, clock, deviceName, server } = this.#options;
    const logger = this.#options.logger.child({ deviceId: options.deviceId });
    const cipher = this.#cipherOf(options.deviceId);
    const owner = { deviceId: options.deviceId, epoch: options.epoch };
    const creds = usable(await loadCredentials(db, cipher, options.deviceId));
    const keys = new DeviceKeys({
      ...{ db, clock, cipher, owner, cache: this.#keys, writer: this.#writer },
      onLost: (failure) => {
        logger.warn({ failure: failure.kind }, 'Signal keys could not be stored; the connection ends.');
        connection.keysLost();
      },
    });
    const accountSecret = creds.advSecretKey;
    const content = new ContentBuilder({ clock, owner, cipher, accountSecret, media: this.#media });
    const getMessage: SocketConfig['getMessage'] = async ({ id }) => {
      const sent = id ? await options.contentOf(id) : undefined;
      return sent && id ? content.build(sent, id) : undefined;
    };
    const connection = new BaileysConnection({ clock, logger, connect: options, keys, content });
    const deviceLists = this.#deviceListsOf(options);
    const log = createBaileysLog(logger);
    const sharedCaches = this.#sharedCaches;
    const config = socketConfig({
      ...{ creds, keys, deviceName, server, sharedCaches, deviceLists },
      logger: log,
      getMessage,
    });
    // The caller gets the connection before its first event, even when the socket cannot be made.
    setImmediate(() => connection.open(config));
    return connection;
  }

  async forget({ deviceId, workspaceId }: DeviceIdentity): Promise<void> {
    await transaction(this.#options.db, async ({ db }) => {
      for (const table of ['device_credentials', 'device_keys', 'device_media_uploads'] as const) {
        await db
          .deleteFrom(table)
          .where('device_id', '=', deviceId)
          .where('workspace_id', '=', workspaceId)
          .execute();
      }
    });
    this.#keys.deleteWhere((name) => name.startsWith(`${deviceId} `));
    this.#media.forget(deviceId);
    this.#deviceLists.delete(deviceId);
  }

  async isPaired({ deviceId }: DeviceIdentity): Promise<boolean> {
    const credentials = await loadCredentials(this.#options.db, this.#cipherOf(deviceId), deviceId);
    return credentials !== undefined && arePaired(credentials);
  }

  #cipherOf(deviceId: string): Cipher {
    return this.#options.encryption.forPurpose(`device:${deviceId}`);
  }

  #deviceListsOf({ deviceId, epoch }: ConnectOptions): CacheStore {
    const known = this.#deviceLists.get(deviceId);
    if (known?.epoch === epoch) return known.cache;
    const cache = createDeviceListCache(this.#options.clock);
    this.#deviceLists.set(deviceId, { epoch, cache });
    return cache;
  }
}
