import { sql } from 'kysely';
import type { Db } from '../database/index.ts';
import { SambadError } from '../platform/errors.ts';
import type { MessageStatus } from './transition.ts';

/** What became of one message, for whoever asked for it. */
export interface MessageView {
  messageId: number;
  jobId: string;
  deviceId: string;
  phone: string;
  status: MessageStatus;
  /** Why it failed or was skipped; null otherwise. */
  reason: string | null;
  attempts: number;
  createdAt: Date;
  sentAt: Date | null;
  deliveredAt: Date | null;
  readAt: Date | null;
  endedAt: Date | null;
}

/** One message. Throws `not_found`, also for another workspace's message. */
export async function getMessage(db: Db, workspaceId: string, messageId: number): Promise<MessageView> {
  const { rows } = await sql<MessageView>`
    select id as "messageId", job_id as "jobId", device_id as "deviceId", phone, status, reason, attempts, created_at as "createdAt",
      sent_at as "sentAt", delivered_at as "deliveredAt", read_at as "readAt", ended_at as "endedAt"
    from broadcast_messages where id = ${messageId} and workspace_id = ${workspaceId}`.execute(db);
  if (!rows[0]) throw new SambadError('not_found', 'There is no message with this id.', { field: 'id' });
  return rows[0];
}
