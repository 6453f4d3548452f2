import { z } from 'zod';
import type { Route } from '../../route.ts';
import { deviceView, viewDevice } from './device-view.ts';

export const listDevicesRoute: Route = (server, { devices, workspaceId }) => {
  const response = { 200: z.object({ devices: z.array(deviceView) }) };
  server.get('/api/devices', { schema: { response } }, async () => ({
    devices: (await devices.list(workspaceId)).map(viewDevice),
  }));
};
