import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test/support/database.ts';
import { createLedger, type Ledger, newId, planEverybody } from '../../../test/support/ledger.ts';
import { claim } from './claim.ts';
import { sendDirect } from './direct.ts';
import { giveUpUnconfirmed, moveFromOfflineDevices } from './failover.ts';
import { pauseJob, resumeAll, resumeJob, stopAll } from './job-verbs.ts';
import { getMessage } from './message-view.ts';
import { spreadOverReturned } from './return.ts';
import { settleBatch } from './settle.ts';
import { auditLedger, reportJob } from './statistics.ts';
import { whyWaiting } from './waiting.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.remove());

async function goOffline(ledger: Ledger, ...places: number[]): Promise<void> {
  await sql`update user_devices set state = 'waiting', offline_since = now() - interval '1 hour'
    where id = any (${places.map((place) => ledger.deviceIds[place])})`.execute(database.db);
}

/** A device is connected, and has been for some seconds. */
async function comeBack(ledger: Ledger, place: number, forSeconds: number): Promise<void> {
  await sql`update user_devices set state = 'connected', offline_since = null,
    state_since = now() - ${forSeconds} * interval '1 second' where id = ${ledger.deviceIds[place]}`.execute(
    database.db,
  );
  // What happened before then happened a while ago.
  await sql`update broadcast_jobs set planned_at = now() - interval '1 hour', spread_at = spread_at - interval '1 hour'
    where workspace_id = ${ledger.workspaceId}`.execute(database.db);
}

async function queuedAt(ledger: Ledger, jobId: string): Promise<number[]> {
  const report = await reportJob(database.db, ledger.workspaceId, jobId);
  return ledger.deviceIds.map(
    (id) => report?.perDevice.find(({ deviceId }) => deviceId === id)?.messages.queued ?? 0,
  );
}

const rule = { returnSteadyMs: 10_000, spreadEveryMs: 60_000 };

test('single and sticky jobs wait for their device and say so; a job in rotation moves', async () => {
  const ledger = await createLedger(database.db, { devices: 3, leads: 6 });
  const [, second] = ledger.deviceIds;
  const single = await planEverybody(database.db, ledger, { source: 'single', deviceIds: [second ?? ''] });
  const sticky = await planEverybody(database.db, ledger, { source: 'sticky' });
  const rotating = await planEverybody(database.db, ledger);
  await goOffline(ledger, 1);
  expect(await moveFromOfflineDevices(database.db, 1_000)).toBe(2);
  expect(await queuedAt(ledger, single)).toEqual([0, 6, 0]);
  expect(await queuedAt(ledger, sticky)).toEqual([2, 2, 2]);
  expect(await queuedAt(ledger, rotating)).toEqual([3, 0, 3]);
  const why = (jobId: string) => whyWaiting(database.db, ledger.workspaceId, jobId);
  const offline = (messages: number) => [
    { deviceId: second, name: 'Server 2', messages, since: expect.any(Date) },
  ];
  expect(await why(single)).toMatchObject({ why: 'device_offline', devices: offline(6) });
  expect(await why(sticky)).toMatchObject({ why: 'device_offline', devices: offline(2) });
  expect(await why(rotating)).toBeUndefined();
  await comeBack(ledger, 1, 0);
  expect(await why(single)).toBeUndefined();
});

test('a job with no connected device waits for that reason; a pause and a stop are reasons of their own', async () => {
  const ledger = await createLedger(database.db, { devices: 2, leads: 4 });
  const { workspaceId } = ledger;
  const jobId = await planEverybody(database.db, ledger);
  const why = () => whyWaiting(database.db, workspaceId, jobId);
  expect(await why()).toBeUndefined();
  await goOffline(ledger, 0, 1);
  expect(await moveFromOfflineDevices(database.db, 1_000)).toBe(0);
  expect(await why()).toMatchObject({
    why: 'no_device_connected',
    devices: [{ messages: 2 }, { messages: 2 }],
  });
  await stopAll(database.db, workspaceId);
  expect(await why()).toMatchObject({ why: 'sending_stopped' });
  await pauseJob(database.db, { workspaceId, jobId }, 'too many failures');
  expect(await why()).toMatchObject({ why: 'paused', reason: 'too many failures' });
  await resumeJob(database.db, { workspaceId, jobId });
  await resumeAll(database.db, workspaceId);
  await comeBack(ledger, 0, 0);
  expect(await why()).toBeUndefined();
  expect(await moveFromOfflineDevices(database.db, 1_000)).toBe(2);
});

test('on return what waits is spread evenly again: not at once, not what is in flight, and not twice', async () => {
  const ledger = await createLedger(database.db, { devices: 3, leads: 60 });
  const jobId = await planEverybody(database.db, ledger);
  await goOffline(ledger, 1);
  await moveFromOfflineDevices(database.db, 1_000);
  const inFlight = await claim(database.db, [{ deviceId: ledger.deviceIds[0] ?? '', epoch: 1, room: 4 }]);
  await comeBack(ledger, 1, 5);
  expect(await spreadOverReturned(database.db, rule)).toBe(0);
  await comeBack(ledger, 1, 11);
  expect(await spreadOverReturned(database.db, rule)).toBe(20);
  expect(await queuedAt(ledger, jobId)).toEqual([20, 20, 20]);
  for (const { id } of inFlight)
    expect((await getMessage(database.db, ledger.workspaceId, id)).deviceId).toBe(ledger.deviceIds[0]);
  await goOffline(ledger, 1);
  await moveFromOfflineDevices(database.db, 1_000);
  await sql`update user_devices set state = 'connected', offline_since = null, state_since = now() - interval '11 seconds'
    where id = ${ledger.deviceIds[1]}`.execute(database.db);
  expect(await spreadOverReturned(database.db, rule)).toBe(0);
  expect(await auditLedger(database.db)).toEqual([]);
});

test('a device that was away too briefly to lose its messages keeps its share, and takes nobody else’s', async () => {
  const ledger = await createLedger(database.db, { devices: 2, leads: 20 });
  const jobId = await planEverybody(database.db, ledger);
  const own = await claim(database.db, [{ deviceId: ledger.deviceIds[1] ?? '', epoch: 1, room: 10 }]);
  const settlement = {
    deviceId: ledger.deviceIds[1] ?? '',
    epoch: 1,
    endsClaim: true,
    written: true,
    resend: false,
  };
  await settleBatch(
    database.db,
    own.map(({ id }) => ({ ...settlement, messageId: id, event: { kind: 'acknowledged' } })),
  );
  await comeBack(ledger, 1, 11);
  expect(await spreadOverReturned(database.db, rule)).toBe(0);
  expect(await queuedAt(ledger, jobId)).toEqual([10, 0]);
});

test('nothing moves between workspaces, whatever is offline', async () => {
  const mine = await createLedger(database.db, { devices: 1, leads: 4 });
  const other = await createLedger(database.db, { devices: 2, leads: 0 });
  // Even a job that names a stranger's device by mistake does not give it anything.
  const deviceIds = [...mine.deviceIds, ...other.deviceIds];
  const jobId = await planEverybody(database.db, mine);
  await sql`update broadcast_jobs set device_ids = ${deviceIds}, failovers = 1 where id = ${jobId}`.execute(
    database.db,
  );
  await sendDirect(database.db, newId, {
    workspaceId: mine.workspaceId,
    phone: '60199999999',
    content: { text: 'Hi' },
    idempotencyKey: 'mine',
  });
  await goOffline(mine, 0);
  await moveFromOfflineDevices(database.db, 1_000);
  await comeBack(other, 0, 60);
  await spreadOverReturned(database.db, rule);
  const { rows } = await sql<{ device_id: string }>`
    select distinct device_id from broadcast_messages where workspace_id = ${mine.workspaceId}`.execute(
    database.db,
  );
  expect(rows).toEqual([{ device_id: mine.deviceIds[0] }]);
});

test('a direct message moves to another device, unless its device was asked for', async () => {
  const ledger = await createLedger(database.db, { devices: 2, leads: 0 });
  const send = (idempotencyKey: string, deviceId?: string) =>
    sendDirect(database.db, newId, {
      workspaceId: ledger.workspaceId,
      phone: '60199999999',
      content: { text: 'Hi' },
      deviceId,
      idempotencyKey,
    });
  const free = await send('free');
  const bound = await send('bound', ledger.deviceIds[0]);
  await goOffline(ledger, 0);
  await moveFromOfflineDevices(database.db, 1_000);
  const deviceOf = async (messageId: number) =>
    (await getMessage(database.db, ledger.workspaceId, messageId)).deviceId;
  expect(await deviceOf(free.messageId)).toBe(ledger.deviceIds[1]);
  expect(await deviceOf(bound.messageId)).toBe(ledger.deviceIds[0]);
});

test('a device that is unlinked settles what it left unconfirmed, one that is only offline does not', async () => {
  const ledger = await createLedger(database.db, { devices: 2, leads: 2 });
  const jobId = await planEverybody(database.db, ledger);
  await sql`update broadcast_messages set status = 'unconfirmed', unconfirmed_at = now() where job_id = ${jobId}`.execute(
    database.db,
  );
  await goOffline(ledger, 0);
  await sql`update user_devices set state = 'logged_out', offline_since = now() where id = ${ledger.deviceIds[1]}`.execute(
    database.db,
  );
  await giveUpUnconfirmed(database.db, 'of_gone_devices');
  const report = await reportJob(database.db, ledger.workspaceId, jobId);
  expect(report?.perDevice.map(({ messages }) => [messages.unconfirmed, messages.failed])).toEqual([
    [1, 0],
    [0, 1],
  ]);
});
