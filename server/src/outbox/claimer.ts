import type { Db } from '../database/index.ts';
import { backoffMs } from '../platform/backoff.ts';
import type { Clock } from '../platform/clock.ts';
import type { Service } from '../platform/lifecycle.ts';
import type { Logger } from '../platform/logger.ts';
import type { Random } from '../platform/random.ts';
import { type ClaimedMessage, claim } from './claim.ts';
import type { DeviceSender } from './device-sender.ts';
import { settleUnsent } from './dispatch.ts';
import { strikeOrphans } from './orphans.ts';
import type { RecipientRules } from './policy/recipients.ts';
import type { Settler } from './settler.ts';
import type { EngineTimings } from './timings.ts';

export interface ClaimerOptions {
  db: Db;
  clock: Clock;
  random: Random;
  logger: Logger;
  timings: EngineTimings;
  settler: Settler;
  rules: RecipientRules;
  senders: () => DeviceSender[];
}

/** Devices asked for in one claim. */
const claimedTogether = 250;

/** Looks for due messages for all senders with room, in one statement at a time, and hands them out. */
export class Claimer implements Service {
  readonly #options: ClaimerOptions;
  readonly #stopping = new AbortController();
  #doorbell = new AbortController();
  #running: Promise<void> | undefined;
  #isHeldUp = false;
  /** The round of claims that is under way, or the last one. */
  #claimed: Promise<void> = Promise.resolve();
  /** Devices whose last claim was not answered: it may have been made all the same. */
  readonly #suspects = new Set<string>();

  constructor(options: ClaimerOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.ring();
    await this.#running;
  }

  /** There may be work: look at once. */
  ring(): void {
    // Each call of abort makes an exception with its stack, even when it comes too late to matter.
    if (!this.#doorbell.signal.aborted) this.#doorbell.abort();
  }

  /** Resolves when the claim that is under way has handed out what it took. */
  async claimed(): Promise<void> {
    await this.#claimed.catch(() => undefined);
  }

  /** Results have been written: devices that stopped claiming because they piled up go on as soon as the pile is half gone. */
  settled(): void {
    if (!this.#isHeldUp || this.#options.settler.backlog > this.#options.timings.settleBacklogMax / 2) return;
    this.#isHeldUp = false;
    this.ring();
  }

  async #run(): Promise<void> {
    const { clock, random, logger, timings } = this.#options;
    let failures = 0;
    while (!this.#stopping.signal.aborted) {
      this.#doorbell = new AbortController();
      try {
        this.#claimed = this.#once();
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

  /** Asks for every device with room, some of them at a time: while the next ones are asked for, the first send and are settled. */
  async #once(): Promise<void> {
    const { senders, settler } = this.#options;
    await this.#strikeOrphans();
    const hungry = senders().filter((sender) => sender.room > 0);
    while (hungry.length > 0 && !settler.isFull && !this.#stopping.signal.aborted) {
      await this.#claimFor(hungry.splice(0, claimedTogether));
    }
    this.#isHeldUp = settler.isFull;
  }

  async #claimFor(senders: readonly DeviceSender[]): Promise<void> {
    const { db } = this.#options;
    const requests = senders.map(({ device, room }) => ({
      deviceId: device.deviceId,
      epoch: device.lease.epoch,
      room,
    }));
    let messages: ClaimedMessage[];
    try {
      messages = await claim(db, requests);
    } catch (error) {
      for (const { deviceId } of requests) this.#suspects.add(deviceId);
      throw error;
    }
    const byDevice = Map.groupBy(await this.#allowed(messages, senders), ({ deviceId }) => deviceId);
    for (const sender of senders) {
      const claimed = byDevice.get(sender.device.deviceId);
      if (claimed) sender.take(claimed);
    }
  }

  /** What a claim took although its answer never came is nobody's: it becomes due again. */
  async #strikeOrphans(): Promise<void> {
    const { db, settler, senders } = this.#options;
    if (this.#suspects.size === 0) return;
    const holdings = senders()
      .filter(({ device }) => this.#suspects.has(device.deviceId))
      .map((sender) => ({
        deviceId: sender.device.deviceId,
        epoch: sender.device.lease.epoch,
        messageIds: [...sender.messageIds, ...settler.unwrittenIds(sender.device.deviceId)],
      }));
    await strikeOrphans(db, holdings);
    for (const { deviceId } of holdings) this.#suspects.delete(deviceId);
  }

  /** Asks consent and frequency cap about a claimed batch, and settles what must not be sent. */
  async #allowed(messages: ClaimedMessage[], senders: readonly DeviceSender[]): Promise<ClaimedMessage[]> {
    const { db, rules, settler } = this.#options;
    if (messages.length === 0) return messages;
    const deviceOf = new Map(senders.map(({ device }) => [device.deviceId, device]));
    const settle = (message: ClaimedMessage, event: Parameters<typeof settleUnsent>[2]): void => {
      const device = deviceOf.get(message.deviceId);
      if (device) settleUnsent({ device, settler }, message, event);
    };
    try {
      const skips = await rules.skips(db, messages);
      for (const message of messages) {
        const reason = skips.get(message.id);
        if (!reason) continue;
        // A copy of an unconfirmed one may have arrived: it is not sent again, and nobody can know any more.
        if (message.unconfirmed) settle(message, { kind: 'failed', reason: 'unconfirmed' });
        else settle(message, { kind: 'skipped', reason });
      }
      return messages.filter(({ id }) => !skips.has(id));
    } catch (error) {
      for (const message of messages) settle(message, { kind: 'given_back', retryInMs: 0 });
      throw error;
    }
  }
}
