import type { Lease } from '../cluster/lease.ts';
import type { Db } from '../database/index.ts';
import { backoffMs } from '../platform/backoff.ts';
import type { Clock } from '../platform/clock.ts';
import { messageOf } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';
import type { Random } from '../platform/random.ts';
import type { Connection, ConnectionEvent, WriteResult } from '../whatsapp/client.ts';
import type { ClaimedMessage } from './claim.ts';
import { Flight } from './flight.ts';
import { type Job, type JobContents, render } from './job-content.ts';
import { checkAhead } from './number-checks.ts';
import {
  type Caps,
  countSend,
  type DelayRule,
  messagesToHold,
  nextSendAtMs,
  type SendCounts,
  slowerOf,
  type Wait,
  waitBeforeSend,
} from './pacing.ts';
import type { Report, Settler } from './settler.ts';
import type { EngineTimings } from './timings.ts';
import type { MessageEvent } from './transition.ts';

/** A device in its owner's hands, connected and ready to send. */
export interface SendingDevice {
  deviceId: string;
  workspaceId: string;
  lease: Lease;
  connection: Connection;
  delay: DelayRule;
  caps: Caps;
}

export interface DeviceSenderOptions {
  device: SendingDevice;
  counts: SendCounts;
  db: Db;
  jobs: JobContents;
  settler: Settler;
  clock: Clock;
  random: Random;
  logger: Logger;
  timings: EngineTimings;
  checkNumbers: boolean;
  /** Rung when the sender has room again. */
  onRoom: () => void;
}

/** What a device is doing, for people: the answer comes from the code that decides. */
export type SenderStatus =
  | { activity: 'idle' }
  | { activity: 'sending' }
  | ({ activity: 'waiting' } & Wait)
  | { activity: 'waiting'; why: 'acknowledgements' };

/**
 * Sends one device's messages in order at its pace. It holds few: the rest wait in the database. It ends with the
 * connection; what it still holds is given back, and what it wrote without an answer becomes unconfirmed.
 */
export class DeviceSender {
  readonly #options: DeviceSenderOptions;
  readonly #flight: Flight;
  readonly #stopping = new AbortController();
  #held: ClaimedMessage[] = [];
  #rule: DelayRule;
  /** When the pace allows the next message, on the monotonic clock: setting the machine's clock neither hurries nor holds a device. */
  #notBeforeMs = 0;
  #status: SenderStatus = { activity: 'idle' };
  #wake = Promise.withResolvers<void>();
  #ready = false;
  #running: Promise<void> | undefined;

  constructor(options: DeviceSenderOptions) {
    this.#options = options;
    this.#rule = options.device.delay;
    const { device, settler, clock, random, timings } = options;
    this.#flight = new Flight({ device, settler, clock, random, timings, onLanded: () => this.#signal() });
  }

  get device(): SendingDevice {
    return this.#options.device;
  }

  get status(): SenderStatus {
    return this.#status;
  }

  /** How many messages it would take now: what its pace uses in the next seconds, less what it has. */
  get room(): number {
    const { timings, settler } = this.#options;
    if (!this.#ready || this.#stopping.signal.aborted || settler.isFull) return 0;
    const hold = messagesToHold(
      this.#rule,
      timings.shortestIntervalMs,
      timings.holdHorizonMs,
      timings.heldMax,
    );
    return Math.max(0, hold - this.#held.length);
  }

  /** Begins to send. `ready` comes once the messages that arrived while offline have been read: they may settle what a resend would repeat. */
  start(): void {
    this.#running = this.#run();
  }

  ready(): void {
    if (this.#ready) return;
    this.#ready = true;
    this.#options.onRoom();
  }

  take(messages: readonly ClaimedMessage[]): void {
    if (this.#stopping.signal.aborted) {
      for (const message of messages) this.#giveBack(message, 0);
      return;
    }
    this.#held.push(...messages);
    this.#signal();
  }

  /** Gives back what it holds unsent of these jobs; what is written goes on to its answer. */
  recall(jobIds: ReadonlySet<string>): void {
    const recalled = this.#held.filter((message) => jobIds.has(message.jobId));
    this.#held = this.#held.filter((message) => !jobIds.has(message.jobId));
    for (const message of recalled) this.#giveBack(message, 0);
  }

  /** What the network says about messages of this device. */
  hear(event: ConnectionEvent): void {
    if (event.kind === 'acknowledged') this.#answered(event.waMessageId, { kind: 'acknowledged' });
    else if (event.kind === 'receipt')
      for (const id of event.waMessageIds) this.#answered(id, { kind: event.receipt });
    else if (event.kind === 'refused') this.#flight.refused(event.waMessageId, event.code);
    else if (event.kind === 'offline_drained') this.ready();
  }

  /**
   * Ends the sender; resolves when nothing of it runs any more. With a connection that still lives, `drainMs` waits so long for the
   * answers to what was written, so that an orderly stop leaves nothing unconfirmed.
   */
  async stop(drainMs: number): Promise<void> {
    this.#stopping.abort();
    this.#signal();
    await this.#running;
    if (drainMs > 0) await this.#flight.landed(drainMs);
    for (const message of this.#held.splice(0)) this.#giveBack(message, 0);
    this.#flight.abandon();
  }

  /** An answer can come late for a message that already waits here to be sent again; it then is not. */
  #answered(waMessageId: string, event: Report['event']): void {
    const place = this.#held.findIndex((message) => message.waMessageId === waMessageId);
    for (const message of place === -1 ? [] : this.#held.splice(place, 1)) this.#settleUnsent(message, event);
    if (place === -1) this.#flight.answered(waMessageId, event);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      if (this.#held.length === 0 || this.#flight.isFull) {
        this.#status = this.#flight.isFull
          ? { activity: 'waiting', why: 'acknowledgements' }
          : { activity: 'idle' };
        await this.#wake.promise;
        continue;
      }
      if (await this.#paced()) await this.#sendNext();
      if (this.room > this.#held.length) this.#options.onRoom();
    }
  }

  /** Waits for the pace; true when a message may go now. */
  async #paced(): Promise<boolean> {
    const { clock, counts, device } = this.#options;
    const nowMs = clock.now().getTime();
    const notBeforeMs = nowMs + this.#notBeforeMs - clock.monotonicMs();
    const wait = waitBeforeSend(nowMs, notBeforeMs, device.caps, counts);
    if (!wait) return true;
    this.#status = { activity: 'waiting', ...wait };
    await clock.wait(wait.untilMs - nowMs, this.#stopping.signal);
    return false;
  }

  async #sendNext(): Promise<void> {
    const message = this.#held.shift();
    if (!message) return;
    this.#status = { activity: 'sending' };
    try {
      const jid = await this.#recipientOf(message);
      if (!jid) return;
      const job = await this.#options.jobs.of(message);
      await this.#write(message, jid, job);
    } catch (error) {
      const { logger, timings, device } = this.#options;
      logger.warn(
        { deviceId: device.deviceId, messageId: message.id, reason: messageOf(error) },
        'A message could not be prepared; it is tried again.',
      );
      this.#giveBack(message, timings.retry.firstMs);
    }
  }

  /** The recipient's canonical JID; undefined when the message was skipped because the number is not on WhatsApp. */
  async #recipientOf(message: ClaimedMessage): Promise<string | undefined> {
    const { db, device, checkNumbers } = this.#options;
    if (message.jid) return message.jid;
    if (!checkNumbers) return `${message.phone}@s.whatsapp.net`;
    const check = message.onWhatsApp ? await checkAhead(db, device.connection, message) : { jid: undefined };
    for (const held of this.#held) if (held.phone === message.phone) held.jid = check.jid;
    if (!check.jid) {
      this.#settleUnsent(message, { kind: 'skipped', reason: 'not_on_whatsapp' });
    }
    return check.jid;
  }

  async #write(message: ClaimedMessage, jid: string, job: Job): Promise<void> {
    const { device, clock, counts, random, timings } = this.#options;
    let content: ReturnType<typeof render>;
    try {
      content = render(job, message);
    } catch {
      this.#settleUnsent(message, { kind: 'failed', reason: 'content_invalid' });
      return;
    }
    this.#flight.departed(message);
    const result = await device.connection.send({ waMessageId: message.waMessageId, jid, content });
    if (result.kind === 'not_written') {
      this.#notWritten(message, result.reason);
      return;
    }
    countSend(counts, clock.now().getTime());
    this.#rule = slowerOf(job.delay, device.delay);
    this.#notBeforeMs = nextSendAtMs(clock.monotonicMs(), this.#rule, timings.shortestIntervalMs, random);
    this.#flight.written(message);
  }

  #notWritten(
    message: ClaimedMessage,
    reason: Extract<WriteResult, { kind: 'not_written' }>['reason'],
  ): void {
    const { timings, clock, random } = this.#options;
    if (!this.#flight.turnedBack(message)) return;
    if (reason === 'offline' || reason === 'lease_lost') {
      this.#giveBack(message, 0);
    } else if (reason === 'rate_limited') {
      this.#notBeforeMs = clock.monotonicMs() + timings.rateLimitPauseMs;
      this.#giveBack(message, timings.rateLimitPauseMs);
    } else {
      this.#settleUnsent(message, {
        kind: 'refused_for_now',
        retryInMs: backoffMs(timings.retry, message.attempts, random),
      });
    }
  }

  #giveBack(message: ClaimedMessage, retryInMs: number): void {
    this.#settleUnsent(message, { kind: 'given_back', retryInMs });
  }

  /** Settles a message that this sender did not write. */
  #settleUnsent(message: ClaimedMessage, event: MessageEvent): void {
    const { deviceId, lease } = this.device;
    const { settler } = this.#options;
    settler.settle({
      deviceId,
      epoch: lease.epoch,
      messageId: message.id,
      event,
      endsClaim: true,
      written: false,
      resend: false,
    });
  }

  #signal(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers<void>();
  }
}
