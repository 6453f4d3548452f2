import { sql } from 'kysely';
import type { Db } from '../database/index.ts';
import { type DirectContent, templateFieldColumns } from './job-content.ts';
import type { TemplateFields } from './template.ts';

/** A device that can take more work. */
export interface ClaimRequest {
  deviceId: string;
  epoch: number;
  /** How many messages it can hold on top of what it has. */
  room: number;
}

/** A message in an owner's hands: it must be settled or given back. */
export interface ClaimedMessage extends TemplateFields {
  id: number;
  workspaceId: string;
  jobId: string;
  deviceId: string;
  waMessageId: string;
  /** The canonical JID; undefined until the number has been checked. */
  jid: string | undefined;
  /** False when a check said that the number is not on WhatsApp. */
  onWhatsApp: boolean;
  attempts: number;
  resends: number;
  /** Whether an earlier copy may have arrived: this is then a resend. */
  unconfirmed: boolean;
  /** What a direct message says; null where the job's template does. */
  content: DirectContent | null;
}

/**
 * Takes the next due messages for several devices in one autocommitted statement, at most `room` for each, direct sends first, then from its
 * jobs in turn, those that are still being planned too; nothing while its workspace has stopped all sending.
 * The in-flight record is the write-ahead record: once this has committed, the messages may be on a socket. It locks only
 * the in-flight rows of the devices that get something, and takes nothing for a device whose epoch is stale.
 */
export async function claim(db: Db, requests: readonly ClaimRequest[]): Promise<ClaimedMessage[]> {
  if (requests.length === 0) return [];
  const taken = await sql<{ device_id: string; ids: number[] }>`
    with wanted as (
      select * from unnest(${requests.map((r) => r.deviceId)}::uuid[], ${requests.map((r) => r.epoch)}::bigint[],
                           ${requests.map((r) => r.room)}::integer[]) as w (device_id, epoch, room)
    ),
    picked as materialized (
      select w.device_id, w.epoch, array(
        select next.id from broadcast_jobs j
        cross join lateral (
          select due.id, row_number() over (order by due.id) as turn
          from (values ('queued'), ('unconfirmed')) as waiting (status)
          cross join lateral (
            select m.id from broadcast_messages m
            where m.job_id = j.id and m.device_id = w.device_id and m.status = waiting.status
              and (m.not_before is null or m.not_before <= now()) and m.id <> all (f.message_ids)
            order by m.id limit w.room
          ) as due
        ) as next
        where j.workspace_id = f.workspace_id and j.state in ('planning', 'running') and (j.waits_until is null or j.waits_until <= now())
          and not exists (select 1 from workspaces s where s.id = f.workspace_id and s.sending_stopped_at is not null)
        order by j.kind <> 'direct', next.turn, j.id limit w.room
      ) as ids
      from wanted w
      join device_leases l on l.device_id = w.device_id and l.epoch = w.epoch
      join device_in_flight f on f.device_id = w.device_id and f.epoch = w.epoch
    )
    update device_in_flight f set message_ids = f.message_ids || p.ids
    from picked p
    where f.device_id = p.device_id and f.epoch = p.epoch and cardinality(p.ids) > 0
    returning f.device_id, p.ids`.execute(db);
  return await load(db, taken.rows);
}

/**
 * Reads what was claimed, after the claim has committed. A row that another statement moved in between (cancelled, given to
 * another device) no longer matches and is struck from the in-flight record instead of being sent.
 */
async function load(db: Db, taken: { device_id: string; ids: number[] }[]): Promise<ClaimedMessage[]> {
  if (taken.length === 0) return [];
  const ids = taken.flatMap((t) => t.ids);
  const devices = taken.map((t) => t.device_id);
  const { rows } = await sql<ClaimedRow>`
    select m.id, m.workspace_id as "workspaceId", m.job_id as "jobId", m.device_id as "deviceId", m.phone,
      m.wa_message_id as "waMessageId", m.attempts, m.resends, m.status = 'unconfirmed' as unconfirmed, m.content,
      c.jid, coalesce(c.on_whatsapp, true) as "onWhatsApp", ${templateFieldColumns}
    from broadcast_messages m
    left join leads l on l.id = m.lead_id
    left join number_checks c on c.workspace_id = m.workspace_id and c.phone = m.phone
    where m.id = any (${ids}) and m.device_id = any (${devices}) and m.status in ('queued', 'unconfirmed')
      and (l.id is not null or m.content is not null)`.execute(db);
  const deviceOfId = new Map(taken.flatMap((t) => t.ids.map((id) => [id, t.device_id] as const)));
  const placeOfId = new Map(ids.map((id, place) => [id, place]));
  const kept = rows
    .filter((row) => deviceOfId.get(row.id) === row.deviceId)
    .sort((a, b) => placeOfId.get(a.id)! - placeOfId.get(b.id)!);
  if (kept.length < ids.length) {
    const keptIds = new Set(kept.map((row) => row.id));
    await strike(
      db,
      devices,
      ids.filter((id) => !keptIds.has(id)),
    );
  }
  return kept.map((row) => ({ ...row, jid: row.jid ?? undefined }));
}

type ClaimedRow = Omit<ClaimedMessage, 'jid'> & { jid: string | null };

async function strike(db: Db, devices: string[], ids: number[]): Promise<void> {
  await sql`
    update device_in_flight set message_ids = array(select unnest(message_ids) except select unnest(${ids}::bigint[]))
    where device_id = any (${devices}) and message_ids && ${ids}::bigint[]`.execute(db);
}

/**
 * Opens the in-flight record for a new owner of a device. What an older epoch had taken may have been written to a
 * socket, so those messages become unconfirmed: they stay with this device and go out again under the same WhatsApp id.
 * They also count against the caps, since they were probably sent.
 */
export async function takeOver(
  db: Db,
  owner: { workspaceId: string; deviceId: string; epoch: number },
): Promise<number> {
  const { rows } = await sql<{ recovered: number }>`
    with before as (
      select message_ids from device_in_flight where device_id = ${owner.deviceId} and epoch < ${owner.epoch} for update
    ),
    recovered as (
      update broadcast_messages set status = 'unconfirmed', unconfirmed_at = coalesce(unconfirmed_at, now()), not_before = null
      where id = any (array(select unnest(message_ids) from before)) and device_id = ${owner.deviceId}
        and status in ('queued', 'unconfirmed')
      returning id
    ),
    counted as (
      insert into device_send_counts as s (device_id, period, starts_at, workspace_id, sent)
      select ${owner.deviceId}::uuid, p, date_trunc(p, now(), 'UTC'), ${owner.workspaceId}::uuid, r.n
      from unnest(array['day', 'hour', 'minute']) as p, (select count(*) as n from recovered) as r where r.n > 0
      on conflict (device_id, period, starts_at) do update set sent = s.sent + excluded.sent
    ),
    opened as (
      insert into device_in_flight as f (device_id, workspace_id, epoch) values (${owner.deviceId}, ${owner.workspaceId}, ${owner.epoch})
      on conflict (device_id) do update set epoch = excluded.epoch, message_ids = '{}' where f.epoch < excluded.epoch
    )
    select count(*) as recovered from recovered`.execute(db);
  return rows[0]?.recovered ?? 0;
}
