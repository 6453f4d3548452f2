import type { Lease } from '../cluster/lease.ts';
import type { Db } from '../database/index.ts';
import type { Clock } from '../platform/clock.ts';
import { messageOf } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';
import type { Random } from '../platform/random.ts';
import type { Connection, ConnectionEvent } from '../whatsapp/client.ts';
import type { ClaimedMessage } from './claim.ts';
import { Dispatch, settleUnsent } from './dispatch.ts';
import { Flight } from './flight.ts';
import type { Job, JobContents } from './job-content.ts';
import type { Caps, DelayRule, Wait } from './pacing.ts';
import { type Calendars, holdJob } from './policy/calendars.ts';
import type { DevicePace } from './policy/device-pace.ts';
import type { FairPool } from './policy/fair-pool.ts';
import type { Outcome } from './policy/outcomes.ts';
import type { RecipientGate, RecipientWait } from './policy/recipients.ts';
import type { Report, Settler } from './settler.ts';
import type { EngineTimings } from './timings.ts';

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
  pace: DevicePace;
  /** Why jobs of this device were waiting when it was attached. */
  jobWait?: Wait | undefined;
  db: Db;
  jobs: JobContents;
  settler: Settler;
  calendars: Calendars;
  pool: FairPool;
  gate: RecipientGate;
  clock: Clock;
  random: Random;
  logger: Logger;
  timings: EngineTimings;
  checkNumbers: boolean;
  /** Rung when the sender has room again. */
  onRoom: () => void;
  /** Told how each message ended for this device. */
  onOutcome: (message: ClaimedMessage, outcome: Outcome) => void;
  /** Told of a message that was given back because its recipient has to wait. */
  onRecipientWait: (message: ClaimedMessage, wait: RecipientWait) => void;
}

/** What a device is doing, for people: the answer comes from the code that decides. */
export type SenderStatus =
  | { activity: 'idle' }
  | { activity: 'sending' }
  | ({ activity: 'waiting' } & Wait)
  /** For answers to what it wrote, or for its turn among all devices of the process: neither has a time. */
  | { activity: 'waiting'; why: 'acknowledgements' | 'worker_pool' };

/**
 * Sends one device's messages in order at its pace. It holds few: the rest wait in the database. It ends with the
 * connection; what it still holds is given back, and what it wrote without an answer becomes unconfirmed.
 */
export class DeviceSender {
  readonly #options: DeviceSenderOptions;
  readonly #pace: DevicePace;
  readonly #flight: Flight;
  readonly #dispatch: Dispatch;
  readonly #stopping = new AbortController();
  readonly #abandoned = Promise.withResolvers<void>();
  #held: ClaimedMessage[] = [];
  #jobWait: Wait | undefined;
  #status: SenderStatus = { activity: 'idle' };
  #progressAtMs: number;
  #wake = Promise.withResolvers<void>();
  #ready = false;
  #running: Promise<void> | undefined;

  constructor(options: DeviceSenderOptions) {
    this.#options = options;
    this.#pace = options.pace;
    this.#jobWait = options.jobWait;
    this.#progressAtMs = options.clock.monotonicMs();
    const onLanded = (): void => {
      this.#progressed();
      this.#signal();
    };
    this.#flight = new Flight({ ...options, onLanded });
    this.#dispatch = new Dispatch({ ...options, flight: this.#flight });
  }

  get device(): SendingDevice {
    return this.#options.device;
  }

  get status(): SenderStatus {
    const quarantine = this.#pace.quarantine;
    return quarantine ? { activity: 'waiting', ...quarantine } : this.#status;
  }

  /** How many messages it would take now: what its pace uses in the next seconds, less what it has. */
  get room(): number {
    if (!this.#ready || this.#stopping.signal.aborted || this.#options.settler.isFull) return 0;
    return Math.max(0, this.#pace.hold - this.#held.length);
  }

  /** The messages in its hands that are not settled. */
  get messageIds(): number[] {
    return [...this.#held, ...this.#dispatch.preparing].map(({ id }) => id).concat(this.#flight.messageIds);
  }

  /** For how long it has had work and done nothing; 0 while it has none, or waits for a time that has not passed. */
  get stuckForMs(): number {
    const { clock } = this.#options;
    if (this.#held.length === 0 && this.#status.activity !== 'sending' && !this.#flight.isFull) return 0;
    const { status } = this;
    const waitsUntilMs = 'untilMs' in status ? status.untilMs : 0;
    if (waitsUntilMs > clock.now().getTime() || ('why' in status && status.why === 'worker_pool')) return 0;
    return clock.monotonicMs() - this.#progressAtMs;
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
    if (this.#stopping.signal.aborted || this.#pace.isQuarantined) {
      for (const message of messages) this.#giveBack(message, 0);
      return;
    }
    if (this.#held.length === 0) this.#progressed();
    this.#held.push(...messages);
    this.#signal();
  }

  /** Gives back what it holds unsent of these jobs; what is written goes on to its answer. */
  recall(jobIds: ReadonlySet<string>): void {
    const recalled = this.#held.filter((message) => jobIds.has(message.jobId));
    this.#held = this.#held.filter((message) => !jobIds.has(message.jobId));
    for (const message of recalled) this.#giveBack(message, 0);
  }

  /** Lets the device rest: what it holds goes back, and it takes nothing until the time is over. */
  quarantine(forMs: number): void {
    this.#pace.setQuarantine(forMs);
    for (const message of this.#held.splice(0)) this.#giveBack(message, 0);
    this.#signal();
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
    await Promise.race([this.#running, this.#abandoned.promise]);
    if (drainMs > 0) await this.#flight.landed(drainMs);
    for (const message of this.#held.splice(0)) this.#giveBack(message, 0);
    this.#dispatch.stop();
    this.#flight.abandon();
  }

  /** What it is doing hangs: `stop` does not wait for it any longer, and nothing is written should it ever go on. */
  abandon(): void {
    this.#abandoned.resolve();
  }

  /** An answer can come late for a message that already waits here to be sent again; it then is not. */
  #answered(waMessageId: string, event: Report['event']): void {
    const place = this.#held.findIndex((message) => message.waMessageId === waMessageId);
    for (const message of place === -1 ? [] : this.#held.splice(place, 1))
      settleUnsent(this.#options, message, event);
    if (place === -1) this.#flight.answered(waMessageId, event);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      this.#progressed();
      const message = this.#held[0];
      const { quarantine } = this.#pace;
      if (!quarantine && (!message || this.#flight.isFull)) {
        await this.#idle();
        continue;
      }
      if (quarantine) await this.#rest(quarantine);
      else if (message) await this.#turn(message);
      if (this.room > this.#held.length) this.#options.onRoom();
    }
  }

  async #rest({ untilMs }: Wait): Promise<void> {
    const { clock } = this.#options;
    await clock.wait(untilMs - clock.now().getTime(), this.#stopping.signal);
  }

  async #idle(): Promise<void> {
    const nowMs = this.#options.clock.now().getTime();
    if (this.#flight.isFull) this.#status = { activity: 'waiting', why: 'acknowledgements' };
    else if (this.#jobWait && this.#jobWait.untilMs > nowMs)
      this.#status = { activity: 'waiting', ...this.#jobWait };
    else this.#status = { activity: 'idle' };
    await this.#wake.promise;
  }

  /** One look at the first message: it goes now, or the device or its job waits. */
  async #turn(message: ClaimedMessage): Promise<void> {
    const { jobs, calendars, pool, timings, logger, device } = this.#options;
    try {
      const job = await jobs.of(message);
      const calendar = await calendars.of(job);
      const wait = this.#pace.waitBeforeSend(calendar);
      if (wait) return await this.#wait(job, wait);
      this.#status = { activity: 'waiting', why: 'worker_pool' };
      await pool.run(device.workspaceId, async () => {
        // While it waited for its turn things may have changed: then they are looked at again.
        if (this.#stopping.signal.aborted || this.#held[0] !== message) return;
        if (this.#pace.waitBeforeSend(calendar)) return;
        this.#held.shift();
        this.#status = { activity: 'sending' };
        await this.#dispatch.send(message, job, this.#held);
      });
    } catch (error) {
      logger.warn(
        { deviceId: device.deviceId, messageId: message.id, reason: messageOf(error) },
        'A message could not be prepared; it is tried again.',
      );
      const place = this.#held.indexOf(message);
      if (place !== -1) this.#held.splice(place, 1);
      if (place !== -1 || this.#dispatch.letGo(message)) this.#giveBack(message, timings.retry.firstMs);
    }
  }

  /** Outside its window the job waits, and the device goes on with others; else the device waits. */
  async #wait(job: Job, wait: Wait): Promise<void> {
    const { clock, db } = this.#options;
    const nowMs = clock.now().getTime();
    if (wait.why !== 'outside_window' && wait.why !== 'windows_never_meet') {
      this.#status = { activity: 'waiting', ...wait };
      await clock.wait(wait.untilMs - nowMs, this.#stopping.signal);
      return;
    }
    await holdJob(db, job.id, wait, nowMs);
    this.#jobWait = wait;
    const [waiting, others] = [[] as ClaimedMessage[], [] as ClaimedMessage[]];
    for (const held of this.#held) (held.jobId === job.id ? waiting : others).push(held);
    this.#held = others;
    for (const held of waiting) this.#giveBack(held, 0);
  }

  #giveBack(message: ClaimedMessage, retryInMs: number): void {
    settleUnsent(this.#options, message, { kind: 'given_back', retryInMs });
  }

  #progressed(): void {
    this.#progressAtMs = this.#options.clock.monotonicMs();
  }

  #signal(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers<void>();
  }
}
