import { sql } from 'kysely';
import { type Db, isRefusal } from '../database/index.ts';
import { backoffMs } from '../platform/backoff.ts';
import type { Clock, Timer } from '../platform/clock.ts';
import type { Service } from '../platform/lifecycle.ts';
import type { Logger } from '../platform/logger.ts';
import type { Random } from '../platform/random.ts';
import { finishJobs, type SettledMessage, type Settlement, settleBatch } from './settle.ts';
import type { MessageEvent } from './transition.ts';

/** What the network said about a message that is known only by its WhatsApp id: a receipt, or an acknowledgement that came late. */
export interface Report {
  deviceId: string;
  epoch: number;
  waMessageId: string;
  event: Extract<MessageEvent, { kind: 'acknowledged' | 'delivered' | 'read' }>;
}

export interface SettlerOptions {
  db: Db;
  clock: Clock;
  random: Random;
  logger: Logger;
  /** How long results are gathered before they are written together. */
  gatherMs: number;
  /** Results held in memory at most; at this bound devices stop claiming until the database takes some. */
  backlogMax: number;
  /** Told after each write which rows moved and which jobs ended. */
  onSettled: (moved: SettledMessage[], finishedJobIds: string[]) => void;
}

/** Results written in one statement at most. */
export const batchMax = 5_000;

/** Statements that write at the same time, on connections of their own. */
const writesAtOnce = 2;

const retryRule = { firstMs: 100, maxMs: 10_000 };

/** Which of two events for one message says more; the batch holds one settlement per message. */
const weight: Record<MessageEvent['kind'], number> = {
  given_back: 0,
  unanswered: 1,
  refused_for_now: 2,
  skipped: 3,
  failed: 4,
  acknowledged: 5,
  delivered: 6,
  read: 7,
};

/** What one device has to tell the database, in the order in which it was heard. */
interface DeviceResults {
  settlements: Settlement[];
  reports: Report[];
}

/** The results of some devices that are being written; they stay in memory until they are. */
type Batch = Map<string, DeviceResults>;

/**
 * Gathers the results of all devices for some milliseconds and writes them in few statements, two at a time. A device's results go together, so that
 * what is counted per device is counted once, and a device is in one write at most, so that no two meet at a row and its results stay in order.
 * While the database is slow or gone it keeps them and tries again: an acknowledgement is never dropped.
 */
export class Settler implements Service {
  readonly #options: SettlerOptions;
  /** By device; the device that has waited longest comes first. */
  readonly #waiting = new Map<string, DeviceResults>();
  readonly #beingWritten = new Set<string>();
  readonly #writing = new Set<Promise<boolean>>();
  #backlog = 0;
  #timer: Timer | undefined;
  #failures = 0;
  #stopped = false;

  constructor(options: SettlerOptions) {
    this.#options = options;
  }

  /** Results not yet in the database. */
  get backlog(): number {
    return this.#backlog;
  }

  get isFull(): boolean {
    return this.backlog >= this.#options.backlogMax;
  }

  /** The messages of a device whose results are not yet in the database. */
  unwrittenIds(deviceId: string): number[] {
    return this.#waiting.get(deviceId)?.settlements.map(({ messageId }) => messageId) ?? [];
  }

  settle(settlement: Settlement): void {
    this.#resultsOf(settlement.deviceId).settlements.push(settlement);
    this.#backlog += 1;
    this.#schedule();
  }

  report(report: Report): void {
    this.#resultsOf(report.deviceId).reports.push(report);
    this.#backlog += 1;
    this.#schedule();
  }

  async start(): Promise<void> {}

  /** Writes what is left, at most once more: what cannot be written then is recovered from the in-flight record at the next start. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.flush();
  }

  /** Writes everything gathered so far; stops at the first failure. */
  async flush(): Promise<void> {
    do {
      this.#begin();
      if ((await Promise.all(this.#writing)).includes(false)) return;
    } while (this.backlog > 0);
  }

  #resultsOf(deviceId: string): DeviceResults {
    let results = this.#waiting.get(deviceId);
    if (!results) {
      results = { settlements: [], reports: [] };
      this.#waiting.set(deviceId, results);
    }
    return results;
  }

  #schedule(delayMs = this.#options.gatherMs): void {
    if (this.#timer || this.#stopped || this.#writing.size === writesAtOnce) return;
    this.#timer = this.#options.clock.after(delayMs, () => {
      this.#timer = undefined;
      this.#begin();
    });
  }

  /** Begins as many writes as may run at once and have something to write. */
  #begin(): void {
    while (this.#writing.size < writesAtOnce) {
      const batch = this.#nextBatch();
      if (batch.size === 0) return;
      const writing = this.#write(batch).then((isWritten) => {
        this.#writing.delete(writing);
        for (const deviceId of batch.keys()) this.#beingWritten.delete(deviceId);
        if (this.backlog > 0)
          this.#schedule(isWritten ? 0 : backoffMs(retryRule, this.#failures, this.#options.random));
        return isWritten;
      });
      this.#writing.add(writing);
    }
  }

  /** The results of the devices that have waited longest and are in no write. */
  #nextBatch(): Batch {
    const batch: Batch = new Map();
    let room = batchMax;
    for (const [deviceId, { settlements, reports }] of this.#waiting) {
      if (room === 0) break;
      if (this.#beingWritten.has(deviceId)) continue;
      const taken = { settlements: settlements.slice(0, room), reports: reports.slice(0, room) };
      batch.set(deviceId, taken);
      this.#beingWritten.add(deviceId);
      room = Math.max(0, room - taken.settlements.length - taken.reports.length);
    }
    return batch;
  }

  /** What came meanwhile waits for its turn behind the other devices. */
  #forget(deviceId: string, settlements: number, reports: number): void {
    const results = this.#resultsOf(deviceId);
    this.#waiting.delete(deviceId);
    this.#backlog -= settlements + reports;
    if (results.settlements.length + results.reports.length === settlements + reports) return;
    this.#waiting.set(deviceId, {
      settlements: results.settlements.slice(settlements),
      reports: results.reports.slice(reports),
    });
  }

  /** A settlement that the database refuses must not hold up the others: it is left in flight, and the next owner finds it there. */
  async #settle(batch: readonly Settlement[]): Promise<SettledMessage[]> {
    const { db, logger } = this.#options;
    try {
      return await settleBatch(db, batch);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      const [first] = batch;
      if (batch.length > 1 || !first) {
        const half = Math.ceil(batch.length / 2);
        return [...(await this.#settle(batch.slice(0, half))), ...(await this.#settle(batch.slice(half)))];
      }
      logger.error(
        { err: error, messageId: first.messageId },
        'The database refuses a result: this is a defect, please report it.',
      );
      return [];
    }
  }

  async #write(batch: Batch): Promise<boolean> {
    const results = [...batch.values()];
    try {
      const reported = await resolveReports(
        this.#options.db,
        results.flatMap(({ reports }) => reports),
      );
      const settlements = results.flatMap((each) => each.settlements);
      const moved = await this.#settle(onePerMessage([...settlements, ...reported]));
      const jobIds = [...new Set(moved.map((message) => message.jobId))];
      const finished = jobIds.length > 0 ? await finishJobs(this.#options.db, jobIds) : [];
      this.#failures = 0;
      // Only now: a batch leaves memory after the statement that wrote it.
      for (const [deviceId, each] of batch)
        this.#forget(deviceId, each.settlements.length, each.reports.length);
      this.#options.onSettled(moved, finished);
      return true;
    } catch (error) {
      this.#failures += 1;
      this.#options.logger.warn(
        { err: error, backlog: this.backlog },
        'Results could not be written; they are kept and tried again.',
      );
      return false;
    }
  }
}

/** Keeps the event that says most for each message; flags and the end of the claim are joined. */
function onePerMessage(settlements: readonly Settlement[]): Settlement[] {
  const kept = new Map<number, Settlement>();
  for (const next of settlements) {
    const known = kept.get(next.messageId);
    if (!known) {
      kept.set(next.messageId, next);
      continue;
    }
    const strongest = weight[next.event.kind] >= weight[known.event.kind] ? next : known;
    kept.set(next.messageId, {
      ...strongest,
      endsClaim: known.endsClaim || next.endsClaim,
      written: known.written || next.written,
      resend: known.resend || next.resend,
    });
  }
  return [...kept.values()];
}

/** Finds the messages that reports speak of; ids that are not in the ledger (a person's own messages) fall away. */
async function resolveReports(db: Db, reports: readonly Report[]): Promise<Settlement[]> {
  if (reports.length === 0) return [];
  const { rows } = await sql<{ id: number; device_id: string; wa_message_id: string }>`
    select id, device_id, wa_message_id from broadcast_messages
    where wa_message_id = any (${reports.map((r) => r.waMessageId)}) and device_id = any (${reports.map((r) => r.deviceId)})`.execute(
    db,
  );
  const byKey = new Map(rows.map((row) => [`${row.device_id} ${row.wa_message_id}`, row.id]));
  return reports.flatMap(({ deviceId, epoch, waMessageId, event }) => {
    const messageId = byKey.get(`${deviceId} ${waMessageId}`);
    return messageId === undefined
      ? []
      : [{ deviceId, epoch, messageId, event, endsClaim: false, written: false, resend: false }];
  });
}
