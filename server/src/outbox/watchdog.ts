import type { Clock } from '../platform/clock.ts';
import type { Service } from '../platform/lifecycle.ts';
import type { Logger } from '../platform/logger.ts';
import type { DeviceSender, SendingDevice } from './device-sender.ts';
import type { EngineTimings } from './timings.ts';

export interface WatchdogOptions {
  clock: Clock;
  logger: Logger;
  timings: EngineTimings;
  senders: () => DeviceSender[];
  detach: (deviceId: string) => Promise<void>;
  /** Begins anew on the same connection. */
  attachAgain: (device: SendingDevice) => Promise<void>;
}

/**
 * Starts senders anew that have work and have done nothing for too long. One that does not even end is left behind, and its connection
 * closed: the session then opens another.
 */
export class Watchdog implements Service {
  readonly #options: WatchdogOptions;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;

  constructor(options: WatchdogOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, timings, senders } = this.#options;
    while (!this.#stopping.signal.aborted) {
      await clock.wait(timings.watchEveryMs, this.#stopping.signal);
      const stuck = senders().filter((sender) => sender.stuckForMs >= timings.stuckAfterMs);
      if (!this.#stopping.signal.aborted) await Promise.all(stuck.map((sender) => this.#restart(sender)));
    }
  }

  async #restart(sender: DeviceSender): Promise<void> {
    const { clock, logger, timings, detach, attachAgain } = this.#options;
    const { device } = sender;
    const { deviceId } = device;
    logger.warn(
      { deviceId, doing: sender.status, stuckForMs: sender.stuckForMs },
      'A device has work and does nothing; it starts anew.',
    );
    try {
      let isHanging = false;
      const timer = clock.after(timings.stuckStopMs, () => {
        isHanging = true;
        sender.abandon();
      });
      await detach(deviceId);
      timer.cancel();
      if (isHanging) await device.connection.close();
      else if (device.lease.isHeld()) await attachAgain(device);
    } catch (error) {
      logger.warn({ deviceId, err: error }, 'A device could not start anew; its connection is opened again.');
      await device.connection.close();
    }
  }
}
