import type { Route } from '../../route.ts';

export const showMetrics: Route = (server, { metrics }) => {
  server.get('/metrics', async (_request, reply) =>
    reply.type(metrics.contentType).send(await metrics.metrics()),
  );
};
