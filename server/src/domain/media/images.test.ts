import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import { createLedger, newId } from '../../../../test/support/ledger.ts';
import { hasMedia, storeImage } from './images.ts';

let database: TestDatabase;
let workspaceId: string;

beforeAll(async () => {
  database = await createTestDatabase();
  workspaceId = (await createLedger(database.db, { devices: 0, leads: 0 })).workspaceId;
});
afterAll(() => database.remove());

const jpeg = Buffer.from([0xff, 0xd8, 0xff, 0xe0, 1, 2, 3]);
const png = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 1]);

test('an image is stored once per workspace, with the type that its bytes tell', async () => {
  const ids = await Promise.all([1, 2, 3].map(() => storeImage(database.db, newId, workspaceId, jpeg)));
  expect(new Set(ids).size).toBe(1);
  const other = (await createLedger(database.db, { devices: 0, leads: 0 })).workspaceId;
  expect(await storeImage(database.db, newId, other, jpeg)).not.toBe(ids[0]);
  await storeImage(database.db, newId, workspaceId, png);
  const { rows } = await sql<{ mime_type: string; bytes: Buffer }>`
    select mime_type, bytes from media where workspace_id = ${workspaceId} order by mime_type`.execute(
    database.db,
  );
  expect(rows).toEqual([
    { mime_type: 'image/jpeg', bytes: jpeg },
    { mime_type: 'image/png', bytes: png },
  ]);
  expect(await hasMedia(database.db, workspaceId, ids[0] ?? '')).toBe(true);
  expect(await hasMedia(database.db, other, ids[0] ?? '')).toBe(false);
});

test.each([
  ['nothing', Buffer.alloc(0), 'bad_input'],
  ['a script with the name of a picture', Buffer.from('<svg onload=alert(1)>'), 'bad_input'],
  ['half a signature', png.subarray(0, 4), 'bad_input'],
  ['more than WhatsApp takes', Buffer.concat([jpeg, Buffer.alloc(16 * 1024 * 1024)]), 'too_large'],
])('%s is refused', async (_name, bytes, code) => {
  await expect(storeImage(database.db, newId, workspaceId, bytes)).rejects.toMatchObject({
    code,
    field: 'image',
  });
});
