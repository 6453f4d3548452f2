import fc from 'fast-check';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test/support/database.ts';
import { createLedger, type Ledger, planEverybody } from '../../../test/support/ledger.ts';
import { type ClaimedMessage, claim, takeOver } from './claim.ts';
import { giveUpUnconfirmed, moveFromOfflineDevices } from './failover.ts';
import { planJob } from './plan.ts';
import { finishJobs, type Settlement, settleBatch } from './settle.ts';
import { auditLedger, reportJob } from './statistics.ts';
import { type MessageEvent, type MessageState, type MessageStatus, transition } from './transition.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.remove());

const events: MessageEvent[] = [
  { kind: 'acknowledged' },
  { kind: 'delivered' },
  { kind: 'read' },
  { kind: 'unanswered', retryInMs: 0 },
  { kind: 'refused_for_now', retryInMs: 0 },
  { kind: 'failed', reason: 'refused' },
  { kind: 'skipped', reason: 'not_on_whatsapp' },
  { kind: 'given_back', retryInMs: 0 },
];

/** One step of a story: everything that can happen to a ledger between a plan and its end. */
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('claim' as const), room: fc.integer({ min: 1, max: 4 }) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('settle' as const),
      event: fc.constantFrom(...events),
      share: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('receipt' as const),
      event: fc.constantFrom(...events.slice(0, 3)),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('offline' as const), device: fc.integer({ min: 0, max: 2 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('takeover' as const), device: fc.integer({ min: 0, max: 2 }) }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

interface Row extends MessageState {
  id: number;
  device_id: string;
}

/** Plays a story against the real database and against the pure transition function, and compares after every step. */
class Story {
  readonly #ledger: Ledger;
  readonly #jobId: string;
  readonly #epochs: number[];
  #held: ClaimedMessage[] = [];
  #expected = new Map<number, MessageState>();
  readonly #writers = new Map<number, Set<string>>();

  constructor(ledger: Ledger, jobId: string) {
    this.#ledger = ledger;
    this.#jobId = jobId;
    this.#epochs = ledger.deviceIds.map(() => 1);
  }

  async begin(): Promise<void> {
    for (const { id, status, attempts } of await this.#rows()) this.#expected.set(id, { status, attempts });
  }

  async play(next: Step): Promise<void> {
    if (next.kind === 'claim') await this.#claim(next.room);
    else if (next.kind === 'settle') await this.#settle(next.event, next.share);
    else if (next.kind === 'receipt') await this.#receipt(next.event);
    else if (next.kind === 'offline') await this.#offline(next.device);
    else await this.#takeOver(next.device);
    await this.check();
  }

  async check(): Promise<void> {
    const rows = await this.#rows();
    for (const row of rows)
      expect({ id: row.id, status: row.status, attempts: row.attempts }).toEqual({
        id: row.id,
        ...this.#expected.get(row.id),
      });
    expect(await auditLedger(database.db)).toEqual([]);
    for (const devices of this.#writers.values()) expect(devices.size).toBeLessThanOrEqual(1);
  }

  async #claim(room: number): Promise<void> {
    const requests = this.#ledger.deviceIds.map((deviceId, place) => ({
      deviceId,
      epoch: this.#epochs[place] ?? 0,
      room,
    }));
    const messages = await claim(database.db, requests);
    const held = new Set(this.#held.map((message) => message.id));
    for (const message of messages) expect(held.has(message.id)).toBe(false);
    for (const deviceId of this.#ledger.deviceIds) {
      expect(messages.filter((message) => message.deviceId === deviceId).length).toBeLessThanOrEqual(room);
    }
    this.#held.push(...messages);
  }

  async #settle(event: MessageEvent, share: number): Promise<void> {
    const chosen = this.#held.filter((message) => message.id % share === 0);
    this.#held = this.#held.filter((message) => !chosen.includes(message));
    const written = !['given_back', 'skipped'].includes(event.kind);
    const batch = chosen.map((message) => this.#settlement(message, event, written));
    await settleBatch(database.db, batch);
    // A batch whose answer was lost is written again; that must change nothing.
    await settleBatch(database.db, batch);
    for (const message of chosen) {
      if (written && event.kind !== 'refused_for_now')
        this.#writers.set(message.id, (this.#writers.get(message.id) ?? new Set()).add(message.deviceId));
      this.#expect(message.id, event);
    }
  }

  async #receipt(event: MessageEvent): Promise<void> {
    const rows = (await this.#rows()).filter((row) =>
      ['unconfirmed', 'sent', 'delivered'].includes(row.status),
    );
    const batch = rows.slice(0, 2).map((row) => ({
      ...this.#settlement({ id: row.id, deviceId: row.device_id }, event, false),
      endsClaim: false,
    }));
    await settleBatch(database.db, batch);
    for (const { messageId } of batch) this.#expect(messageId, event);
  }

  async #offline(place: number): Promise<void> {
    const deviceId = this.#ledger.deviceIds[place];
    await sql`update user_devices set state = 'waiting', offline_since = now() - interval '1 hour' where id = ${deviceId}`.execute(
      database.db,
    );
    await moveFromOfflineDevices(database.db, 1_000);
    await sql`update user_devices set state = 'connected', offline_since = null where id = ${deviceId}`.execute(
      database.db,
    );
    const left = (await this.#rows())
      .filter((row) => row.device_id === deviceId && row.status === 'queued')
      .map((row) => row.id);
    const held = this.#held.filter((message) => message.deviceId === deviceId).map((message) => message.id);
    expect(held).toEqual(expect.arrayContaining(left));
  }

  async #takeOver(place: number): Promise<void> {
    const deviceId = this.#ledger.deviceIds[place] ?? '';
    const stale = this.#held.filter((message) => message.deviceId === deviceId);
    const epoch = (this.#epochs[place] ?? 0) + 1;
    await sql`update device_leases set epoch = ${epoch} where device_id = ${deviceId}`.execute(database.db);
    await takeOver(database.db, { workspaceId: this.#ledger.workspaceId, deviceId, epoch });
    // What the old owner still says comes too late.
    expect(
      await settleBatch(
        database.db,
        stale.map((message) => this.#settlement(message, { kind: 'acknowledged' }, true)),
      ),
    ).toEqual([]);
    this.#epochs[place] = epoch;
    this.#held = this.#held.filter((message) => message.deviceId !== deviceId);
    for (const message of stale) this.#expect(message.id, { kind: 'unanswered', retryInMs: 0 });
  }

  #settlement(message: { id: number; deviceId: string }, event: MessageEvent, written: boolean): Settlement {
    const epoch = this.#epochs[this.#ledger.deviceIds.indexOf(message.deviceId)] ?? 0;
    return {
      deviceId: message.deviceId,
      epoch,
      messageId: message.id,
      event,
      endsClaim: true,
      written,
      resend: false,
    };
  }

  #expect(id: number, event: MessageEvent): void {
    const state = this.#expected.get(id);
    if (state) this.#expected.set(id, transition(state, event));
  }

  async #rows(): Promise<Row[]> {
    const { rows } = await sql<Row & { status: MessageStatus }>`
      select id, device_id, status, attempts from broadcast_messages where job_id = ${this.#jobId} order by id`.execute(
      database.db,
    );
    return rows;
  }
}

test('any order of claims, answers, failovers and takeovers moves rows only along the drawn edges, and the books balance', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
      const ledger = await createLedger(database.db, { devices: 3, leads: 12 });
      const story = new Story(ledger, await planEverybody(database.db, ledger));
      await story.begin();
      for (const next of steps) await story.play(next);
    }),
    { numRuns: 25 },
  );
});

test('500 leads over 5 devices are 100 each, in the order of rotation', async () => {
  const ledger = await createLedger(database.db, { devices: 5, leads: 500 });
  const jobId = await planEverybody(database.db, ledger);
  const report = await reportJob(database.db, ledger.workspaceId, jobId);
  expect(report?.perDevice.map((device) => device.messages.queued)).toEqual([100, 100, 100, 100, 100]);
  const { rows } = await sql<{
    device_id: string;
  }>`select device_id from broadcast_messages where job_id = ${jobId} order by id limit 7`.execute(
    database.db,
  );
  expect(rows.map((row) => ledger.deviceIds.indexOf(row.device_id))).toEqual([0, 1, 2, 3, 4, 0, 1]);
});

test('a job ends when nothing waits, and not before', async () => {
  const ledger = await createLedger(database.db, { devices: 1, leads: 3 });
  const jobId = await planEverybody(database.db, ledger);
  const deviceId = ledger.deviceIds[0] ?? '';
  const messages = await claim(database.db, [{ deviceId, epoch: 1, room: 3 }]);
  const settle = (message: ClaimedMessage | undefined, event: MessageEvent) =>
    settleBatch(database.db, [
      {
        deviceId,
        epoch: 1,
        messageId: message?.id ?? 0,
        event,
        endsClaim: true,
        written: true,
        resend: false,
      },
    ]);
  await settle(messages[0], { kind: 'acknowledged' });
  await settle(messages[1], { kind: 'unanswered', retryInMs: 0 });
  await settle(messages[2], { kind: 'failed', reason: 'refused' });
  expect(await finishJobs(database.db, [jobId])).toEqual([]);
  expect(await giveUpUnconfirmed(database.db, { deviceId })).toBe(1);
  expect(await finishJobs(database.db, [jobId])).toEqual([jobId]);
  const report = await reportJob(database.db, ledger.workspaceId, jobId);
  expect(report?.reasons).toEqual([
    { status: 'failed', reason: 'refused', messages: 1 },
    { status: 'failed', reason: 'unconfirmed', messages: 1 },
  ]);
});

test('what is planned is sent while the rest is being planned, and the job does not end before', async () => {
  const ledger = await createLedger(database.db, { devices: 1, leads: 1 });
  const jobId = await planEverybody(database.db, ledger);
  await sql`update broadcast_jobs set state = 'planning', planned_at = null where id = ${jobId}`.execute(
    database.db,
  );
  const deviceId = ledger.deviceIds[0] ?? '';
  const [message] = await claim(database.db, [{ deviceId, epoch: 1, room: 1 }]);
  const event: MessageEvent = { kind: 'acknowledged' };
  const told = { deviceId, epoch: 1, endsClaim: true, written: true, resend: false };
  await settleBatch(database.db, [{ ...told, messageId: message?.id ?? 0, event }]);
  expect(await finishJobs(database.db)).not.toContain(jobId);
  await planJob(database.db, ledger.workspaceId, jobId);
  expect(await finishJobs(database.db)).toContain(jobId);
});

test('neither a device nor a job goes while messages are counted for it', async () => {
  const ledger = await createLedger(database.db, { devices: 1, leads: 1 });
  const jobId = await planEverybody(database.db, ledger);
  await expect(sql`delete from broadcast_jobs where id = ${jobId}`.execute(database.db)).rejects.toThrow(
    /foreign key/,
  );
  await expect(
    sql`delete from user_devices where id = ${ledger.deviceIds[0]}`.execute(database.db),
  ).rejects.toThrow(/foreign key/);
});
