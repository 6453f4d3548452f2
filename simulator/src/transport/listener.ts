import { createServer as createHttpServer, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { generate } from 'selfsigned';
import { type WebSocket, WebSocketServer } from 'ws';

const TLS_HANDSHAKE_BYTE = 0x16;
const FRAME_BYTES_MAX = 16 * 1024 * 1024;

/** Where clients connect. */
export const SOCKET_PATH = '/ws/chat';

export interface ListenerHandlers {
  request: RequestListener;
  /** A client opened a WebSocket on {@link SOCKET_PATH}; `reachedAs` is the host and port it used. */
  socket(socket: WebSocket, reachedAs: string): void;
}

export interface Listener {
  readonly port: number;
  /** Ends the server and every connection. Safe twice. */
  stop(): Promise<void>;
}

async function createCertificate(host: string): Promise<{ key: string; cert: string }> {
  const pem = await generate([{ name: 'commonName', value: 'simulator' }], {
    keyType: 'ec',
    extensions: [
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 7, ip: host.includes(':') ? '::1' : '127.0.0.1' },
        ],
      },
    ],
  });
  return { key: pem.private, cert: pem.cert };
}

/** Hands each TCP connection to the TLS or the plain server by its first byte, so that one port serves both. */
function routeByFirstByte(
  socket: Socket,
  plain: (socket: Socket) => void,
  tls: (socket: Socket) => void,
): void {
  socket.once('readable', () => {
    const first: Buffer | null = socket.read(1);
    if (first === null) {
      socket.destroy();
      return;
    }
    socket.unshift(first);
    (first[0] === TLS_HANDSHAKE_BYTE ? tls : plain)(socket);
  });
}

/** Listens for HTTP, HTTPS, ws and wss on one port. Rejects when the port is taken. */
export async function listen(host: string, port: number, handlers: ListenerHandlers): Promise<Listener> {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: FRAME_BYTES_MAX });
  const upgrade = (request: IncomingMessage, stream: Duplex, head: Buffer): void => {
    if (new URL(request.url ?? '/', 'http://simulator').pathname !== SOCKET_PATH) {
      stream.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n');
      return;
    }
    sockets.handleUpgrade(request, stream, head, (socket) =>
      handlers.socket(socket, request.headers.host ?? `${host}:${port}`),
    );
  };
  const plain = createHttpServer(handlers.request).on('upgrade', upgrade);
  const tls = createHttpsServer(await createCertificate(host), handlers.request).on('upgrade', upgrade);
  const connections = new Set<Socket>();
  const server = createTcpServer((socket) => {
    connections.add(socket);
    socket.on('close', () => connections.delete(socket));
    socket.on('error', () => socket.destroy());
    routeByFirstByte(
      socket,
      (stream) => plain.emit('connection', stream),
      (stream) => tls.emit('connection', stream),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve());
  });
  let stopped: Promise<void> | undefined;
  return {
    port: (server.address() as AddressInfo).port,
    stop: () => {
      stopped ??= new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets.clients) socket.terminate();
        for (const socket of connections) socket.destroy();
      });
      return stopped;
    },
  };
}
