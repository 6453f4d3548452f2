import { sql } from 'kysely';
import type { Db } from '../database/index.ts';
import type { MessageStatus } from './transition.ts';

/** Which messages of a job to list; without device or status, those of all. */
export interface MessageFilter {
  workspaceId: string;
  jobId: string;
  deviceId?: string | undefined;
  status?: MessageStatus | undefined;
  /** The id of the last message of the page before. */
  after?: number | undefined;
  /** Messages on the page at most. */
  limit: number;
}

/** A message of the ledger, for people. */
export interface ListedMessage {
  id: number;
  deviceId: string;
  /** The lead's name; empty when the lead is gone. */
  name: string;
  phone: string;
  status: MessageStatus;
  reason: string | null;
  attempts: number;
  resends: number;
  createdAt: Date;
  /** When a waiting message may go at the earliest; null for at once. */
  notBefore: Date | null;
  unconfirmedAt: Date | null;
  sentAt: Date | null;
  deliveredAt: Date | null;
  readAt: Date | null;
  endedAt: Date | null;
}

/**
 * One page of a job's messages in the order of their ids, which is the order of rotation. The statistics say which devices have messages in which
 * status; of each, the index gives the first few, so a page costs the same however large the job is.
 */
export async function listMessages(db: Db, filter: MessageFilter): Promise<ListedMessage[]> {
  const { workspaceId, jobId, deviceId, status, after = 0, limit } = filter;
  const { rows } = await sql<ListedMessage>`
    with kinds as materialized (
      select device_id, status from broadcast_job_stats
      where job_id = ${jobId} and workspace_id = ${workspaceId} and messages > 0
        and ${deviceId === undefined ? sql`true` : sql`device_id = ${deviceId}`}
        and ${status === undefined ? sql`true` : sql`status = ${status}`}
    ),
    page as materialized (
      select next.id from kinds
      cross join lateral (
        select m.id from broadcast_messages m
        where m.job_id = ${jobId} and m.device_id = kinds.device_id and m.status = kinds.status and m.id > ${after}
        order by m.id limit ${limit}
      ) as next
      order by next.id limit ${limit}
    )
    select m.id, m.device_id as "deviceId", coalesce(l.name, '') as name, m.phone, m.status, m.reason, m.attempts, m.resends,
      m.created_at as "createdAt", m.not_before as "notBefore", m.unconfirmed_at as "unconfirmedAt", m.sent_at as "sentAt",
      m.delivered_at as "deliveredAt", m.read_at as "readAt", m.ended_at as "endedAt"
    from page join broadcast_messages m on m.id = page.id
    left join leads l on l.id = m.lead_id and l.workspace_id = m.workspace_id
    where m.workspace_id = ${workspaceId}
    order by m.id`.execute(db);
  return rows;
}
