import { z } from 'zod';
import type { Route } from '../../route.ts';
import { deviceView, viewDevice } from './device-view.ts';

export const showDevice: Route = (server, { devices, workspaceId }) => {
  const params = z.object({ id: z.uuid() });
  server.get('/api/devices/:id', { schema: { params, response: { 200: deviceView } } }, async (request) =>
    viewDevice(await devices.get(workspaceId, request.params.id)),
  );
};
