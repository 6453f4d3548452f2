import type {
  Connection,
  ConnectionEvent,
  ConnectOptions,
  NumberCheck,
  OutgoingMessage,
  WhatsApp,
  WriteResult,
} from '../../server/src/whatsapp/client.ts';

/** Hands out what comes in, in order, to whoever asks, now or later. */
class Arrivals<T> {
  readonly #come: T[] = [];
  readonly #asked: ((value: T) => void)[] = [];

  add(value: T): void {
    const first = this.#asked.shift();
    if (first) first(value);
    else this.#come.push(value);
  }

  next(): Promise<T> {
    const [value] = this.#come.splice(0, 1);
    return value === undefined ? new Promise((resolve) => this.#asked.push(resolve)) : Promise.resolve(value);
  }
}

/** A connection on which the test plays the network: for orders of events that a network seldom shows. */
export class ScriptedConnection implements Connection {
  readonly #onEvent: (event: ConnectionEvent) => void;
  readonly #writes = new Arrivals<OutgoingMessage>();
  #closed = false;
  /** What the next writes come to. */
  result: WriteResult = { kind: 'written' };

  constructor(onEvent: (event: ConnectionEvent) => void) {
    this.#onEvent = onEvent;
  }

  say(event: ConnectionEvent): void {
    if (this.#closed) throw new Error('Nothing follows the end of a connection.');
    this.#closed = event.kind === 'closed';
    this.#onEvent(event);
  }

  /** The next message that was written, or was tried to. */
  nextWrite(): Promise<OutgoingMessage> {
    return this.#writes.next();
  }

  async send(message: OutgoingMessage): Promise<WriteResult> {
    this.#writes.add(message);
    return this.result;
  }

  async checkNumbers(phones: readonly string[]): Promise<NumberCheck[]> {
    return phones.map((phone) => ({ phone, onWhatsApp: true, jid: `${phone}@s.whatsapp.net` }));
  }

  async logout(): Promise<void> {
    await this.close();
  }

  async close(): Promise<void> {
    if (!this.#closed) this.say({ kind: 'closed', reason: 'requested', code: undefined });
  }
}

/** The port to WhatsApp with the test on its other side. */
export class ScriptedWhatsApp implements WhatsApp {
  readonly #connections = new Arrivals<ScriptedConnection>();
  paired = false;

  /** The next connection that is opened. */
  nextConnection(): Promise<ScriptedConnection> {
    return this.#connections.next();
  }

  async connect(options: ConnectOptions): Promise<Connection> {
    const connection = new ScriptedConnection(options.onEvent);
    this.#connections.add(connection);
    return connection;
  }

  async forget(): Promise<void> {
    this.paired = false;
  }

  async isPaired(): Promise<boolean> {
    return this.paired;
  }
}
