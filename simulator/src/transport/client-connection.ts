import { type BinaryNode, decodeBinaryNode, encodeBinaryNode } from 'baileys';
import type { RawData, WebSocket } from 'ws';
import { FrameReader, frameOf } from './frames.ts';
import type { ClientFinish, NoiseResponder } from './noise.ts';

/** What the network does with a connection's events. */
export interface ConnectionHandlers {
  /** The handshake is complete: a registration or a login. */
  authenticated(connection: ClientConnection, finish: ClientFinish): void;
  /** One stanza, in order: the next one waits until the promise settles. */
  stanza(connection: ClientConnection, node: BinaryNode): Promise<void> | void;
  /** A frame came on a connection that had been retired. It was dropped unread. */
  retiredFrame(connection: ClientConnection): void;
  /** What came on the connection could not be taken; it is dropped. */
  failed(connection: ClientConnection, error: Error): void;
  closed(connection: ClientConnection): void;
}

type Stage = 'hello' | 'finish' | 'open' | 'retired';

/** One client's connection: frames, the Noise handshake, then stanzas both ways. */
export class ClientConnection {
  /** Host and port by which the client reached this network; media addresses repeat it. */
  readonly reachedAs: string;
  /** Another login took this connection's place. */
  replaced = false;
  readonly #socket: WebSocket;
  readonly #noise: NoiseResponder;
  readonly #handlers: ConnectionHandlers;
  readonly #frames = new FrameReader();
  #stage: Stage = 'hello';
  #work: Promise<void> = Promise.resolve();

  constructor(socket: WebSocket, noise: NoiseResponder, reachedAs: string, handlers: ConnectionHandlers) {
    this.#socket = socket;
    this.#noise = noise;
    this.#handlers = handlers;
    this.reachedAs = reachedAs;
    socket.on('message', (data: RawData) => this.#receive(data));
    socket.on('error', () => socket.terminate());
    socket.on('close', () => handlers.closed(this));
  }

  /** Sends a stanza. Dropped when the connection is not open (any more): like a packet to a host that went away. */
  send(node: BinaryNode): void {
    if (this.#stage === 'open') this.#socket.send(frameOf(this.#noise.encrypt(encodeBinaryNode(node))));
  }

  /** Sends a last stanza and closes. What the client still writes is refused and counted. */
  retire(lastWords: BinaryNode): void {
    this.send(lastWords);
    this.#stage = 'retired';
    this.#socket.close();
  }

  /** Drops the TCP connection without a word. */
  drop(): void {
    this.#stage = 'retired';
    this.#socket.terminate();
  }

  #receive(data: RawData): void {
    // Only what comes after the end is the client's mistake; what waited in line when it came is merely lost.
    const late = this.#stage === 'retired';
    try {
      for (const frame of this.#frames.push(data as Buffer)) {
        if (late) this.#handlers.retiredFrame(this);
        else this.#work = this.#work.then(() => this.#takeFrame(frame)).catch((error) => this.#fail(error));
      }
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #fail(error: Error): void {
    this.#handlers.failed(this, error);
    this.drop();
  }

  async #takeFrame(frame: Buffer): Promise<void> {
    if (this.#stage === 'hello') this.#answerHello(frame);
    else if (this.#stage === 'finish') this.#acceptFinish(frame);
    else if (this.#stage === 'open') {
      await this.#handlers.stanza(this, await decodeBinaryNode(this.#noise.decrypt(frame)));
    }
  }

  #answerHello(frame: Buffer): void {
    this.#socket.send(frameOf(this.#noise.answerHello(frame)));
    this.#stage = 'finish';
  }

  #acceptFinish(frame: Buffer): void {
    const finish = this.#noise.acceptFinish(frame);
    this.#stage = 'open';
    this.#handlers.authenticated(this, finish);
  }
}
