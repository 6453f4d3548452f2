import type { Lease } from '../cluster/lease.ts';
import type { Db } from '../database/index.ts';
import type { Clock, Timer } from '../platform/clock.ts';
import type { Service } from '../platform/lifecycle.ts';
import type { Logger } from '../platform/logger.ts';
import type { Random } from '../platform/random.ts';
import type { ConnectionEvent, OutgoingContent } from '../whatsapp/client.ts';
import { takeOver } from './claim.ts';
import { Claimer } from './claimer.ts';
import type { DeviceSender, SenderStatus, SendingDevice } from './device-sender.ts';
import { giveUpUnconfirmed } from './failover.ts';
import { contentOf, JobContents } from './job-content.ts';
import { pauseJob } from './job-verbs.ts';
import type { FailingJob } from './policy/device-doctor.ts';
import { describeFailures } from './policy/health.ts';
import { defaultLimits, type EngineLimits } from './policy/limits.ts';
import type { FailureReasonCount } from './policy/outcomes.ts';
import {
  noRules,
  openGate,
  type RecipientGate,
  type RecipientRules,
  type RecipientWait,
} from './policy/recipients.ts';
import { SenderFactory } from './sender-factory.ts';
import type { SettledMessage } from './settle.ts';
import { type Report, Settler } from './settler.ts';
import type { EngineTimings } from './timings.ts';
import { Upkeep } from './upkeep.ts';
import { Watchdog } from './watchdog.ts';

export interface EngineOptions {
  db: Db;
  clock: Clock;
  random: Random;
  logger: Logger;
  timings: EngineTimings;
  /** Whether numbers are checked before the first message to them. */
  checkNumbers: boolean;
  /** What an operator bounds; the defaults are those of the settings. */
  limits?: Partial<EngineLimits>;
  /** WhatsApp's limits on writing to somebody new; by default none is known. */
  gate?: RecipientGate;
  /** Consent and frequency cap; by default nobody is skipped. */
  rules?: RecipientRules;
  /** Told when the engine has paused a job because too many of its messages failed, and why. */
  onJobPaused?: (job: FailingJob, reason: string) => void;
  /** Told after each settlement which rows moved and which jobs ended; it must not throw. */
  onSettled?: (moved: SettledMessage[], finishedJobIds: string[]) => void;
}

/**
 * The sending engine of one process: it claims due messages for every connected device that it owns, lets each device
 * send at its pace, and settles what comes back. All work is in rows; the engine can be killed at any point.
 */
export class Engine implements Service {
  readonly #options: EngineOptions;
  readonly #jobs: JobContents;
  readonly #settler: Settler;
  readonly #upkeep: Upkeep;
  readonly #claimer: Claimer;
  readonly #watchdog: Watchdog;
  readonly #factory: SenderFactory;
  readonly #senders = new Map<string, DeviceSender>();
  readonly #drainTimers = new Map<string, Timer>();

  constructor(options: EngineOptions) {
    const { db, clock, random, logger, timings } = options;
    this.#options = options;
    this.#jobs = new JobContents(db);
    this.#settler = new Settler({
      db,
      clock,
      random,
      logger,
      gatherMs: timings.settleGatherMs,
      backlogMax: timings.settleBacklogMax,
      onSettled: (moved, finished) => this.#settled(moved, finished),
    });
    this.#upkeep = new Upkeep({
      ...{ db, clock, random, logger, timings },
      onMoved: () => this.ring(),
      onFinished: (jobIds) => options.onSettled?.([], jobIds),
    });
    const senders = (): DeviceSender[] => [...this.#senders.values()];
    const rules = options.rules ?? noRules;
    this.#claimer = new Claimer({ ...options, settler: this.#settler, rules, senders });
    this.#factory = new SenderFactory({
      ...options,
      limits: { ...defaultLimits, ...options.limits },
      jobs: this.#jobs,
      settler: this.#settler,
      gate: options.gate ?? openGate,
      onRoom: () => this.ring(),
      onQuarantined: (deviceId, forMs) => this.#senders.get(deviceId)?.quarantine(forMs),
      onJobFailing: (job, reasons) => void this.#pauseFailing(job, reasons),
    });
    this.#watchdog = new Watchdog({
      ...options,
      senders,
      detach: (deviceId) => this.detach(deviceId),
      attachAgain: async (device) => {
        await this.attach(device);
        this.#senders.get(device.deviceId)?.ready();
      },
    });
  }

  async start(): Promise<void> {
    await this.#factory.restoreGlobalCap();
    for (const part of [this.#upkeep, this.#claimer, this.#watchdog]) await part.start();
  }

  /** Stops claiming, gives back what was not written, and writes down what is known. */
  async stop(): Promise<void> {
    const { timings } = this.#options;
    for (const part of [this.#watchdog, this.#claimer, this.#upkeep]) await part.stop();
    await Promise.all(
      [...this.#senders.keys()].map((deviceId) => this.detach(deviceId, timings.stopDrainMs)),
    );
    await this.#settler.stop();
  }

  /** Tells the engine that there may be work: it looks at once. A lost ring costs one look's interval, never work. */
  ring(): void {
    this.#claimer.ring();
  }

  /** After a pause, a cancel or a stop: gives back what the senders hold unsent of these jobs, a claim that is under way included. */
  async recall(jobIds: readonly string[]): Promise<void> {
    await this.#claimer.claimed();
    const recalled = new Set(jobIds);
    for (const sender of this.#senders.values()) sender.recall(recalled);
  }

  /** Makes this process the owner of a device's in-flight messages: those of an earlier owner become unconfirmed. */
  async adopt(lease: Lease): Promise<void> {
    const recovered = await takeOver(this.#options.db, lease);
    if (recovered > 0) {
      this.#factory.countRecovered(recovered);
      const { deviceId } = lease;
      this.#options.logger.info(
        { deviceId, messages: recovered },
        'Messages of an earlier owner are unconfirmed; they go out again under the same ids.',
      );
    }
  }

  /** A connected device begins to send. */
  async attach(device: SendingDevice): Promise<void> {
    const { clock, timings } = this.#options;
    await this.detach(device.deviceId);
    const sender = await this.#factory.create(device);
    this.#senders.set(device.deviceId, sender);
    sender.start();
    this.#drainTimers.set(
      device.deviceId,
      clock.after(timings.offlineDrainMaxMs, () => sender.ready()),
    );
  }

  /** A device's connection has ended, or will; resolves when its sender has. `drainMs` as in DeviceSender.stop. */
  async detach(deviceId: string, drainMs = 0): Promise<void> {
    this.#drainTimers.get(deviceId)?.cancel();
    this.#drainTimers.delete(deviceId);
    const sender = this.#senders.get(deviceId);
    // It stays in place until it has ended, since the answers that it waits for come through here.
    await sender?.stop(drainMs);
    if (this.#senders.get(deviceId) === sender) this.#senders.delete(deviceId);
  }

  /** Hands an event of a device's connection to its sender; answers that come before there is one are settled all the same. */
  hear(lease: Lease, event: ConnectionEvent): void {
    const sender = this.#senders.get(lease.deviceId);
    if (sender) sender.hear(event);
    else for (const report of reportsOf(lease, event)) this.#settler.report(report);
  }

  /** A device will not come back: nobody can confirm any more what it left unconfirmed. */
  async abandon(deviceId: string): Promise<void> {
    await this.detach(deviceId);
    await this.#settler.flush();
    await giveUpUnconfirmed(this.#options.db, { deviceId });
  }

  /** What a device is doing now; undefined while it is not connected here. */
  statusOf(deviceId: string): SenderStatus | undefined {
    return this.#senders.get(deviceId)?.status;
  }

  /** What a connected device waits for; undefined while it sends, has nothing to do, or is not connected here. */
  whyWaiting(deviceId: string): Exclude<SenderStatus, { activity: 'idle' | 'sending' }> | undefined {
    const status = this.statusOf(deviceId);
    return status?.activity === 'waiting' ? status : undefined;
  }

  /** Why a message was given back, if its recipient has to wait. */
  recipientWaitOf(messageId: number): RecipientWait | undefined {
    return this.#factory.recipientWaitOf(messageId);
  }

  /** The content once sent by a device under a WhatsApp id, for a recipient that could not decrypt it. */
  contentOf(
    sender: { workspaceId: string; deviceId: string },
    waMessageId: string,
  ): Promise<OutgoingContent | undefined> {
    return contentOf(this.#options.db, this.#jobs, sender, waMessageId);
  }

  /** Pauses a job of which too many messages fail; a person looks at the reasons and resumes it. */
  async #pauseFailing(job: FailingJob, reasons: FailureReasonCount[]): Promise<void> {
    const { db, logger, onJobPaused } = this.#options;
    const reason = `Too many messages fail: ${describeFailures(reasons)}.`;
    try {
      await pauseJob(db, job, reason);
      await this.recall([job.jobId]);
      onJobPaused?.(job, reason);
    } catch (error) {
      // Direct sends have no pause, and a job may have ended meanwhile.
      logger.warn({ ...job, err: error }, 'A job of which too many messages fail could not be paused.');
    }
  }

  #settled(moved: SettledMessage[], finishedJobIds: string[]): void {
    this.#claimer.settled();
    this.#options.onSettled?.(moved, finishedJobIds);
  }
}

/** What an event says about messages that are known by their WhatsApp ids only. */
function reportsOf({ deviceId, epoch }: Lease, event: ConnectionEvent): Report[] {
  if (event.kind === 'acknowledged')
    return [{ deviceId, epoch, waMessageId: event.waMessageId, event: { kind: 'acknowledged' } }];
  if (event.kind !== 'receipt') return [];
  return event.waMessageIds.map((waMessageId) => ({
    deviceId,
    epoch,
    waMessageId,
    event: { kind: event.receipt },
  }));
}
