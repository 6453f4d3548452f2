import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test/support/database.ts';
import { createLedger, type Ledger, newId, planEverybody } from '../../../test/support/ledger.ts';
import { claim } from './claim.ts';
import { type DirectSend, sendDirect } from './direct.ts';
import { JobContents, render } from './job-content.ts';
import { getMessage } from './message-view.ts';
import { finishJobs } from './settle.ts';
import { auditLedger, countLiveMessages } from './statistics.ts';

let database: TestDatabase;
let ledger: Ledger;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.remove());
beforeEach(async () => {
  ledger = await createLedger(database.db, { devices: 3, leads: 6 });
});

const send = (changed: Partial<DirectSend> = {}) =>
  sendDirect(database.db, newId, {
    workspaceId: ledger.workspaceId,
    phone: '60199999999',
    content: { text: 'Hi {{ name }}' },
    idempotencyKey: newId(),
    ...changed,
  });

const deviceOf = async (messageId: number): Promise<number> =>
  ledger.deviceIds.indexOf((await getMessage(database.db, ledger.workspaceId, messageId)).deviceId);

test('the same key gives the same message, also at the same time; with anything else it is a conflict', async () => {
  const idempotencyKey = newId();
  const answers = await Promise.all(Array.from({ length: 8 }, () => send({ idempotencyKey })));
  expect(new Set(answers.map(({ messageId }) => messageId)).size).toBe(1);
  for (const changed of [
    { phone: '60188888888' },
    { content: { text: 'Something else' } },
    { deviceId: ledger.deviceIds[1] },
  ])
    await expect(send({ idempotencyKey, ...changed })).rejects.toMatchObject({
      code: 'conflict',
      field: 'idempotencyKey',
    });
  expect(await auditLedger(database.db)).toEqual([]);
  const stranger = await createLedger(database.db, { devices: 1, leads: 0 });
  const other = await send({ workspaceId: stranger.workspaceId, idempotencyKey });
  expect(other.messageId).not.toBe(answers[0]?.messageId);
});

test('direct messages go round the connected devices, and to the one that was asked for', async () => {
  await sql`update user_devices set state = 'waiting', offline_since = now() where id = ${ledger.deviceIds[1]}`.execute(
    database.db,
  );
  const places: number[] = [];
  for (let k = 0; k < 4; k++) places.push(await deviceOf((await send()).messageId));
  expect(places).toEqual([0, 2, 0, 2]);
  expect(await deviceOf((await send({ deviceId: ledger.deviceIds[1] })).messageId)).toBe(1);
});

test('what cannot be sent is refused in a sentence, and leaves nothing', async () => {
  const stranger = await createLedger(database.db, { devices: 1, leads: 0 });
  const refused: [Partial<DirectSend>, string][] = [
    [{ deviceId: stranger.deviceIds[0] }, 'not_found'],
    [{ content: { text: 'x', mediaId: newId() } }, 'not_found'],
    [{ content: { text: ' ' } }, 'bad_input'],
    [{ phone: '+60 12' }, 'bad_input'],
    [{ idempotencyKey: '' }, 'bad_input'],
    [{ workspaceId: newId() }, 'not_found'],
  ];
  for (const [changed, code] of refused) await expect(send(changed)).rejects.toMatchObject({ code });
  await sql`update user_devices set is_active = false where workspace_id = ${ledger.workspaceId}`.execute(
    database.db,
  );
  await expect(send()).rejects.toMatchObject({ code: 'conflict' });
  await expect(send({ deviceId: ledger.deviceIds[0] })).rejects.toMatchObject({ code: 'conflict' });
  const { rows } =
    await sql`select 1 from broadcast_messages where workspace_id = ${ledger.workspaceId}`.execute(
      database.db,
    );
  expect(rows).toEqual([]);
});

test('a direct message passes what a campaign has waiting, is sent as it was written, and its job never ends', async () => {
  await planEverybody(database.db, ledger);
  const deviceId = ledger.deviceIds[0] ?? '';
  const { messageId } = await send({ deviceId });
  const claimed = await claim(database.db, [{ deviceId, epoch: 1, room: 2 }]);
  expect(claimed.map(({ id }) => id)).toEqual([messageId, expect.any(Number)]);
  const [direct] = claimed;
  if (!direct) throw new Error('Nothing was claimed.');
  const job = await new JobContents(database.db).of(direct);
  expect(render(job, direct)).toEqual({ kind: 'text', text: 'Hi {{ name }}' });
  expect(await countLiveMessages(database.db)).toContainEqual(expect.objectContaining({ status: 'queued' }));
  await sql`update broadcast_messages set status = 'sent', sent_at = now() where id = ${messageId}`.execute(
    database.db,
  );
  expect(await finishJobs(database.db, [direct.jobId])).toEqual([]);
  expect(await countLiveMessages(database.db)).not.toContainEqual(
    expect.objectContaining({ status: 'sent' }),
  );
  expect(await auditLedger(database.db)).toEqual([]);
});

test("another workspace's message is not found", async () => {
  const { messageId } = await send();
  await expect(getMessage(database.db, newId(), messageId)).rejects.toMatchObject({ code: 'not_found' });
});
