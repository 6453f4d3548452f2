import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { MEDIA_PATH, serveMedia } from '../media/media-host.ts';
import type { Network } from '../network.ts';
import type { Clock } from '../platform/clock.ts';
import type { Simulator } from '../simulator.ts';
import { BadRequest, readBody } from '../transport/request-body.ts';
import { findRoute, type Route, routeList } from './routes.ts';

const BODY_BYTES_MAX = 64 * 1024;
const INDEX_PATH = '/admin';

function reply(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(body)}\n`);
}

async function answer(
  simulator: Simulator,
  clock: Clock,
  route: Route,
  request: IncomingMessage,
): Promise<unknown> {
  const { searchParams } = new URL(request.url ?? '/', 'http://simulator');
  const text = (await readBody(request, BODY_BYTES_MAX)).toString();
  try {
    return await route.run(simulator, { text, clock, query: searchParams });
  } catch (error) {
    // What the network refuses, it refuses with a sentence for the caller.
    throw error instanceof BadRequest ? error : new BadRequest((error as Error).message);
  }
}

/** The HTTP side of the port: media and control. Control answers once the simulator it serves is known. */
export function createRequestHandler(network: Network): {
  handle: RequestListener;
  serve(simulator: Simulator): void;
} {
  let served: Simulator | undefined;

  const dispatch = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '/', 'http://simulator');
    if (url.pathname.startsWith(MEDIA_PATH)) {
      const uploaded = () => {
        network.record.count('mediaUploads');
        network.events.emit('change');
      };
      await serveMedia(network.media, uploaded, request, response);
      return;
    }
    if (url.pathname === INDEX_PATH && request.method === 'GET') {
      reply(response, 200, { routes: routeList() });
      return;
    }
    const route = findRoute(request.method ?? '', url.pathname);
    if (!route || !served)
      reply(response, 404, {
        error: `there is no ${request.method} ${url.pathname}: GET /admin lists the routes`,
      });
    else reply(response, 200, await answer(served, network.clock, route, request));
  };

  return {
    serve(simulator) {
      served = simulator;
    },
    handle: (request, response) => {
      dispatch(request, response).catch((error: unknown) => {
        if (response.headersSent || response.destroyed) response.destroy();
        else if (error instanceof BadRequest) reply(response, error.status, { error: error.message });
        else reply(response, 500, { error: (error as Error).message });
      });
    },
  };
}
