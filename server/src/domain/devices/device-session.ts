import type { Lease, Leases } from '../../cluster/lease.ts';
import type { Db, DeviceState } from '../../database/index.ts';
import type { Engine } from '../../outbox/index.ts';
import { type BackoffRule, backoffMs } from '../../platform/backoff.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Logger } from '../../platform/logger.ts';
import type { Random } from '../../platform/random.ts';
import type { Semaphore } from '../../platform/semaphore.ts';
import type { Connection, ConnectionEvent, WhatsApp } from '../../whatsapp/client.ts';
import { getDevice, moveDevice, rememberAccount } from './devices.ts';

export interface DeviceSessionOptions {
  device: { deviceId: string; workspaceId: string };
  db: Db;
  whatsapp: WhatsApp;
  leases: Leases;
  /** Names the WhatsApp network that this program is connected to; devices of another one are left alone. */
  network: string;
  engine: Engine;
  clock: Clock;
  random: Random;
  logger: Logger;
  /** Bounds how many devices connect at the same time: a login costs tens of milliseconds of computing. */
  logins: Semaphore;
  reconnect: BackoffRule;
  /** How long an orderly stop waits for answers to written messages. */
  stopDrainMs: number;
  /** Rung after the device has moved to another state. */
  onMoved: (deviceId: string) => void;
  /** Told when the session has ended by itself or was stopped. */
  onEnded: () => void;
}

/** A code for the phone to scan. */
export interface PairingCode {
  code: string;
  expiresAt: Date;
}

type Closed = Extract<ConnectionEvent, { kind: 'closed' }>;

/** A connection that lived this long was a good one: the next failure starts the backoff anew. */
const settledConnectionMs = 30_000;

/**
 * Keeps one device connected while this process owns it: takes the lease, opens a socket, hands it to the engine, and
 * after its end decides by the reason whether and when to open the next.
 */
export class DeviceSession {
  readonly #options: DeviceSessionOptions;
  readonly #stopping = new AbortController();
  #nextCode = Promise.withResolvers<PairingCode | undefined>();
  #currentCode: PairingCode | undefined;
  #running: Promise<void> | undefined;
  /** Events are handled one after the other, so that receipts that come right after the login find the sender in place. */
  #handling: Promise<void> = Promise.resolve();
  #connection: Connection | undefined;
  /** What came while offline can all be read before the login is complete. */
  #drained = false;
  #lease: Lease | undefined;
  #failures = 0;

  constructor(options: DeviceSessionOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#run().finally(() => {
      this.#nextCode.resolve(undefined);
      this.#options.onEnded();
    });
  }

  /** Lets written messages get their answers, closes the socket and gives the lease back. */
  async stop(): Promise<void> {
    const { engine, device, stopDrainMs } = this.#options;
    this.#stopping.abort();
    await engine.detach(device.deviceId, stopDrainMs);
    await this.#connection?.close();
    await this.#running;
  }

  /** The code to scan now, or the next one to come; undefined when the session ends, or the signal aborts, without one. */
  async pairingCode(signal: AbortSignal): Promise<PairingCode | undefined> {
    const current = this.#currentCode;
    if (current && current.expiresAt > this.#options.clock.now()) return current;
    const given = new Promise<undefined>((resolve) =>
      signal.addEventListener('abort', () => resolve(undefined), { once: true }),
    );
    return await Promise.race([this.#nextCode.promise, given]);
  }

  async #run(): Promise<void> {
    const { device, logger, clock, random, reconnect } = this.#options;
    while (!this.#stopping.signal.aborted) {
      try {
        const lease = await this.#ownLease();
        if (lease && !(await this.#shouldReconnect(await this.#connectOnce(lease)))) break;
      } catch (error) {
        logger.warn(
          { deviceId: device.deviceId, err: error },
          'A device could not be kept connected, most likely because the database is away; it is tried again.',
        );
        await clock.wait(backoffMs(reconnect, this.#failures++, random), this.#stopping.signal);
      }
    }
    await this.#giveLeaseBack();
  }

  /** The lease that this session holds, taken anew when an earlier one has been lost. Undefined, after a pause, when it cannot be had now. */
  async #ownLease(): Promise<Lease | undefined> {
    const { device, leases, engine, clock, random, reconnect } = this.#options;
    if (this.#lease?.isHeld()) return this.#lease;
    this.#lease = await leases.acquire(device);
    if (this.#lease) await engine.adopt(this.#lease);
    else await clock.wait(backoffMs(reconnect, this.#failures++, random), this.#stopping.signal);
    return this.#lease;
  }

  async #move(state: DeviceState, reason: string | null = null): Promise<void> {
    const { db, device, onMoved } = this.#options;
    await moveDevice(db, device, state, reason);
    onMoved(device.deviceId);
  }

  async #giveLeaseBack(): Promise<void> {
    const { leases, logger } = this.#options;
    if (!this.#lease) return;
    await leases
      .release(this.#lease)
      .catch((error) => logger.warn({ err: error }, 'A lease could not be given back.'));
  }

  /** One socket from its opening to its end. */
  async #connectOnce(lease: Lease): Promise<Closed> {
    const { device, whatsapp, logins, engine, clock } = this.#options;
    const ended = Promise.withResolvers<Closed>();
    const paired = await whatsapp.isPaired(device);
    await this.#move(paired ? 'connecting' : 'pairing');
    this.#drained = false;
    const openedAtMs = clock.monotonicMs();
    this.#connection = await logins.run(() =>
      whatsapp.connect({
        ...device,
        epoch: lease.epoch,
        mayWrite: () => lease.isHeld(),
        contentOf: (waMessageId) => engine.contentOf(device, waMessageId),
        onEvent: (event) => {
          this.#handling = this.#handling
            .then(() => this.#handle(event, lease))
            .catch((error) => this.#eventFailed(error));
          if (event.kind === 'closed') void this.#handling.then(() => ended.resolve(event));
        },
      }),
    );
    if (this.#stopping.signal.aborted) await this.#connection.close();
    const closed = await ended.promise;
    this.#connection = undefined;
    if (clock.monotonicMs() - openedAtMs > settledConnectionMs) this.#failures = 0;
    return closed;
  }

  async #handle(event: ConnectionEvent, lease: Lease): Promise<void> {
    const { device, db, engine, clock } = this.#options;
    switch (event.kind) {
      case 'qr':
        this.#currentCode = {
          code: event.code,
          expiresAt: new Date(clock.now().getTime() + event.expiresInMs),
        };
        this.#nextCode.resolve(this.#currentCode);
        this.#nextCode = Promise.withResolvers();
        break;
      case 'paired':
        this.#currentCode = undefined;
        await rememberAccount(db, device, event.account, this.#options.network);
        break;
      case 'open':
        await rememberAccount(db, device, event.account, this.#options.network);
        await this.#beginSending(lease);
        break;
      case 'closed':
        this.#currentCode = undefined;
        await engine.detach(device.deviceId);
        break;
      case 'offline_drained':
        this.#drained = true;
        engine.hear(lease, event);
        break;
      default:
        engine.hear(lease, event);
    }
  }

  async #beginSending(lease: Lease): Promise<void> {
    const { device, db, engine } = this.#options;
    const connection = this.#connection;
    if (!connection) return;
    const row = await getDevice(db, device.workspaceId, device.deviceId);
    await this.#move('connected');
    await engine.attach({
      ...device,
      lease,
      connection,
      delay: { minMs: row.minDelaySeconds * 1000, maxMs: row.maxDelaySeconds * 1000 },
      caps: { perMinute: row.capPerMinute, perHour: row.capPerHour, perDay: row.capPerDay },
    });
    if (this.#drained) engine.hear(lease, { kind: 'offline_drained' });
  }

  /** An event that could not be handled (the database is away) ends the socket; the reconnect begins from a known state. */
  async #eventFailed(error: unknown): Promise<void> {
    const { logger, device } = this.#options;
    logger.warn(
      { deviceId: device.deviceId, err: error },
      'An event of a device could not be handled; its connection is opened anew.',
    );
    void this.#connection?.close();
  }

  /** Decides by the reason of the end; a pause before the next try is part of the decision. */
  async #shouldReconnect({ reason, code }: Closed): Promise<boolean> {
    const { device, db, whatsapp, engine, clock, random, reconnect } = this.#options;
    const detail = code === undefined ? null : `WhatsApp's code ${code}`;
    if (this.#stopping.signal.aborted) {
      if (reason !== 'logged_out')
        await moveDevice(
          db,
          device,
          (await whatsapp.isPaired(device)) ? 'waiting' : 'unpaired',
          'The program stopped.',
        );
      return false;
    }
    switch (reason) {
      case 'restart_required':
        return true;
      case 'logged_out':
        await whatsapp.forget(device);
        await engine.abandon(device.deviceId);
        await this.#move('logged_out', 'The phone removed this linked device: link it again.');
        return false;
      case 'forbidden':
        await engine.abandon(device.deviceId);
        await this.#move('forbidden', 'WhatsApp does not let this account connect.');
        return false;
      case 'replaced':
        await this.#move('replaced', 'Another program took over this session: reconnect to take it back.');
        return false;
      case 'pairing_expired':
        await this.#move('unpaired', 'Nobody scanned the code in time.');
        return false;
      case 'requested':
      case 'connection_lost': {
        const pauseMs = backoffMs(reconnect, this.#failures++, random);
        await this.#move('waiting', ['The connection was lost', detail].filter(Boolean).join(': '));
        await clock.wait(pauseMs, this.#stopping.signal);
        return !this.#stopping.signal.aborted;
      }
    }
  }
}
