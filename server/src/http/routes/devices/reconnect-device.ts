import { z } from 'zod';
import type { Route } from '../../route.ts';
import { deviceView, viewDevice } from './device-view.ts';

export const reconnectDevice: Route = (server, { devices, sessions, workspaceId }) => {
  const querystring = z.strictObject({ deviceId: z.uuid() });
  server.get(
    '/app/reconnect',
    { schema: { querystring, response: { 202: deviceView } } },
    async (request, reply) => {
      const { deviceId } = request.query;
      await sessions.reconnect(workspaceId, deviceId);
      return reply.code(202).send(viewDevice(await devices.get(workspaceId, deviceId)));
    },
  );
};
