import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test/support/database.ts';
import { createLedger, type Ledger, planEverybody } from '../../../test/support/ledger.ts';
import { claim } from './claim.ts';
import { settleBatch } from './settle.ts';
import { chooseDevices } from './sources.ts';
import { reportJob } from './statistics.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.remove());

async function sharesOf(ledger: Ledger, jobId: string): Promise<number[]> {
  const report = await reportJob(database.db, ledger.workspaceId, jobId);
  return ledger.deviceIds.map(
    (id) => report?.perDevice.find(({ deviceId }) => deviceId === id)?.messages.queued ?? 0,
  );
}

/** The devices of a job's messages by their places, in the order of the leads. */
async function placesOf(ledger: Ledger, jobId: string): Promise<number[]> {
  const { rows } = await sql<{ device_id: string }>`
    select device_id from broadcast_messages where job_id = ${jobId} order by lead_id`.execute(database.db);
  return rows.map((row) => ledger.deviceIds.indexOf(row.device_id));
}

test('chance gives exact shares too, in another order for each job and in the same when planned again', async () => {
  // More than one chunk, so that the shares must add up across chunks.
  const ledger = await createLedger(database.db, { devices: 4, leads: 6_002 });
  const jobId = await planEverybody(database.db, ledger, { source: 'random' });
  expect(await sharesOf(ledger, jobId)).toEqual([1501, 1501, 1500, 1500]);
  const order = await placesOf(ledger, jobId);
  const inTurn = order.filter((place, k) => place === k % 4).length;
  expect(inTurn).toBeGreaterThan(1_000);
  expect(inTurn).toBeLessThan(2_000);
  expect(await placesOf(ledger, await planEverybody(database.db, ledger, { source: 'random' }))).not.toEqual(
    order,
  );
});

test('the order of the devices is the one that the user gave', async () => {
  const ledger = await createLedger(database.db, { devices: 3, leads: 5 });
  const deviceIds = [2, 0].map((place) => ledger.deviceIds[place] ?? '');
  const jobId = await planEverybody(database.db, ledger, { deviceIds });
  expect(await placesOf(ledger, jobId)).toEqual([2, 0, 2, 0, 2]);
});

test('a sticky job keeps a lead with the device it was last written from, while that one is allowed', async () => {
  const ledger = await createLedger(database.db, { devices: 3, leads: 6 });
  await planEverybody(database.db, ledger);
  const requests = ledger.deviceIds.map((deviceId) => ({ deviceId, epoch: 1, room: 10 }));
  const claimed = await claim(database.db, requests);
  const settlement = { epoch: 1, endsClaim: true, written: true, resend: false };
  await settleBatch(
    database.db,
    claimed.slice(0, 5).map(({ id, deviceId }) => ({
      ...settlement,
      deviceId,
      messageId: id,
      event: { kind: 'acknowledged' },
    })),
  );
  const unsent = claimed[5];
  const allowed = ledger.deviceIds.slice(1);
  const jobId = await planEverybody(database.db, ledger, { source: 'sticky', deviceIds: allowed });
  const { rows } = await sql<{ now: string; before: string; id: number; turn: number }>`
    select s.device_id as now, m.device_id as before, m.id, row_number() over (order by s.id) - 1 as turn
    from broadcast_messages s join broadcast_messages m on m.lead_id = s.lead_id and m.job_id <> s.job_id
    where s.job_id = ${jobId}`.execute(database.db);
  expect(rows).toHaveLength(6);
  for (const row of rows) {
    const keeps = row.id !== unsent?.id && allowed.includes(row.before);
    expect(row.now).toBe(keeps ? row.before : allowed[row.turn % 2]);
  }
});

test.each([
  ['one that cannot send', 'round_robin', ['a', 'x']],
  ['one twice', 'round_robin', ['a', 'a']],
  ['none', 'random', []],
  ['two for a single source', 'single', ['a', 'b']],
  ['nothing said for a single source', 'single', undefined],
] as const)('a choice of devices is refused: %s', (_name, source, wanted) => {
  expect(() => chooseDevices(source, wanted, ['a', 'b', 'c'])).toThrow(
    expect.objectContaining({ code: 'bad_input', field: 'deviceIds' }),
  );
});

test('without a choice every device that can send is used', () => {
  expect(chooseDevices('sticky', undefined, ['a', 'b'])).toEqual(['a', 'b']);
  expect(chooseDevices('single', undefined, ['a'])).toEqual(['a']);
});
