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
const batchMax = 2_000;

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

/**
 * Gathers the results of all devices for some milliseconds and writes them in one statement. While the database is slow
 * or gone it keeps them, in order, and tries again: an acknowledgement is never dropped.
 */
export class Settler implements Service {
  readonly #options: SettlerOptions;
  #settlements: Settlement[] = [];
  #reports: Report[] = [];
  #timer: Timer | undefined;
  #writing: Promise<boolean> | undefined;
  #failures = 0;
  #stopped = false;

  constructor(options: SettlerOptions) {
    this.#options = options;
  }

  /** Results not yet in the database. */
  get backlog(): number {
    return this.#settlements.length + this.#reports.length;
  }

  get isFull(): boolean {
    return this.backlog >= this.#options.backlogMax;
  }

  /** The messages of a device whose results are not yet in the database. */
  unwrittenIds(deviceId: string): number[] {
    return this.#settlements.filter((s) => s.deviceId === deviceId).map((s) => s.messageId);
  }

  settle(settlement: Settlement): void {
    this.#settlements.push(settlement);
    this.#schedule();
  }

  report(report: Report): void {
    this.#reports.push(report);
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
    await this.#writing;
    while (this.backlog > 0 && (await this.#writeOnce()));
  }

  #schedule(delayMs = this.#options.gatherMs): void {
    if (this.#timer || this.#writing || this.#stopped) return;
    this.#timer = this.#options.clock.after(delayMs, () => {
      this.#timer = undefined;
      void this.#writeOnce();
    });
  }

  /** One write at a time: a batch leaves memory only after the statement that wrote it, so two at once would drop what neither wrote. */
  async #writeOnce(): Promise<boolean> {
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
    const written = await this.#writing;
    if (this.backlog > 0)
      this.#schedule(written ? 0 : backoffMs(retryRule, this.#failures, this.#options.random));
    return written;
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

  async #write(): Promise<boolean> {
    const settlements = this.#settlements.slice(0, batchMax);
    const reports = this.#reports.slice(0, batchMax);
    try {
      const resolved = await resolveReports(this.#options.db, reports);
      const moved = await this.#settle(onePerMessage([...settlements, ...resolved]));
      const jobIds = [...new Set(moved.map((message) => message.jobId))];
      const finished = jobIds.length > 0 ? await finishJobs(this.#options.db, jobIds) : [];
      this.#settlements = this.#settlements.slice(settlements.length);
      this.#reports = this.#reports.slice(reports.length);
      this.#failures = 0;
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
