import fc from 'fast-check';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test/support/database.ts';
import { createLedger, type Ledger, newId, planEverybody } from '../../../test/support/ledger.ts';
import { type ClaimedMessage, claim } from './claim.ts';
import { sendDirect } from './direct.ts';
import { giveUpUnconfirmed, moveFromOfflineDevices } from './failover.ts';
import { cancelJob, cancelQueued, pauseJob, resumeAll, resumeJob, stopAll } from './job-verbs.ts';
import { retryFailed } from './retry.ts';
import { spreadOverReturned } from './return.ts';
import { finishJobs, settleBatch } from './settle.ts';
import { deviceSources } from './sources.ts';
import { auditLedger } from './statistics.ts';
import { type MessageEvent, type MessageStatus, transition, type VerbEvent } from './transition.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.remove());

const answers: MessageEvent[] = [
  { kind: 'acknowledged' },
  { kind: 'read' },
  { kind: 'unanswered', retryInMs: 0 },
  { kind: 'refused_for_now', retryInMs: 0 },
  { kind: 'failed', reason: 'refused' },
  { kind: 'given_back', retryInMs: 0 },
];

const place = fc.integer({ min: 0, max: 4 });
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('claim' as const) }) },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('settle' as const), event: fc.constantFrom(...answers) }),
  },
  ...(['pause', 'resume', 'cancel', 'retry', 'offline', 'return'] as const).map((kind) => ({
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant(kind), place }),
  })),
  ...(['stop', 'go', 'direct', 'give_up', 'wind_down', 'finish'] as const).map((kind) => ({
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant(kind) }),
  })),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

interface Row {
  id: number;
  status: MessageStatus;
  attempts: number;
  jobState: string;
  workspaceId: string;
  deviceWorkspaceId: string;
}

/** One move from one status to another, if any single event allows it. */
const events: (MessageEvent | VerbEvent)[] = [
  ...answers,
  { kind: 'failed', reason: 'unconfirmed' },
  { kind: 'cancelled' },
  { kind: 'retried', mayHaveArrived: false },
  { kind: 'retried', mayHaveArrived: true },
];

function isDrawn(from: Row, to: Row): boolean {
  if (from.status === to.status && from.attempts === to.attempts) return true;
  return events.some((event) => {
    const next = transition(from, event);
    return next.status === to.status && next.attempts === to.attempts;
  });
}

/** Two workspaces that live through the same story with jobs of every source, and what a person does to them. */
class Story {
  readonly #ledgers: Ledger[];
  readonly #jobIds: string[];
  #held: ClaimedMessage[] = [];
  #before = new Map<number, Row>();
  #sends = 0;

  constructor(ledgers: Ledger[], jobIds: string[]) {
    this.#ledgers = ledgers;
    this.#jobIds = jobIds;
  }

  async play(next: Step): Promise<void> {
    await this.#do(next);
    const rows = await this.#rows();
    for (const row of rows) {
      expect(row.deviceWorkspaceId).toBe(row.workspaceId);
      const before = this.#before.get(row.id);
      if (before && !isDrawn(before, row))
        expect(`${next.kind}: ${before.status}/${before.attempts} → ${row.status}/${row.attempts}`).toBe('');
    }
    this.#before = new Map(rows.map((row) => [row.id, row]));
    expect(await auditLedger(database.db)).toEqual([]);
  }

  async #do(next: Step): Promise<void> {
    const { db } = database;
    if (next.kind === 'claim') await this.#claim();
    else if (next.kind === 'settle') await this.#settle(next.event);
    else if (next.kind === 'stop') await stopAll(db, this.#mine.workspaceId);
    else if (next.kind === 'go') await resumeAll(db, this.#mine.workspaceId);
    else if (next.kind === 'direct') await this.#direct();
    else if (next.kind === 'give_up') await giveUpUnconfirmed(db, { olderThanMs: 0 });
    else if (next.kind === 'wind_down') await cancelQueued(db);
    else if (next.kind === 'finish') await finishJobs(db);
    else if (!('place' in next)) expect(next.kind).toBe('a step that is played');
    else if (next.kind === 'offline' || next.kind === 'return') await this.#device(next.kind, next.place);
    else await this.#verb(next.kind, next.place);
  }

  get #mine(): Ledger {
    return this.#ledgers[0]!;
  }

  async #verb(kind: 'pause' | 'resume' | 'cancel' | 'retry', at: number): Promise<void> {
    const { workspaceId } = this.#mine;
    const jobId = this.#jobIds[at % this.#jobIds.length] ?? '';
    const key = { workspaceId, jobId };
    if (kind === 'retry') {
      await retryFailed(database.db, workspaceId, { jobId });
      return;
    }
    const verbs = {
      pause: () => pauseJob(database.db, key, 'a story'),
      resume: () => resumeJob(database.db, key),
      cancel: () => cancelJob(database.db, key),
    };
    // A move that is not allowed is refused, and then nothing has changed: the checks after this step see it.
    await verbs[kind]().catch((error: unknown) => expect(error).toMatchObject({ code: 'conflict' }));
  }

  async #claim(): Promise<void> {
    const before = new Map((await this.#rows()).map((row) => [row.id, row]));
    const stopped = await sql<{
      id: string;
    }>`select id from workspaces where sending_stopped_at is not null`.execute(database.db);
    const deviceIds = this.#ledgers.flatMap((ledger) => ledger.deviceIds);
    const messages = await claim(
      database.db,
      deviceIds.map((deviceId) => ({ deviceId, epoch: 1, room: 2 })),
    );
    for (const message of messages) {
      expect(before.get(message.id)?.jobState).toBe('running');
      expect(stopped.rows.map(({ id }) => id)).not.toContain(message.workspaceId);
      expect(this.#held.some(({ id }) => id === message.id)).toBe(false);
    }
    this.#held.push(...messages);
  }

  async #settle(event: MessageEvent): Promise<void> {
    const chosen = this.#held.filter(({ id }) => id % 2 === this.#sends % 2);
    this.#held = this.#held.filter((message) => !chosen.includes(message));
    this.#sends += 1;
    const settlement = { epoch: 1, endsClaim: true, written: true, resend: false, event };
    await settleBatch(
      database.db,
      chosen.map(({ id, deviceId }) => ({ ...settlement, messageId: id, deviceId })),
    );
  }

  async #direct(): Promise<void> {
    this.#sends += 1;
    await sendDirect(database.db, newId, {
      workspaceId: this.#mine.workspaceId,
      phone: '60199999999',
      content: { text: 'Hi' },
      deviceId: this.#sends % 2 === 0 ? this.#mine.deviceIds[0] : undefined,
      idempotencyKey: `story ${this.#sends}`,
    }).catch((error: unknown) => expect(error).toMatchObject({ code: 'conflict' }));
  }

  /** A device drops or comes back, long enough ago for what follows from it; single and sticky jobs keep every message where it is. */
  async #device(kind: 'offline' | 'return', at: number): Promise<void> {
    const deviceId = this.#mine.deviceIds[at % this.#mine.deviceIds.length];
    const held = new Set(this.#held.map(({ id }) => id));
    const before = await this.#places();
    const offline = kind === 'offline';
    await sql`update user_devices set state = ${offline ? 'waiting' : 'connected'},
      offline_since = case when ${offline} then now() - interval '1 hour' end, state_since = now() where id = ${deviceId}`.execute(
      database.db,
    );
    if (offline) await moveFromOfflineDevices(database.db, 1_000);
    else await spreadOverReturned(database.db, { returnSteadyMs: 0, spreadEveryMs: 0 });
    for (const [id, now] of await this.#places()) {
      const was = before.get(id);
      if (was?.device === now.device) continue;
      expect(now.movable && !held.has(id) && now.status === 'queued').toBe(true);
    }
  }

  async #places(): Promise<Map<number, { device: string; movable: boolean; status: string }>> {
    const { rows } = await sql<{ id: number; device: string; movable: boolean; status: string }>`
      select m.id, m.device_id as device, m.status,
        j.source in ('round_robin', 'random') and m.content -> 'deviceId' is null as movable
      from broadcast_messages m join broadcast_jobs j on j.id = m.job_id where m.workspace_id = ${this.#mine.workspaceId}`.execute(
      database.db,
    );
    return new Map(rows.map(({ id, ...row }) => [id, row]));
  }

  async #rows(): Promise<Row[]> {
    const { rows } = await sql<Row>`
      select m.id, m.status, m.attempts, j.state as "jobState", m.workspace_id as "workspaceId", d.workspace_id as "deviceWorkspaceId"
      from broadcast_messages m join broadcast_jobs j on j.id = m.job_id join user_devices d on d.id = m.device_id
      where m.workspace_id = any (${this.#ledgers.map(({ workspaceId }) => workspaceId)}) order by m.id`.execute(
      database.db,
    );
    return rows;
  }
}

test('whatever people do to jobs in whatever order, rows move only along the drawn edges, the books balance, and what is paused, stopped or cancelled is not claimed', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), async (steps) => {
      const { db } = database;
      const mine = await createLedger(db, { devices: 3, leads: 5 });
      const other = await createLedger(db, { devices: 1, leads: 3 });
      const jobIds: string[] = [];
      for (const source of deviceSources) {
        const deviceIds = source === 'single' ? mine.deviceIds.slice(1, 2) : mine.deviceIds;
        jobIds.push(await planEverybody(db, mine, { source, deviceIds }));
      }
      await planEverybody(db, other);
      const story = new Story([mine, other], jobIds);
      for (const next of steps) await story.play(next);
    }),
    { numRuns: 40 },
  );
}, 120_000);
