import { createHash } from 'node:crypto';
import type { Db } from '../../database/index.ts';
import { SambadError } from '../../platform/errors.ts';
import type { NewId } from '../../platform/ids.ts';

/** WhatsApp's own bound for images. */
const imageBytesMax = 16 * 1024 * 1024;

/** The first bytes tell the type; what a file is called does not. */
const signatures: { mimeType: string; bytes: Buffer }[] = [
  { mimeType: 'image/jpeg', bytes: Buffer.from([0xff, 0xd8, 0xff]) },
  { mimeType: 'image/png', bytes: Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]) },
];

/** Stores an image once per workspace and content, and returns its id. JPEG and PNG, at most 16 MB. */
export async function storeImage(db: Db, newId: NewId, workspaceId: string, bytes: Buffer): Promise<string> {
  if (bytes.length > imageBytesMax) {
    throw new SambadError('too_large', 'The image is larger than 16 MB, which WhatsApp does not take.', {
      field: 'image',
    });
  }
  const type = signatures.find((signature) =>
    bytes.subarray(0, signature.bytes.length).equals(signature.bytes),
  );
  if (!type) throw new SambadError('bad_input', 'The image is neither a JPEG nor a PNG.', { field: 'image' });
  const sha256 = createHash('sha256').update(bytes).digest();
  await db
    .insertInto('media')
    .values({ id: newId(), workspace_id: workspaceId, sha256, mime_type: type.mimeType, bytes })
    .onConflict((conflict) => conflict.columns(['workspace_id', 'sha256']).doNothing())
    .execute();
  const stored = await db
    .selectFrom('media')
    .select('id')
    .where('workspace_id', '=', workspaceId)
    .where('sha256', '=', sha256)
    .executeTakeFirstOrThrow();
  return stored.id;
}

/** Whether a workspace has a medium with this id. */
export async function hasMedia(db: Db, workspaceId: string, mediaId: string): Promise<boolean> {
  const found = await db
    .selectFrom('media')
    .select('id')
    .where('id', '=', mediaId)
    .where('workspace_id', '=', workspaceId)
    .executeTakeFirst();
  return found !== undefined;
}
