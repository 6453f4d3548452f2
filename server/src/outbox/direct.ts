import { createHash } from 'node:crypto';
import { sql } from 'kysely';
import { type Db, type DeviceState, transaction } from '../database/index.ts';
import { SambadError } from '../platform/errors.ts';
import type { NewId } from '../platform/ids.ts';
import type { DirectContent } from './job-content.ts';

/** One message to one number, outside any campaign. */
export interface DirectSend {
  workspaceId: string;
  /** Digits with calling code. */
  phone: string;
  content: { text: string; mediaId?: string | undefined };
  /** The device to send from, for which it then waits; by default the workspace's next connected one. */
  deviceId?: string | undefined;
  /** The same key gives the same message: a request that is repeated sends nothing twice. */
  idempotencyKey: string;
}

const keyLengthMax = 200;

/**
 * Queues a direct message; it goes before the messages of campaigns, at its device's own pace. Ring the engine afterwards. Throws `bad_input`
 * for a message without text and image, `not_found` for a device or an image of another workspace, `conflict` when no device can
 * send, or when the key was used for another message.
 */
export async function sendDirect(db: Db, newId: NewId, send: DirectSend): Promise<{ messageId: number }> {
  checkInput(send);
  await openStandingJob(db, newId, send.workspaceId);
  return await transaction(db, async (tx) => {
    // The job's row is locked, so that two requests with one key come one after the other.
    const { rows } = await sql<{ id: string; planned: number }>`
      select id, planned from broadcast_jobs where workspace_id = ${send.workspaceId} and kind = 'direct' for update`.execute(
      tx.db,
    );
    const job = rows[0];
    if (!job) throw new SambadError('not_found', 'There is no workspace with this id.');
    const origin = originOf(send.workspaceId, send.idempotencyKey);
    const content = contentToStore(send);
    const earlier = await findEarlier(tx.db, send, { origin, content });
    if (earlier !== undefined) return { messageId: earlier };
    await checkMedia(tx.db, send);
    const deviceId = await chooseDevice(tx.db, send, job.planned);
    const inserted = await sql<{ id: number }>`
      with counted as (update broadcast_jobs set planned = planned + 1 where id = ${job.id})
      insert into broadcast_messages (workspace_id, job_id, origin, lead_id, phone, device_id, wa_message_id, content)
      values (${send.workspaceId}, ${job.id}, ${origin},
        (select id from leads where workspace_id = ${send.workspaceId} and phone = ${send.phone}), ${send.phone}, ${deviceId},
        '3EB0' || upper(substr(replace(gen_random_uuid()::text, '-', ''), 1, 18)), ${JSON.stringify(content)}::jsonb)
      returning id`.execute(tx.db);
    return { messageId: inserted.rows[0]!.id };
  });
}

function checkInput({ phone, content, idempotencyKey }: DirectSend): void {
  const refuse = (field: string, sentence: string): never => {
    throw new SambadError('bad_input', sentence, { field });
  };
  if (!/^[0-9]{7,15}$/.test(phone)) refuse('phone', 'A phone is 7 to 15 digits with the calling code.');
  if (content.text.trim() === '' && content.mediaId === undefined)
    refuse('text', 'The message says nothing.');
  if (idempotencyKey === '' || idempotencyKey.length > keyLengthMax)
    refuse('idempotencyKey', `An idempotency key has 1 to ${keyLengthMax} characters.`);
}

/** Makes the workspace's standing job of direct sends, if there is none: it runs for ever, and each send adds to what it planned. */
async function openStandingJob(db: Db, newId: NewId, workspaceId: string): Promise<void> {
  await sql`
    insert into broadcast_jobs (id, workspace_id, kind, state, content, audience, device_ids, min_delay_ms, max_delay_ms, planned_at)
    select ${newId()}, w.id, 'direct', 'running', '{"template": "", "mediaId": null}', '{}', '{}', 0, 0, now()
    from workspaces w where w.id = ${workspaceId}
      and not exists (select 1 from broadcast_jobs where workspace_id = w.id and kind = 'direct')
    on conflict (workspace_id) where kind = 'direct' do nothing`.execute(db);
}

function originOf(workspaceId: string, idempotencyKey: string): string {
  return createHash('sha256').update(`direct ${workspaceId} ${idempotencyKey}`).digest('hex').slice(0, 32);
}

function contentToStore({ content, deviceId }: DirectSend): DirectContent {
  const { text, mediaId = null } = content;
  return { text, mediaId, ...(deviceId === undefined ? {} : { deviceId }) };
}

async function findEarlier(
  db: Db,
  { workspaceId, phone }: DirectSend,
  wanted: { origin: string; content: DirectContent },
): Promise<number | undefined> {
  const { rows } = await sql<{ id: number; same: boolean }>`
    select id, phone = ${phone} and content = ${JSON.stringify(wanted.content)}::jsonb as same
    from broadcast_messages where origin = ${wanted.origin} and workspace_id = ${workspaceId} limit 1`.execute(
    db,
  );
  const earlier = rows[0];
  if (earlier && !earlier.same) {
    throw new SambadError('conflict', 'This idempotency key was already used for another message.', {
      field: 'idempotencyKey',
    });
  }
  return earlier?.id;
}

async function checkMedia(db: Db, { workspaceId, content }: DirectSend): Promise<void> {
  if (content.mediaId === undefined) return;
  const media = await db
    .selectFrom('media')
    .select('id')
    .where('id', '=', content.mediaId)
    .where('workspace_id', '=', workspaceId)
    .executeTakeFirst();
  if (!media) throw new SambadError('not_found', 'There is no image with this id.', { field: 'mediaId' });
}

/** Linked to a phone, so that a message given to it can wait for it. */
const linkedStates: DeviceState[] = ['connected', 'connecting', 'waiting'];

/** The device that was asked for; else the next in rotation, of those connected where there are any, or of those that should be. */
async function chooseDevice(db: Db, { workspaceId, deviceId }: DirectSend, turn: number): Promise<string> {
  const { rows } = await sql<{ id: string; connected: boolean; able: boolean }>`
    select id, state = 'connected' as connected, is_active and phone is not null and state = any (${linkedStates}) as able
    from user_devices where workspace_id = ${workspaceId} and ${deviceId === undefined ? sql`true` : sql`id = ${deviceId}`}
    order by rotation_order`.execute(db);
  if (deviceId !== undefined && rows.length === 0)
    throw new SambadError('not_found', 'There is no device with this id.', { field: 'deviceId' });
  const able = rows.filter((device) => device.able);
  const connected = able.filter((device) => device.connected);
  const chosen = connected.length > 0 ? connected : able;
  const device = chosen[turn % Math.max(1, chosen.length)];
  if (device) return device.id;
  throw new SambadError(
    'conflict',
    deviceId === undefined
      ? 'No device is linked and active: link one before you send.'
      : 'This device is not active, or not linked to a phone.',
    { field: 'deviceId' },
  );
}
