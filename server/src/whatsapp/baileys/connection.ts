import { setMaxListeners } from 'node:events';
import makeWASocket, {
  type BaileysEventMap,
  jidDecode,
  type UserFacingSocketConfig,
  type WASocket,
} from 'baileys';
import type { Clock, Timer } from '../../platform/clock.ts';
import { messageOf, SambadError } from '../../platform/errors.ts';
import type { Logger } from '../../platform/logger.ts';
import type {
  Account,
  Connection,
  ConnectionEvent,
  ConnectOptions,
  NumberCheck,
  OutgoingMessage,
  WriteResult,
} from '../client.ts';
import { closeReasonOf } from './close-reason.ts';
import type { ContentBuilder } from './content-builder.ts';
import type { DeviceKeys } from './device-keys.ts';
import { eventOfIncoming } from './incoming-message.ts';
import { checkNumbers } from './number-check.ts';
import { orClosed } from './or-closed.ts';
import { SendStopped } from './send-trace.ts';
import { sendMessage } from './sending.ts';
import { tapSocket } from './socket-tap.ts';
import { eventOfAck, eventOfReceipt } from './stanza-events.ts';

/** Baileys' lifetimes of QR codes: the first, and each later one (socket genPairQR). */
const firstQrMs = 60_000;
const laterQrMs = 20_000;
/** Baileys reports the end of a socket long before; should it not, the connection ends without its report. */
const closeReportMs = 10_000;

/** Why the connection ends, where it was not the peer or the network. */
type OwnEnding = 'requested' | 'lease_lost' | 'keys_lost';

export interface BaileysConnectionOptions {
  clock: Clock;
  logger: Logger;
  connect: ConnectOptions;
  keys: DeviceKeys;
  content: ContentBuilder;
}

/** One Baileys socket. `open` is called once, right after construction. */
export class BaileysConnection implements Connection {
  readonly #options: BaileysConnectionOptions;
  readonly #closing = new AbortController();
  readonly #closed = Promise.withResolvers<void>();
  #socket: WASocket | undefined;
  #stage: 'opening' | 'open' | 'closing' | 'closed' = 'opening';
  #ownEnding: OwnEnding | undefined;
  #finishing = false;
  #qrCodes = 0;
  #closeReport: Timer | undefined;
  #releaseTap: (() => void) | undefined;

  constructor(options: BaileysConnectionOptions) {
    this.#options = options;
    // Sends and checks in flight each listen for the end; their number is no leak.
    setMaxListeners(0, this.#closing.signal);
  }

  /** Opens the socket. What goes wrong becomes the `closed` event. */
  open(config: UserFacingSocketConfig): void {
    if (this.#stage !== 'opening') return;
    if (this.#refusal()) return;
    try {
      const socket = makeWASocket(config);
      this.#socket = socket;
      const tap = tapSocket(socket.ws, {
        clock: this.#options.clock,
        refusal: () => this.#refusal(),
        onClosing: () => this.#beginClosing(),
        onListenerError: (error) =>
          this.#options.logger.debug({ detail: messageOf(error) }, 'A listener of Baileys failed.'),
      });
      this.#releaseTap = tap.release;
      this.#options.content.attach(socket, config);
      this.#listen(socket);
    } catch (error) {
      this.#options.logger.warn({ detail: messageOf(error) }, 'The WhatsApp socket could not be made.');
      void this.#finish(error);
    }
  }

  async send(message: OutgoingMessage): Promise<WriteResult> {
    if (this.#stage !== 'open' || !this.#socket) return { kind: 'not_written', reason: 'offline' };
    const refusal = this.#refusal();
    if (refusal) return { kind: 'not_written', reason: refusal };
    return sendMessage(message, {
      socket: this.#socket,
      build: (content, id) => this.#options.content.build(content, id),
      closing: this.#closing.signal,
    });
  }

  async checkNumbers(phones: readonly string[]): Promise<NumberCheck[]> {
    if (this.#stage !== 'open' || !this.#socket) throw offline();
    return orClosed(checkNumbers(this.#socket, phones), this.#closing.signal, () => {
      throw offline();
    });
  }

  async logout(): Promise<void> {
    if (this.#stage !== 'open' || !this.#socket) throw offline();
    this.#ownEnding = 'requested';
    try {
      await this.#socket.logout();
    } finally {
      await this.close();
    }
  }

  close(): Promise<void> {
    this.#end('requested');
    return this.#closed.promise;
  }

  /** The connection's keys can no longer be written: whatever it sent next could not be decrypted. */
  keysLost(): void {
    this.#end('keys_lost');
  }

  #listen(socket: WASocket): void {
    socket.ws.on('CB:ack,class:message', (node) => this.#emit(eventOfAck(node)));
    socket.ws.on('CB:receipt', (node) => this.#emit(eventOfReceipt(node)));
    socket.ev.on('connection.update', (update) => this.#onUpdate(update));
    socket.ev.on('creds.update', () => void this.#options.keys.saveCredentials(socket.authState.creds));
    socket.ev.on('messages.upsert', ({ messages }) => {
      for (const message of messages) this.#emit(eventOfIncoming(message));
    });
  }

  #onUpdate(update: BaileysEventMap['connection.update']): void {
    if (update.qr) this.#onQr(update.qr);
    if (update.isNewLogin) void this.#onPaired();
    if (update.connection === 'open' && this.#stage === 'opening') {
      this.#stage = 'open';
      this.#emit({ kind: 'open', account: this.#account() });
    }
    if (update.receivedPendingNotifications) this.#emit({ kind: 'offline_drained' });
    if (update.connection === 'close') void this.#finish(update.lastDisconnect?.error);
  }

  #onQr(code: string): void {
    this.#qrCodes += 1;
    this.#emit({ kind: 'qr', code, expiresInMs: this.#qrCodes === 1 ? firstQrMs : laterQrMs });
  }

  /** Told only once the new credentials are stored: the next connection logs in with them. */
  async #onPaired(): Promise<void> {
    const account = this.#account();
    await this.#options.keys.settled();
    if (this.#ownEnding !== 'keys_lost') this.#emit({ kind: 'paired', account });
  }

  #account(): Account {
    const me = this.#socket?.authState.creds.me;
    const jid = me?.id ?? '';
    return { phone: jidDecode(jid)?.user ?? '', jid, lid: me?.lid, pushName: me?.name };
  }

  /** Whether the next write must not happen. A lost lease ends the connection. */
  #refusal(): SendStopped['reason'] | undefined {
    if (this.#stage !== 'closing' && this.#stage !== 'closed') {
      if (this.#options.connect.mayWrite()) return undefined;
      this.#end('lease_lost');
    }
    return this.#ownEnding === 'lease_lost' ? 'lease_lost' : 'offline';
  }

  #end(ending: OwnEnding): void {
    if (this.#stage === 'closing' || this.#stage === 'closed') return;
    this.#ownEnding ??= ending;
    this.#beginClosing();
    if (this.#socket) this.#socket.end(undefined).catch(() => undefined);
    else void this.#finish(undefined);
  }

  #beginClosing(): void {
    if (this.#stage === 'closing' || this.#stage === 'closed') return;
    this.#stage = 'closing';
    const reason = this.#ownEnding === 'lease_lost' ? 'lease_lost' : 'offline';
    this.#closing.abort(new SendStopped(reason, 'The socket is closing.'));
    this.#closeReport = this.#options.clock.after(closeReportMs, () => void this.#finish(undefined));
  }

  /** The end, once: keys that wait are stored first, so that the next connection finds them. */
  async #finish(error: unknown): Promise<void> {
    if (this.#finishing) return;
    this.#finishing = true;
    this.#beginClosing();
    await this.#options.keys.close();
    this.#closeReport?.cancel();
    this.#releaseTap?.();
    this.#emit({ kind: 'closed', ...this.#ending(error) });
    this.#stage = 'closed';
    this.#closed.resolve();
  }

  #ending(error: unknown): Pick<Extract<ConnectionEvent, { kind: 'closed' }>, 'reason' | 'code'> {
    if (this.#ownEnding === 'requested') return { reason: 'requested', code: undefined };
    if (this.#ownEnding) return { reason: 'connection_lost', code: undefined };
    return closeReasonOf(error);
  }

  #emit(event: ConnectionEvent | undefined): void {
    if (!event || this.#stage === 'closed') return;
    try {
      this.#options.connect.onEvent(event);
    } catch (error) {
      this.#options.logger.error(
        { detail: messageOf(error), event: event.kind },
        'A connection event failed.',
      );
    }
  }
}

function offline(): SambadError {
  return new SambadError('device_offline', 'The device is not connected to WhatsApp.');
}
