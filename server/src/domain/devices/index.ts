export type { SenderStatus } from '../../outbox/index.ts';
export type { PairingCode } from './device-session.ts';
export { DeviceSessions } from './device-sessions.ts';
export {
  createDevice,
  type Device,
  type DevicePacing,
  listDevices,
  sendingDeviceIds,
} from './devices.ts';
export { createDeviceDirectory, type DeviceDirectory, type DeviceNow } from './directory.ts';
