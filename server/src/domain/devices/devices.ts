import { sql } from 'kysely';
import { type Db, type DeviceState, transaction } from '../../database/index.ts';
import { SambadError } from '../../platform/errors.ts';
import type { NewId } from '../../platform/ids.ts';
import type { Account } from '../../whatsapp/client.ts';

/** One WhatsApp number as people see it. */
export interface Device {
  id: string;
  workspaceId: string;
  name: string;
  /** Its place in the rotation, from 1. */
  rotationOrder: number;
  isActive: boolean;
  state: DeviceState;
  /** Why it is in this state, in WhatsApp's or our words; null where the state says it all. */
  stateReason: string | null;
  stateSince: Date;
  phone: string | null;
  pushName: string | null;
  minDelaySeconds: number;
  maxDelaySeconds: number;
  capPerMinute: number;
  capPerHour: number;
  capPerDay: number;
  /** Whether it begins with a small cap per day that grows daily, and since when it does; null before its first message. */
  warmUp: boolean;
  warmUpSince: Date | null;
  /** Until when it rests because WhatsApp refused too much, and why; null when it does not. */
  quarantinedUntil: Date | null;
  quarantineReason: string | null;
}

/** How a new device paces itself. */
export interface DevicePacing {
  minDelaySeconds: number;
  maxDelaySeconds: number;
  capPerMinute: number;
  capPerHour: number;
  capPerDay: number;
  /** Absent means that it does not warm up. */
  warmUp?: boolean | undefined;
}

const devicesMax = 10_000;

const deviceColumns = sql<Device>`
  id, workspace_id as "workspaceId", name, rotation_order as "rotationOrder", is_active as "isActive", state,
  state_reason as "stateReason", state_since as "stateSince", phone, push_name as "pushName",
  min_delay_seconds as "minDelaySeconds", max_delay_seconds as "maxDelaySeconds",
  cap_per_minute as "capPerMinute", cap_per_hour as "capPerHour", cap_per_day as "capPerDay",
  warm_up as "warmUp", warm_up_since as "warmUpSince",
  case when quarantined_until > now() then quarantined_until end as "quarantinedUntil",
  case when quarantined_until > now() then quarantine_reason end as "quarantineReason"`;

/** Adds a device at the end of the rotation. It is unpaired until a phone scans its code. */
export async function createDevice(
  db: Db,
  newId: NewId,
  workspaceId: string,
  input: { name?: string | undefined } & DevicePacing,
): Promise<Device> {
  const rows = await transaction(db, async (tx) => {
    // One after the other, since each takes the next place in the rotation.
    await sql`select pg_advisory_xact_lock(hashtextextended(${`rotation of ${workspaceId}`}, 0))`.execute(
      tx.db,
    );
    const inserted = await sql<Device>`
      insert into user_devices (id, workspace_id, name, rotation_order, min_delay_seconds, max_delay_seconds, cap_per_minute, cap_per_hour, cap_per_day,
        warm_up)
      select ${newId()}, ${workspaceId}, coalesce(${input.name ?? null}::text, 'Server ' || next.place), next.place,
        ${input.minDelaySeconds}, ${input.maxDelaySeconds}, ${input.capPerMinute}, ${input.capPerHour}, ${input.capPerDay},
        ${input.warmUp ?? false}
      from (select coalesce(max(rotation_order), 0) + 1 as place, count(*) as devices from user_devices where workspace_id = ${workspaceId}) as next
      where next.devices < ${devicesMax}
      returning ${deviceColumns}`.execute(tx.db);
    return inserted.rows;
  });
  const device = rows[0];
  if (!device) throw new SambadError('conflict', `A workspace holds at most ${devicesMax} devices.`);
  return device;
}

/** A workspace's devices in rotation order. */
export async function listDevices(db: Db, workspaceId: string): Promise<Device[]> {
  const { rows } = await sql<Device>`
    select ${deviceColumns} from user_devices where workspace_id = ${workspaceId} order by rotation_order limit ${devicesMax}`.execute(
    db,
  );
  return rows;
}

/** One device. Throws `not_found`, also for another workspace's device. */
export async function getDevice(db: Db, workspaceId: string, deviceId: string): Promise<Device> {
  const { rows } = await sql<Device>`
    select ${deviceColumns} from user_devices where workspace_id = ${workspaceId} and id = ${deviceId}`.execute(
    db,
  );
  if (!rows[0]) throw new SambadError('not_found', 'There is no device with this id.', { field: 'deviceId' });
  return rows[0];
}

/** The devices that may share a campaign now: active, and linked to a phone. In rotation order. */
export async function sendingDeviceIds(db: Db, workspaceId: string): Promise<string[]> {
  const devices = await listDevices(db, workspaceId);
  const able: readonly DeviceState[] = ['connected', 'connecting', 'waiting'];
  return devices
    .filter((device) => device.isActive && device.phone !== null && able.includes(device.state))
    .map(({ id }) => id);
}

/** Every device of this network that should be online, of all workspaces, most recently connected first: for the restore at boot. */
export async function devicesToRestore(
  db: Db,
  network: string,
): Promise<{ deviceId: string; workspaceId: string }[]> {
  const { rows } = await sql<{ deviceId: string; workspaceId: string }>`
    select d.id as "deviceId", d.workspace_id as "workspaceId" from user_devices d
    join device_credentials c on c.device_id = d.id
    where d.is_active and d.phone is not null and d.network = ${network} and d.state not in ('logged_out', 'replaced', 'forbidden')
    order by d.state_since desc, d.id`.execute(db);
  return rows;
}

/** Moves a device to a state. Being connected has no reason to give; every other state counts its offline time from when that began. */
export async function moveDevice(
  db: Db,
  device: { deviceId: string; workspaceId: string },
  state: DeviceState,
  reason: string | null = null,
): Promise<void> {
  await sql`
    update user_devices set state = ${state}, state_reason = ${reason}, state_since = now(),
      offline_since = case when ${state} = 'connected' then null else coalesce(offline_since, now()) end
    where id = ${device.deviceId} and workspace_id = ${device.workspaceId}`.execute(db);
}

/** Remembers which WhatsApp account, on which network, a device is linked to. */
export async function rememberAccount(
  db: Db,
  device: { deviceId: string; workspaceId: string },
  account: Account,
  network: string,
): Promise<void> {
  await db
    .updateTable('user_devices')
    .set({
      phone: account.phone,
      jid: account.jid,
      lid: account.lid ?? null,
      network,
      ...(account.pushName === undefined ? {} : { push_name: account.pushName }),
    })
    .where('id', '=', device.deviceId)
    .where('workspace_id', '=', device.workspaceId)
    .execute();
}

/** How many devices are in each state, over all workspaces: for the metrics. */
export async function countDevices(db: Db): Promise<{ state: DeviceState; devices: number }[]> {
  const { rows } = await sql<{ state: DeviceState; devices: number }>`
    select state, count(*) as devices from user_devices group by state order by state`.execute(db);
  return rows;
}

/** Whether a device was linked on this network; on another one its credentials would be refused, and with that lost. */
export async function isOfNetwork(
  db: Db,
  device: { deviceId: string; workspaceId: string },
  network: string,
): Promise<boolean> {
  const row = await db
    .selectFrom('user_devices')
    .select('network')
    .where('id', '=', device.deviceId)
    .where('workspace_id', '=', device.workspaceId)
    .executeTakeFirst();
  return row?.network === network;
}
