import { Agent } from 'node:https';
import {
  type AuthenticationCreds,
  type CacheStore,
  isJidBroadcast,
  isJidGroup,
  isJidNewsletter,
  proto,
  type SignalKeyStore,
  type SocketConfig,
  type UserFacingSocketConfig,
  WA_CERT_DETAILS,
} from 'baileys';
import type { Clock } from '../../platform/clock.ts';
import { BoundedCache } from './bounded-cache.ts';

/** A WhatsApp network other than WhatsApp's own, such as the simulator. */
export interface PrivateServer {
  /** The websocket's address: ws:// or wss://. */
  url: string;
  /** The public key (32 bytes) that its certificates are signed with. */
  rootKey: Buffer;
}

const queryTimeoutMs = 30_000;
/** A larger bootstrap is left alone: only its contacts' identifiers are of use here. */
const historyBytesMax = 8 * 1024 * 1024;
const sharedEntriesMax = 10_000;
const hourMs = 60 * 60 * 1000;

/**
 * Caches that Baileys would otherwise make per socket, about 85 KB each time (wa-protocol section 8.8). Their keys are
 * message and call ids, so sockets can share them.
 */
export type SharedCaches = Required<
  Pick<SocketConfig, 'msgRetryCounterCache' | 'callOfferCache' | 'placeholderResendCache'>
>;

export function createSharedCaches(clock: Clock): SharedCaches {
  const cache = (): CacheStore =>
    cacheStore(new BoundedCache(clock, { entriesMax: sharedEntriesMax, ttlMs: hourMs }));
  return { msgRetryCounterCache: cache(), callOfferCache: cache(), placeholderResendCache: cache() };
}

/**
 * The devices of the people that one account writes to. Baileys drops or changes an entry when WhatsApp announces
 * another device, so it may live long; each loss costs a query and replaces the Signal session (wa-protocol section
 * 8.2). One per account: an account's own entry leaves out the device that asked (section 8.8).
 */
export function createDeviceListCache(clock: Clock): CacheStore {
  return cacheStore(new BoundedCache(clock, { entriesMax: 5000, ttlMs: 24 * hourMs }));
}

function cacheStore(cache: BoundedCache<unknown>): CacheStore {
  return {
    get: <T>(key: string) => cache.get(key) as T | undefined,
    set: (key, value) => cache.set(key, value),
    del: (key) => cache.delete(key),
    flushAll: () => cache.clear(),
  };
}

export interface SocketOptions {
  creds: AuthenticationCreds;
  keys: SignalKeyStore;
  logger: SocketConfig['logger'];
  deviceName: string;
  server: PrivateServer | undefined;
  sharedCaches: SharedCaches;
  deviceLists: CacheStore;
  getMessage: SocketConfig['getMessage'];
}

/** Everything that differs from Baileys' defaults. */
export function socketConfig(options: SocketOptions): UserFacingSocketConfig {
  return {
    auth: { creds: options.creds, keys: options.keys },
    logger: options.logger,
    browser: [options.deviceName, 'Chrome', '1.0'],
    ...options.sharedCaches,
    userDevicesCache: options.deviceLists,
    getMessage: options.getMessage,
    // Retries are answered through getMessage, which also knows messages of before a restart.
    enableRecentMessageCache: false,
    emitOwnEvents: false,
    markOnlineOnConnect: false,
    syncFullHistory: false,
    shouldSyncHistoryMessage,
    // Nothing of groups, channels and others' statuses is shown: they are acknowledged without being decrypted.
    shouldIgnoreJid: (jid) => isJidGroup(jid) || isJidNewsletter(jid) || isJidBroadcast(jid),
    defaultQueryTimeoutMs: queryTimeoutMs,
    // The key writer retries by itself and longer.
    transactionOpts: { maxCommitRetries: 1, delayBetweenTriesMs: 0 },
    ...(options.server ? privateServerConfig(options.server) : {}),
  };
}

const { HistorySyncType } = proto.HistorySync;

/**
 * The bootstrap and the names bring the LIDs of known contacts. Refusing RECENT also spares the first connection 20 s
 * in which Baileys would hold every incoming message back (chats AwaitingInitialSync).
 */
function shouldSyncHistoryMessage(message: proto.Message.IHistorySyncNotification): boolean {
  const wanted =
    message.syncType === HistorySyncType.INITIAL_BOOTSTRAP || message.syncType === HistorySyncType.PUSH_NAME;
  return wanted && Number(message.fileLength ?? 0) <= historyBytesMax;
}

/** A private server signs its own certificates, for the websocket and for its media host. */
function privateServerConfig(server: PrivateServer): Partial<UserFacingSocketConfig> {
  const agent = new Agent({ rejectUnauthorized: false });
  return {
    waWebSocketUrl: server.url,
    fetchAgent: agent,
    ...(server.url.startsWith('wss:') ? { agent } : {}),
  };
}

/** Makes every Baileys socket of this process trust a private server's certificates instead of WhatsApp's. */
export function trustPrivateServer(server: PrivateServer): void {
  WA_CERT_DETAILS.PUBLIC_KEY = Buffer.from(server.rootKey);
}
