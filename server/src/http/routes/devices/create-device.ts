import { z } from 'zod';
import type { Route } from '../../route.ts';
import { deviceView, viewDevice } from './device-view.ts';

/** One line of whole characters: no control characters, no halves of a pair. */
const name = z
  .string()
  .trim()
  .min(1)
  .max(80)
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'must be one line of text');

export const createDeviceRoute: Route = (server, { devices, workspaceId }) => {
  const body = z.strictObject({ name: name.optional() }).nullish();
  server.post('/api/devices', { schema: { body, response: { 201: deviceView } } }, async (request, reply) =>
    reply.code(201).send(viewDevice(await devices.create(workspaceId, { name: request.body?.name }))),
  );
};
