import { sql } from 'kysely';
import type { Db } from '../database/index.ts';
import type { SenderStatus } from './device-sender.ts';
import type { Wait } from './pacing.ts';
import type { RecipientWait } from './policy/recipients.ts';

/** Why a message is not sent at this moment; until when, where somebody knows it (wall clock, milliseconds). */
export interface MessageWait {
  why:
    | Wait['why']
    | RecipientWait['why']
    /** Its job is being planned, was paused, or has ended. */
    | `job_${string}`
    /** Another attempt after a refusal, or the next try after a silence. */
    | 'retry'
    | 'device_inactive'
    /** Its device's state, such as device_waiting or device_logged_out. */
    | `device_${string}`
    | 'acknowledgements'
    | 'worker_pool'
    /** Its device is sending others before it. */
    | 'turn'
    /** In its device's hands: written, or about to be. */
    | 'in_flight';
  untilMs?: number;
}

/** What is asked of the engine: what a device does, and why a single message was given back. */
interface Engine {
  statusOf(deviceId: string): SenderStatus | undefined;
  recipientWaitOf(messageId: number): RecipientWait | undefined;
}

/**
 * Why a waiting message waits: the job first, then the message's own time, then its device. Undefined when there is no such
 * message in the workspace, or when it does not wait any more.
 */
export async function whyMessageWaits(
  db: Db,
  engine: Engine,
  { workspaceId, messageId }: { workspaceId: string; messageId: number },
): Promise<MessageWait | undefined> {
  const { rows } = await sql<WaitingRow>`
    select m.device_id as "deviceId", j.state as "jobState", d.state as "deviceState", d.is_active as "isActive",
      j.waits_why as "jobWhy", case when j.waits_until > now() then j.waits_until end as "jobUntil",
      case when m.not_before > now() then m.not_before end as "notBefore",
      case when d.quarantined_until > now() then d.quarantined_until end as "quarantinedUntil",
      m.id = any (coalesce(f.message_ids, '{}')) as "isClaimed"
    from broadcast_messages m join broadcast_jobs j on j.id = m.job_id join user_devices d on d.id = m.device_id
    left join device_in_flight f on f.device_id = m.device_id
    where m.id = ${messageId} and m.workspace_id = ${workspaceId} and m.status in ('queued', 'unconfirmed')`.execute(
    db,
  );
  const row = rows[0];
  return row && (waitOfRow(row, engine.recipientWaitOf(messageId)) ?? waitOfDevice(row, engine));
}

interface WaitingRow {
  deviceId: string;
  jobState: string;
  deviceState: string;
  isActive: boolean;
  jobWhy: Wait['why'] | null;
  jobUntil: Date | null;
  notBefore: Date | null;
  quarantinedUntil: Date | null;
  isClaimed: boolean;
}

function waitOfRow(row: WaitingRow, recipientWait: RecipientWait | undefined): MessageWait | undefined {
  if (row.jobState !== 'running') return { why: `job_${row.jobState}` };
  if (row.jobWhy && row.jobUntil) return { why: row.jobWhy, untilMs: row.jobUntil.getTime() };
  if (row.notBefore) return { why: recipientWait?.why ?? 'retry', untilMs: row.notBefore.getTime() };
  if (!row.isActive) return { why: 'device_inactive' };
  if (row.deviceState !== 'connected') return { why: `device_${row.deviceState}` };
  if (row.quarantinedUntil) return { why: 'quarantine', untilMs: row.quarantinedUntil.getTime() };
  return undefined;
}

function waitOfDevice({ deviceId, isClaimed }: WaitingRow, engine: Engine): MessageWait {
  const status = engine.statusOf(deviceId);
  if (status?.activity !== 'waiting') return { why: isClaimed ? 'in_flight' : 'turn' };
  return 'untilMs' in status ? { why: status.why, untilMs: status.untilMs } : { why: status.why };
}
