import { LRUCache } from 'lru-cache';
import type { Db } from '../database/index.ts';
import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import type { Random } from '../platform/random.ts';
import { DeviceSender, type SendingDevice } from './device-sender.ts';
import type { JobContents } from './job-content.ts';
import { Calendars } from './policy/calendars.ts';
import { DeviceDoctor, type FailingJob } from './policy/device-doctor.ts';
import { DevicePace } from './policy/device-pace.ts';
import { loadDevicePolicy } from './policy/device-policy.ts';
import { FairPool } from './policy/fair-pool.ts';
import { GlobalCap } from './policy/global-cap.ts';
import type { EngineLimits } from './policy/limits.ts';
import type { FailureReasonCount } from './policy/outcomes.ts';
import type { RecipientGate, RecipientWait } from './policy/recipients.ts';
import { loadGlobalMinute, loadSendCounts } from './send-counts.ts';
import type { Settler } from './settler.ts';
import type { EngineTimings } from './timings.ts';

export interface SenderFactoryOptions {
  db: Db;
  clock: Clock;
  random: Random;
  logger: Logger;
  timings: EngineTimings;
  limits: EngineLimits;
  jobs: JobContents;
  settler: Settler;
  gate: RecipientGate;
  checkNumbers: boolean;
  onRoom: () => void;
  /** The device must rest from now on. */
  onQuarantined: (deviceId: string, forMs: number) => void;
  onJobFailing: (job: FailingJob, reasons: FailureReasonCount[]) => void;
}

/** Waits of single messages that are remembered, for people who ask. */
const waitsRemembered = 10_000;

/** Makes senders from what rows say about their devices, and holds what all senders of a process share. */
export class SenderFactory {
  readonly #options: SenderFactoryOptions;
  readonly #calendars: Calendars;
  readonly #pool: FairPool;
  readonly #globalCap: GlobalCap;
  readonly #doctor: DeviceDoctor;
  readonly #recipientWaits = new LRUCache<number, RecipientWait>({ max: waitsRemembered });

  constructor(options: SenderFactoryOptions) {
    const { db, clock, limits, onQuarantined } = options;
    this.#options = options;
    this.#calendars = new Calendars(db, clock);
    this.#pool = new FairPool(limits.workerPoolSize);
    this.#globalCap = new GlobalCap(limits.globalCapPerMinute);
    this.#doctor = new DeviceDoctor({ ...options, rest: onQuarantined });
  }

  /** Reads what all devices have sent in this minute, so that a restart does not open the global cap anew. */
  async restoreGlobalCap(): Promise<void> {
    const { db, limits } = this.#options;
    if (limits.globalCapPerMinute !== undefined) this.countRecovered(await loadGlobalMinute(db));
  }

  /** Counts messages that an earlier owner has probably sent in this minute. */
  countRecovered(messages: number): void {
    this.#globalCap.add(this.#options.clock.now().getTime(), messages);
  }

  /** Why one message was given back; in memory, for messages that were looked at lately. */
  recipientWaitOf(messageId: number): RecipientWait | undefined {
    return this.#recipientWaits.get(messageId);
  }

  async create(device: SendingDevice): Promise<DeviceSender> {
    const { db, clock, limits, timings } = this.#options;
    const nowMs = clock.now().getTime();
    const counts = await loadSendCounts(db, device.deviceId, nowMs);
    const { warmsUp, warmUpSinceMs, quarantineLeftMs, jobWait } = await loadDevicePolicy(db, device.deviceId);
    const pace = new DevicePace({
      ...this.#options,
      ...device,
      timings: { ...timings, heldMax: Math.min(timings.heldMax, limits.queueBufferSize) },
      counts,
      warmUp: warmsUp ? { steps: limits.warmUpSteps, sinceMs: warmUpSinceMs } : undefined,
      globalCap: this.#globalCap,
    });
    if (quarantineLeftMs > 0) pace.setQuarantine(quarantineLeftMs);
    return new DeviceSender({
      ...this.#options,
      device,
      pace,
      jobWait: jobWait && { why: jobWait.why, untilMs: nowMs + jobWait.leftMs },
      calendars: this.#calendars,
      pool: this.#pool,
      onOutcome: (message, outcome) => this.#doctor.hear(message, outcome),
      onRecipientWait: (message, wait) => this.#recipientWaits.set(message.id, wait),
    });
  }
}
