import type { Db } from '../../database/index.ts';
import type { Engine, SenderStatus } from '../../outbox/index.ts';
import type { NewId } from '../../platform/ids.ts';
import {
  countDevices,
  createDevice,
  type Device,
  type DevicePacing,
  getDevice,
  listDevices,
} from './devices.ts';

/** What the outside may ask of the devices: their rows, and what each is doing at this moment. */
export interface DeviceDirectory {
  list(workspaceId: string): Promise<DeviceNow[]>;
  /** Throws `not_found`. */
  get(workspaceId: string, deviceId: string): Promise<DeviceNow>;
  /** Adds an unpaired device with the pacing of new ones. */
  create(workspaceId: string, input: { name?: string | undefined }): Promise<DeviceNow>;
  countStates(): ReturnType<typeof countDevices>;
}

/** A device and what it is doing; undefined while it is not connected to this process. */
export interface DeviceNow extends Device {
  sending: SenderStatus | undefined;
}

export function createDeviceDirectory(parts: {
  db: Db;
  newId: NewId;
  engine: Engine;
  pacing: DevicePacing;
}): DeviceDirectory {
  const { db, newId, engine, pacing } = parts;
  const now = (device: Device): DeviceNow => ({ ...device, sending: engine.statusOf(device.id) });
  return {
    list: async (workspaceId) => (await listDevices(db, workspaceId)).map(now),
    get: async (workspaceId, deviceId) => now(await getDevice(db, workspaceId, deviceId)),
    create: async (workspaceId, input) =>
      now(await createDevice(db, newId, workspaceId, { ...input, ...pacing })),
    countStates: () => countDevices(db),
  };
}
