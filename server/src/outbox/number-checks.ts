import { sql } from 'kysely';
import type { Db } from '../database/index.ts';
import type { Connection, NumberCheck } from '../whatsapp/client.ts';
import type { ClaimedMessage } from './claim.ts';

/** Numbers asked for in one query: WhatsApp limits number checks, so one question serves many messages. */
const checkedTogether = 50;

/** How long an answer is trusted before the number is asked for again. */
const trustedForDays = 30;

/**
 * Asks whether a claimed message's number is on WhatsApp, together with the numbers of the messages that its device will
 * send next, and stores the answers. Returns the answer for the message itself. Rejects when the network gave none.
 */
export async function checkAhead(
  db: Db,
  connection: Connection,
  message: ClaimedMessage,
): Promise<NumberCheck> {
  const { rows } = await sql<{ phone: string }>`
    select m.phone from broadcast_messages m
    where m.device_id = ${message.deviceId} and m.workspace_id = ${message.workspaceId} and m.job_id = ${message.jobId}
      and m.status = 'queued' and m.phone <> ${message.phone}
      and not exists (select 1 from number_checks c where c.workspace_id = m.workspace_id and c.phone = m.phone)
    order by m.id limit ${checkedTogether - 1}`.execute(db);
  const checks = await connection.checkNumbers([message.phone, ...rows.map((row) => row.phone)]);
  await storeNumberChecks(db, message.workspaceId, checks);
  const own = checks.find((check) => check.phone === message.phone);
  if (!own) throw new Error('The number check gave no answer for the number that was asked for.');
  return own;
}

/** Stores answers; a newer one replaces an older one. */
async function storeNumberChecks(db: Db, workspaceId: string, checks: readonly NumberCheck[]): Promise<void> {
  await sql`
    insert into number_checks (workspace_id, phone, on_whatsapp, jid)
    select ${workspaceId}, c.phone, c.on_whatsapp, c.jid
    from unnest(${checks.map((c) => c.phone)}::text[], ${checks.map((c) => c.onWhatsApp)}::boolean[],
      ${checks.map((c) => c.jid ?? null)}::text[]) as c (phone, on_whatsapp, jid) order by c.phone
    on conflict (workspace_id, phone) do update set on_whatsapp = excluded.on_whatsapp, jid = excluded.jid, checked_at = now()`.execute(
    db,
  );
}

/** Forgets answers that are too old to trust. */
export async function pruneNumberChecks(db: Db): Promise<void> {
  await sql`delete from number_checks where checked_at < now() - ${trustedForDays} * interval '1 day'`.execute(
    db,
  );
}
