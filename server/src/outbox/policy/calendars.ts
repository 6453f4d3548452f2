import { sql } from 'kysely';
import type { Db } from '../../database/index.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Wait } from '../pacing.ts';
import { parseSendWindow, type SendCalendar, type SendWindow } from './send-window.ts';

interface WorkspaceCalendar extends SendCalendar {
  readAtMs: number;
}

/** A changed window is seen by every sender within this time. */
const trustedMs = 5_000;

/** The sending windows of workspaces, read again every few seconds while something is sent. */
export class Calendars {
  readonly #db: Db;
  readonly #clock: Clock;
  readonly #workspaces = new Map<string, WorkspaceCalendar>();

  constructor(db: Db, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  /** When messages of a job may go out: while its workspace's window and its own are both open. */
  async of(job: { workspaceId: string; window: SendWindow | undefined }): Promise<SendCalendar> {
    const { timeZone, windows } = await this.#workspace(job.workspaceId);
    return { timeZone, windows: job.window ? [...windows, job.window] : windows };
  }

  async #workspace(workspaceId: string): Promise<WorkspaceCalendar> {
    const nowMs = this.#clock.monotonicMs();
    const known = this.#workspaces.get(workspaceId);
    if (known && nowMs - known.readAtMs < trustedMs) return known;
    const row = await this.#db
      .selectFrom('workspaces')
      .select(['time_zone', 'send_window'])
      .where('id', '=', workspaceId)
      .executeTakeFirstOrThrow();
    const windows = row.send_window ? [row.send_window as SendWindow] : [];
    const read = { timeZone: row.time_zone, windows, readAtMs: nowMs };
    this.#workspaces.set(workspaceId, read);
    return read;
  }
}

/** Keeps devices from claiming from a job for a while, so that they serve their other jobs. */
export async function holdJob(db: Db, jobId: string, wait: Wait, nowMs: number): Promise<void> {
  await sql`
    update broadcast_jobs set waits_until = now() + ${wait.untilMs - nowMs} * interval '1 millisecond', waits_why = ${wait.why}
    where id = ${jobId}`.execute(db);
}

/** Sets or removes a workspace's sending window; its jobs are looked at again at once. Throws `bad_input` for a window that is none. */
export async function setSendWindow(db: Db, workspaceId: string, window: unknown): Promise<void> {
  const stored = window === null ? null : JSON.stringify(parseSendWindow(window));
  await sql`
    with changed as (
      update workspaces set send_window = ${stored}::jsonb where id = ${workspaceId} returning id
    )
    update broadcast_jobs set waits_until = null, waits_why = null
    where workspace_id in (select id from changed) and waits_until is not null`.execute(db);
}
