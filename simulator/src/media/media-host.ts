import type { IncomingMessage, ServerResponse } from 'node:http';
import { readBody } from '../transport/request-body.ts';
import type { MediaStore } from './media-store.ts';

const UPLOAD_BYTES_MAX = 64 * 1024 * 1024;

/** Uploads and downloads of encrypted media go below this path. */
export const MEDIA_PATH = '/mms/';

/** Answers the client's media uploads (POST, raw bytes) and downloads (GET). */
export async function serveMedia(
  store: MediaStore,
  uploaded: () => void,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = new URL(request.url ?? '/', 'https://simulator').pathname;
  if (request.method === 'POST') {
    store.put(path, await readBody(request, UPLOAD_BYTES_MAX));
    uploaded();
    const url = `https://${request.headers.host}${path}`;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ url, direct_path: path }));
    return;
  }
  const blob = request.method === 'GET' ? store.get(path) : undefined;
  if (!blob) response.statusCode = request.method === 'GET' ? 404 : 405;
  response.setHeader('content-type', 'application/octet-stream');
  response.end(blob);
}
