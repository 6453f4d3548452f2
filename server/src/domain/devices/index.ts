export type { PairingCode } from './device-session.ts';
export { DeviceSessions } from './device-sessions.ts';
export {
  countDevices,
  createDevice,
  type Device,
  type DevicePacing,
  getDevice,
  listDevices,
  sendingDeviceIds,
} from './devices.ts';
