import type { FastifyInstance } from 'fastify';
import { SambadError } from '../platform/errors.ts';

const localNames = new Set(['localhost', '127.0.0.1', '[::1]']);

/**
 * While there are no accounts, only programs and people on this machine may ask. Listening on a loopback address keeps other
 * machines out; this keeps out web pages that a browser on this machine shows: neither a foreign name that resolves to
 * this address (DNS rebinding) nor a form posted from another site gets through.
 */
export function allowLocalOnly(server: FastifyInstance): void {
  server.addHook('onRequest', async (request) => {
    if (!localNames.has(hostOf(request.headers.host))) {
      throw new SambadError(
        'forbidden',
        'Ask for localhost: this server answers no other name until it has accounts.',
      );
    }
    const { origin, 'sec-fetch-site': site } = request.headers;
    // A picture or a link on another site sends no origin, but browsers say where it stood.
    const foreign = typeof site === 'string' && site !== 'same-origin' && site !== 'none';
    if (foreign || (origin !== undefined && !localNames.has(hostOf(origin.replace(/^https?:\/\//, ''))))) {
      throw new SambadError('forbidden', 'Requests from other web sites are refused.');
    }
  });
}

function hostOf(authority: string | undefined): string {
  const name = authority ?? '';
  return name.replace(/:\d+$/, '').toLowerCase() || name;
}
