import { z } from 'zod';
import { getDevice } from '../../../domain/devices/index.ts';
import type { Route } from '../../route.ts';
import { deviceView, viewDevice } from './device-view.ts';

export const showDevice: Route = (server, { db, workspaceId, senderStatusOf }) => {
  const params = z.object({ id: z.uuid() });
  server.get('/api/devices/:id', { schema: { params, response: { 200: deviceView } } }, async (request) => {
    const device = await getDevice(db, workspaceId, request.params.id);
    return viewDevice(device, senderStatusOf(device.id));
  });
};
