import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test/support/database.ts';
import { createLedger, type Ledger, planEverybody } from '../../../test/support/ledger.ts';
import { type ListedMessage, listMessages, type MessageFilter } from './message-list.ts';

let database: TestDatabase;
let ledger: Ledger;
let jobId: string;

beforeAll(async () => {
  database = await createTestDatabase();
  ledger = await createLedger(database.db, { devices: 3, leads: 40 });
  jobId = await planEverybody(database.db, ledger);
  // Every fourth message was sent, and of the others every third is no good.
  await sql`
    update broadcast_messages set
      status = case when id % 4 = 0 then 'sent' when id % 3 = 0 then 'failed' else 'queued' end,
      sent_at = case when id % 4 = 0 then now() end,
      reason = case when id % 4 <> 0 and id % 3 = 0 then 'refused' end,
      ended_at = case when id % 4 <> 0 and id % 3 = 0 then now() end
    where job_id = ${jobId}`.execute(database.db);
});
afterAll(() => database.remove());

type Narrow = Partial<Pick<MessageFilter, 'deviceId' | 'status' | 'workspaceId'>>;

/** Reads all pages of seven, one after the other. */
async function everyPage(narrow: Narrow): Promise<ListedMessage[]> {
  const all: ListedMessage[] = [];
  for (;;) {
    const filter = { workspaceId: ledger.workspaceId, jobId, limit: 7, after: all.at(-1)?.id, ...narrow };
    const page = await listMessages(database.db, filter);
    expect(page.length).toBeLessThanOrEqual(7);
    all.push(...page);
    if (page.length < 7) return all;
  }
}

/** What a page must hold, read without any index in mind. */
async function idsWhere({ deviceId, status }: Narrow): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`
    select id from broadcast_messages where job_id = ${jobId}
      and (${deviceId ?? null}::uuid is null or device_id = ${deviceId ?? null}::uuid)
      and (${status ?? null}::text is null or status = ${status ?? null}::text) order by id`.execute(
    database.db,
  );
  return rows.map((row) => row.id);
}

test('the pages of every filter hold each of its messages once, in order', async () => {
  for (const deviceId of [undefined, ...ledger.deviceIds]) {
    for (const status of [undefined, 'queued', 'sent', 'failed', 'read'] as const) {
      const found = await everyPage({ deviceId, status });
      expect(found.map((message) => message.id)).toEqual(await idsWhere({ deviceId, status }));
    }
  }
});

test('a message says who it is for, what became of it and when', async () => {
  const [sent] = await everyPage({ status: 'sent' });
  expect(sent).toMatchObject({
    name: expect.stringMatching(/^Lead \d+$/),
    phone: expect.stringMatching(/^6013/),
  });
  expect(sent).toMatchObject({ status: 'sent', reason: null, sentAt: expect.any(Date), endedAt: null });
  const [failed] = await everyPage({ status: 'failed' });
  expect(failed).toMatchObject({
    status: 'failed',
    reason: 'refused',
    sentAt: null,
    endedAt: expect.any(Date),
  });
});

test('another workspace sees nothing of it', async () => {
  const other = await createLedger(database.db, { devices: 1, leads: 0 });
  expect(await everyPage({ workspaceId: other.workspaceId })).toEqual([]);
});
