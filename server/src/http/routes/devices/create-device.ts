import { z } from 'zod';
import type { Route } from '../../route.ts';
import { deviceView, viewDevice } from './device-view.ts';

export const createDeviceRoute: Route = (server, { devices, workspaceId }) => {
  const body = z.strictObject({ name: z.string().trim().min(1).max(80).optional() }).nullish();
  server.post('/api/devices', { schema: { body, response: { 201: deviceView } } }, async (request, reply) =>
    reply.code(201).send(viewDevice(await devices.create(workspaceId, { name: request.body?.name }))),
  );
};
