import { LRUCache } from 'lru-cache';
import type { Db } from '../../database/index.ts';
import type { Logger } from '../../platform/logger.ts';
import type { ClaimedMessage } from '../claim.ts';
import type { EngineTimings } from '../timings.ts';
import { storeQuarantine } from './device-policy.ts';
import { DeviceHealth, JobHealth } from './health.ts';
import type { FailureReasonCount, Outcome } from './outcomes.ts';

/** A job too many of whose messages fail. */
export interface FailingJob {
  workspaceId: string;
  jobId: string;
}

export interface DeviceDoctorOptions {
  db: Db;
  logger: Logger;
  timings: EngineTimings;
  /** Lets a device rest at once; the row follows. */
  rest: (deviceId: string, forMs: number) => void;
  /** Told once each time a job crosses its threshold, with the most frequent reasons first; it must not throw. */
  onJobFailing: (job: FailingJob, reasons: FailureReasonCount[]) => void;
}

const devicesRemembered = 10_000;

/** Hears how every message of this process ended, puts devices into quarantine and reports failing jobs. */
export class DeviceDoctor {
  readonly #options: DeviceDoctorOptions;
  readonly #devices = new LRUCache<string, DeviceHealth>({ max: devicesRemembered });
  readonly #jobs = new JobHealth();

  constructor(options: DeviceDoctorOptions) {
    this.#options = options;
  }

  hear({ deviceId, workspaceId, jobId }: ClaimedMessage, outcome: Outcome): void {
    const health = this.#devices.get(deviceId) ?? new DeviceHealth();
    this.#devices.set(deviceId, health);
    const reason = health.record(outcome);
    if (reason !== undefined) this.#quarantine(deviceId, reason);
    const reasons = this.#jobs.record(jobId, outcome);
    if (reasons) this.#options.onJobFailing({ workspaceId, jobId }, reasons);
  }

  #quarantine(deviceId: string, reason: string): void {
    const { db, logger, timings, rest } = this.#options;
    const forMs = timings.quarantineMs;
    rest(deviceId, forMs);
    logger.warn({ deviceId, reason, forMs }, 'A device is in quarantine: WhatsApp refuses what it sends.');
    // Without the row it rests all the same until a restart; only its messages do not move to others.
    storeQuarantine(db, deviceId, { forMs, reason }).catch((error) =>
      logger.error({ deviceId, err: error }, 'A quarantine could not be stored.'),
    );
  }
}
