import type { BinaryNode } from 'baileys';
import type { Network } from '../network.ts';
import type { LinkedDevice } from '../phones/phone.ts';
import type { ClientConnection, ConnectionHandlers } from '../transport/client-connection.ts';
import type { ClientFinish } from '../transport/noise.ts';
import { takeAck, takeReceipt } from './client-receipts.ts';
import type { IncomingTexts } from './incoming-text.ts';
import { logIn, logOut } from './login.ts';
import { takeMessage } from './message-intake.ts';
import type { Pairing } from './pairing.ts';
import { answerQuery } from './query-router.ts';

/** Leads each connection to a pairing or a login, and each stanza to what handles its kind. */
export class StanzaRouter implements ConnectionHandlers {
  readonly #network: Network;
  readonly #pairing: Pairing;
  readonly #texts: IncomingTexts;
  readonly #devices = new Map<ClientConnection, LinkedDevice>();

  constructor(network: Network, pairing: Pairing, texts: IncomingTexts) {
    this.#network = network;
    this.#pairing = pairing;
    this.#texts = texts;
  }

  authenticated(connection: ClientConnection, finish: ClientFinish): void {
    if (finish.payload.devicePairingData) {
      this.#pairing.begin(connection, finish);
      return;
    }
    const device = logIn(this.#network, connection, finish);
    if (device) this.#devices.set(connection, device);
  }

  async stanza(connection: ClientConnection, node: BinaryNode): Promise<void> {
    const device = this.#devices.get(connection);
    if (!device) {
      this.#pairing.take(connection, node);
      return;
    }
    const incoming = { device, connection, node };
    if (node.tag === 'iq') await answerQuery(this.#network, incoming);
    else if (node.tag === 'message') await takeMessage(this.#network, incoming);
    else if (node.tag === 'receipt') await takeReceipt(this.#network, this.#texts, incoming);
    else if (node.tag === 'ack') takeAck(incoming);
    // Presence, typing and telemetry need no answer.
  }

  retiredFrame(connection: ClientConnection): void {
    if (!connection.replaced) return;
    this.#network.record.count('framesFromReplaced');
    this.#network.events.tell('refusedFrame');
  }

  failed(_connection: ClientConnection, error: Error): void {
    this.#network.record.count('connectionsFailed');
    this.#network.events.tell('failed', error);
  }

  closed(connection: ClientConnection): void {
    this.#pairing.closed(connection);
    const device = this.#devices.get(connection);
    this.#devices.delete(connection);
    if (device) logOut(this.#network, device, connection);
  }
}
