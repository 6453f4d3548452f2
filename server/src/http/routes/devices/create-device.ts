import { z } from 'zod';
import { createDevice } from '../../../domain/devices/index.ts';
import type { Route } from '../../route.ts';
import { deviceView, viewDevice } from './device-view.ts';

export const createDeviceRoute: Route = (server, { db, newId, workspaceId, pacing }) => {
  const body = z.strictObject({ name: z.string().trim().min(1).max(80).optional() }).nullish();
  server.post('/api/devices', { schema: { body, response: { 201: deviceView } } }, async (request, reply) => {
    const device = await createDevice(db, newId, workspaceId, { name: request.body?.name, ...pacing });
    return reply.code(201).send(viewDevice(device, undefined));
  });
};
