import { z } from 'zod';
import { listDevices } from '../../../domain/devices/index.ts';
import type { Route } from '../../route.ts';
import { deviceView, viewDevice } from './device-view.ts';

export const listDevicesRoute: Route = (server, { db, workspaceId, senderStatusOf }) => {
  server.get(
    '/api/devices',
    { schema: { response: { 200: z.object({ devices: z.array(deviceView) }) } } },
    async () => {
      const devices = await listDevices(db, workspaceId);
      return { devices: devices.map((device) => viewDevice(device, senderStatusOf(device.id))) };
    },
  );
};
