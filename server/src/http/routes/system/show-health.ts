import type { Route } from '../../route.ts';

/** `/healthz`: the process answers. `/readyz`: it can work, which means that the database answers too. */
export const showHealth: Route = (server, { checkReady }) => {
  server.get('/healthz', async () => ({ status: 'ok' }));
  server.get('/readyz', async (_request, reply) => {
    try {
      await checkReady();
      return { status: 'ready' };
    } catch {
      return reply.code(503).send({ status: 'the database does not answer' });
    }
  });
};
