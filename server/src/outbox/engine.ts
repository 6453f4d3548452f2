import type { Lease } from '../cluster/lease.ts';
import type { Db } from '../database/index.ts';
import { backoffMs } from '../platform/backoff.ts';
import type { Clock, Timer } from '../platform/clock.ts';
import type { Service } from '../platform/lifecycle.ts';
import type { Logger } from '../platform/logger.ts';
import type { Random } from '../platform/random.ts';
import type { ConnectionEvent, OutgoingContent } from '../whatsapp/client.ts';
import { claim, takeOver } from './claim.ts';
import { DeviceSender, type SenderStatus, type SendingDevice } from './device-sender.ts';
import { giveUpUnconfirmed } from './failover.ts';
import { contentOf, JobContents } from './job-content.ts';
import { loadSendCounts } from './send-counts.ts';
import type { SettledMessage } from './settle.ts';
import { type Report, Settler } from './settler.ts';
import type { EngineTimings } from './timings.ts';
import { Upkeep } from './upkeep.ts';

export interface EngineOptions {
  db: Db;
  clock: Clock;
  random: Random;
  logger: Logger;
  timings: EngineTimings;
  /** Whether numbers are checked before the first message to them. */
  checkNumbers: boolean;
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
  readonly #senders = new Map<string, DeviceSender>();
  readonly #drainTimers = new Map<string, Timer>();
  readonly #stopping = new AbortController();
  #doorbell = new AbortController();
  #claiming: Promise<void> | undefined;
  /** The claim that is under way, or the last one. */
  #claimed: Promise<void> = Promise.resolve();

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
      onSettled: (moved, finished) => options.onSettled?.(moved, finished),
    });
    this.#upkeep = new Upkeep({
      db,
      clock,
      random,
      logger,
      timings,
      onMoved: () => this.ring(),
      onFinished: (jobIds) => options.onSettled?.([], jobIds),
    });
  }

  async start(): Promise<void> {
    await this.#upkeep.start();
    this.#claiming = this.#claimLoop();
  }

  /** Stops claiming, gives back what was not written, and writes down what is known. */
  async stop(): Promise<void> {
    const { timings } = this.#options;
    this.#stopping.abort();
    this.ring();
    await this.#upkeep.stop();
    await this.#claiming;
    await Promise.all(
      [...this.#senders.keys()].map((deviceId) => this.detach(deviceId, timings.stopDrainMs)),
    );
    await this.#settler.stop();
  }

  /** Tells the engine that there may be work: it looks at once. A lost ring costs one look's interval, never work. */
  ring(): void {
    this.#doorbell.abort();
  }

  /** After a pause, a cancel or a stop: gives back what the senders hold unsent of these jobs, a claim that is under way included. */
  async recall(jobIds: readonly string[]): Promise<void> {
    await this.#claimed.catch(() => undefined);
    const recalled = new Set(jobIds);
    for (const sender of this.#senders.values()) sender.recall(recalled);
  }

  /** Makes this process the owner of a device's in-flight messages: those of an earlier owner become unconfirmed. */
  async adopt(lease: Lease): Promise<void> {
    const recovered = await takeOver(this.#options.db, lease);
    if (recovered > 0) {
      const { deviceId } = lease;
      this.#options.logger.info(
        { deviceId, messages: recovered },
        'Messages of an earlier owner are unconfirmed; they go out again under the same ids.',
      );
    }
  }

  /** A connected device begins to send. */
  async attach(device: SendingDevice): Promise<void> {
    const { db, clock, timings } = this.#options;
    const counts = await loadSendCounts(db, device.deviceId, clock.now().getTime());
    await this.detach(device.deviceId);
    const sender = new DeviceSender({
      ...this.#options,
      device,
      counts,
      jobs: this.#jobs,
      settler: this.#settler,
      onRoom: () => this.ring(),
    });
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

  /** The content once sent by a device under a WhatsApp id, for a recipient that could not decrypt it. */
  contentOf(
    sender: { workspaceId: string; deviceId: string },
    waMessageId: string,
  ): Promise<OutgoingContent | undefined> {
    return contentOf(this.#options.db, this.#jobs, sender, waMessageId);
  }

  async #claimLoop(): Promise<void> {
    const { clock, random, logger, timings } = this.#options;
    let failures = 0;
    while (!this.#stopping.signal.aborted) {
      this.#doorbell = new AbortController();
      try {
        this.#claimed = this.#claimOnce();
        await this.#claimed;
        failures = 0;
      } catch (error) {
        failures += 1;
        logger.warn({ err: error }, 'Due messages could not be claimed; the database is asked again.');
      }
      if (failures > 0)
        await clock.wait(backoffMs({ firstMs: 200, maxMs: 10_000 }, failures, random), this.#stopping.signal);
      else await clock.wait(timings.lookEveryMs, this.#doorbell.signal);
    }
  }

  async #claimOnce(): Promise<void> {
    const senders = [...this.#senders.values()].filter((sender) => sender.room > 0);
    const requests = senders.map(({ device, room }) => ({
      deviceId: device.deviceId,
      epoch: device.lease.epoch,
      room,
    }));
    const messages = await claim(this.#options.db, requests);
    const byDevice = Map.groupBy(messages, (message) => message.deviceId);
    for (const sender of senders) {
      const claimed = byDevice.get(sender.device.deviceId);
      if (claimed) sender.take(claimed);
    }
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
