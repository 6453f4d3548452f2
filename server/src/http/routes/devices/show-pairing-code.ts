import { toString as drawQr } from 'qrcode';
import { z } from 'zod';
import type { Route } from '../../route.ts';

/** How the code is drawn: as JSON for programs, for a terminal, or as a picture. */
const formats = {
  text: { type: 'text/plain; charset=utf-8', drawing: { type: 'utf8' } },
  svg: { type: 'image/svg+xml', drawing: { type: 'svg' } },
} as const;

export const showPairingCode: Route = (server, { sessions, workspaceId }) => {
  const querystring = z.strictObject({
    deviceId: z.uuid(),
    format: z.enum(['json', 'text', 'svg']).default('json'),
  });
  server.get('/app/qr', { schema: { querystring } }, async (request, reply) => {
    const { deviceId, format } = request.query;
    const { code, expiresAt } = await sessions.pairingCode(workspaceId, deviceId);
    reply.header('cache-control', 'no-store');
    if (format === 'json') return reply.send({ deviceId, code, expiresAt: expiresAt.toISOString() });
    const { type, drawing } = formats[format];
    return reply.type(type).send(await drawQr(code, drawing));
  });
};
