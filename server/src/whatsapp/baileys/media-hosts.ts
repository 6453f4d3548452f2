import {
  type BinaryNode,
  getBinaryNodeChild,
  getBinaryNodeChildren,
  type MediaConnInfo,
  type WASocket,
} from 'baileys';
import type { Clock } from '../../platform/clock.ts';

/**
 * Where to upload media, as the server last said. Baileys keeps the promise of its own query, so one failed query would
 * end all uploads of the socket; here a failure is forgotten.
 */
export class MediaHosts {
  readonly #socket: Pick<WASocket, 'query'>;
  readonly #clock: Clock;
  #current: { info: Promise<MediaConnInfo>; askedAtMs: number } | undefined;

  constructor(socket: Pick<WASocket, 'query'>, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
  }

  async get(askAgain: boolean): Promise<MediaConnInfo> {
    const known = askAgain ? undefined : this.#current;
    if (known) {
      const info = await known.info;
      if (this.#clock.monotonicMs() - known.askedAtMs < info.ttl * 1000) return info;
    }
    const current = { info: this.#ask(), askedAtMs: this.#clock.monotonicMs() };
    this.#current = current;
    try {
      return await current.info;
    } catch (error) {
      if (this.#current === current) this.#current = undefined;
      throw error;
    }
  }

  async #ask(): Promise<MediaConnInfo> {
    const answer: BinaryNode | undefined = await this.#socket.query({
      tag: 'iq',
      attrs: { type: 'set', xmlns: 'w:m', to: '@s.whatsapp.net' },
      content: [{ tag: 'media_conn', attrs: {} }],
    });
    const connection = getBinaryNodeChild(answer, 'media_conn');
    if (!connection) throw new Error('WhatsApp named no media hosts.');
    return {
      auth: connection.attrs.auth ?? '',
      ttl: Number(connection.attrs.ttl ?? 0),
      hosts: getBinaryNodeChildren(connection, 'host').flatMap(({ attrs }) =>
        attrs.hostname
          ? [{ hostname: attrs.hostname, maxContentLengthBytes: Number(attrs.maxContentLengthBytes ?? 0) }]
          : [],
      ),
      fetchDate: this.#clock.now(),
    };
  }
}
