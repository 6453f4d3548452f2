import { once } from 'node:events';
import { Agent } from 'node:https';
import {
  type AuthenticationCreds,
  type BaileysEventMap,
  type BinaryNode,
  initAuthCreds,
  makeWASocket,
  type SignalDataSet,
  type SignalDataTypeMap,
  type SignalKeyStore,
  type UserFacingSocketConfig,
  WA_CERT_DETAILS,
  type WASocket,
} from 'baileys';
import type { Simulator } from '../src/index.ts';

// libsignal prints session keys with console.
for (const level of ['info', 'warn', 'error'] as const) console[level] = () => {};

const silent = {
  level: 'silent',
  child: () => silent,
  trace() {},
  debug() {},
  info() {},
  warn() {},
  error() {},
};

/** A client's memory: what a real one keeps on disk. It outlives its sockets. */
export class ClientMemory {
  creds: AuthenticationCreds = initAuthCreds();
  readonly keys = new Map<string, unknown>();

  store(): SignalKeyStore {
    return {
      get: async <T extends keyof SignalDataTypeMap>(type: T, ids: string[]) => {
        const found: { [id: string]: SignalDataTypeMap[T] } = {};
        for (const id of ids) {
          const value = this.keys.get(`${type} ${id}`);
          if (value !== undefined) found[id] = structuredClone(value) as SignalDataTypeMap[T];
        }
        return found;
      },
      set: async (data: SignalDataSet) => {
        for (const [type, entries] of Object.entries(data)) {
          for (const [id, value] of Object.entries(entries ?? {})) {
            if (value === null) this.keys.delete(`${type} ${id}`);
            else this.keys.set(`${type} ${id}`, structuredClone(value));
          }
        }
      },
    };
  }

  /** Everything of one kind, to be put back later as after a crash. */
  snapshot(type: string): Map<string, unknown> {
    return new Map(
      [...this.keys]
        .filter(([key]) => key.startsWith(`${type} `))
        .map(([key, value]) => [key, structuredClone(value)]),
    );
  }

  restore(type: string, snapshot: Map<string, unknown>): void {
    for (const key of [...this.keys.keys()]) if (key.startsWith(`${type} `)) this.keys.delete(key);
    for (const [key, value] of snapshot) this.keys.set(key, structuredClone(value));
  }
}

/** Waits for the event of a Baileys socket that satisfies `match`, and returns what `match` returned. */
export function seen<Name extends keyof BaileysEventMap, Found>(
  socket: WASocket,
  name: Name,
  match: (event: BaileysEventMap[Name]) => Found | undefined | false,
): Promise<Found> {
  return new Promise((resolve) => {
    const listener = (event: BaileysEventMap[Name]) => {
      const found = match(event);
      if (found === undefined || found === false) return;
      socket.ev.off(name, listener);
      resolve(found);
    };
    socket.ev.on(name, listener);
  });
}

/** Opens an unmodified Baileys socket to the simulator. */
export function connect(
  simulator: Simulator,
  memory: ClientMemory,
  config: Partial<UserFacingSocketConfig> = {},
): WASocket {
  WA_CERT_DETAILS.PUBLIC_KEY = Buffer.from(simulator.rootPublicKey, 'base64');
  const socket = makeWASocket({
    auth: { creds: memory.creds, keys: memory.store() },
    waWebSocketUrl: simulator.url,
    logger: silent,
    fetchAgent: new Agent({ rejectUnauthorized: false }),
    ...config,
  });
  socket.ev.on('creds.update', (update) => Object.assign(memory.creds, update));
  return socket;
}

/** The status code with which a socket closes. */
export function closed(socket: WASocket): Promise<number | undefined> {
  return seen(socket, 'connection.update', (update) => {
    if (update.connection !== 'close') return undefined;
    const error = update.lastDisconnect?.error as { output?: { statusCode?: number } } | undefined;
    return error?.output?.statusCode ?? -1;
  });
}

export async function opened(socket: WASocket): Promise<WASocket> {
  await seen(socket, 'connection.update', (update) => update.connection === 'open');
  return socket;
}

/** Links a new client and returns it logged in. */
export async function pair(
  simulator: Simulator,
  phone?: string,
): Promise<{ memory: ClientMemory; socket: WASocket; phone: string }> {
  const memory = new ClientMemory();
  const first = connect(simulator, memory);
  const ended = closed(first);
  const qr = await seen(first, 'connection.update', (update) => update.qr);
  const paired = await simulator.scanQr(qr, phone === undefined ? {} : { phone });
  await ended;
  const socket = await opened(connect(simulator, memory));
  return { memory, socket, phone: paired.phone };
}

/** The next acknowledgement of a message on the wire. */
export async function acknowledged(socket: WASocket, id: string): Promise<BinaryNode> {
  for (;;) {
    const [node] = (await once(socket.ws as unknown as NodeJS.EventEmitter, 'CB:ack,class:message')) as [
      BinaryNode,
    ];
    if (node.attrs.id === id) return node;
  }
}

export function jidOf(phone: string): string {
  return `${phone}@s.whatsapp.net`;
}

/** The first `count` receipts for a message on the wire. */
export function receiptsOf(socket: WASocket, id: string, count: number): Promise<BinaryNode[]> {
  const found: BinaryNode[] = [];
  return new Promise((resolve) => {
    socket.ws.on('CB:receipt', (node: BinaryNode) => {
      if (node.attrs.id !== id) return;
      found.push(node);
      if (found.length === count) resolve(found);
    });
  });
}
