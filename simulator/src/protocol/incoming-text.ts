import { type BinaryNode, extractE2ESessionFromRetryReceipt, type proto } from 'baileys';
import type { Network } from '../network.ts';
import type { LinkedDevice, Phone } from '../phones/phone.ts';
import { secondsText } from '../platform/clock.ts';
import { encryptFor, newMessageId } from './phone-message.ts';
import { element } from './stanza.ts';

const WAITING_MAX = 10_000;
const RETRIES_MAX = 5;

/** A message on its way to a linked number. */
export interface SentText {
  readonly id: string;
  /** True once every linked device of the number confirmed it; false when the network stopped before. */
  readonly delivered: Promise<boolean>;
}

interface Waiting {
  readonly sender: Phone;
  readonly message: proto.IMessage;
  readonly devices: Set<LinkedDevice>;
  readonly settle: (delivered: boolean) => void;
  retries: number;
}

/** What people write to linked numbers, kept until every device has confirmed it. */
export class IncomingTexts {
  readonly #network: Network;
  readonly #waiting = new Map<string, Waiting>();

  constructor(network: Network) {
    this.#network = network;
  }

  /** `from` writes `text` to the linked devices of `to`. Throws a sentence when it has none. */
  async send(from: Phone, to: Phone, text: string): Promise<SentText> {
    if (to.linkedDevices.size === 0) throw new Error(`the number ${to.digits} has no linked device`);
    if (this.#waiting.size >= WAITING_MAX)
      throw new Error(`${WAITING_MAX} texts already wait for their receipts`);
    const id = newMessageId(this.#network);
    const devices = [...to.linkedDevices.values()];
    const message = { conversation: text };
    const delivered = new Promise<boolean>((settle) => {
      this.#waiting.set(id, { sender: from, message, devices: new Set(devices), settle, retries: 0 });
    });
    for (const device of devices)
      await this.#deliver(device, from, id, await encryptFor(from, device, message));
    return { id, delivered };
  }

  /** A device confirmed the message. */
  confirm(device: LinkedDevice, id: string): void {
    const waiting = this.#waiting.get(id);
    waiting?.devices.delete(device);
    if (!waiting || waiting.devices.size > 0) return;
    this.#waiting.delete(id);
    waiting.settle(true);
  }

  /** A device could not decrypt the message: it is encrypted again, in a new session. */
  async resend(device: LinkedDevice, receipt: BinaryNode): Promise<void> {
    const id = receipt.attrs.id ?? '';
    const waiting = this.#waiting.get(id);
    if (!waiting || waiting.retries >= RETRIES_MAX) return;
    waiting.retries += 1;
    const { sender, message, retries } = waiting;
    await sender.signal.startSession(device.signalAddress, bundleIn(receipt) ?? device.takeBundle());
    const encrypted = await encryptFor(sender, device, message, { count: String(retries) });
    await this.#deliver(device, sender, id, encrypted);
  }

  /** Nobody will confirm any more. */
  stop(): void {
    for (const { settle } of this.#waiting.values()) settle(false);
    this.#waiting.clear();
  }

  async #deliver(device: LinkedDevice, from: Phone, id: string, encrypted: BinaryNode): Promise<void> {
    const attrs = {
      from: from.jid,
      id,
      t: secondsText(this.#network.clock),
      type: 'text',
      notify: from.pushName,
      sender_lid: from.lidJid,
    };
    device.deliver(element('message', attrs, [encrypted]));
  }
}

const TYPE_BYTE = 1;

function bundleIn(receipt: BinaryNode) {
  const session = extractE2ESessionFromRetryReceipt(receipt);
  if (!session) return undefined;
  const { registrationId, identityKey, signedPreKey, preKey } = session;
  return {
    registrationId,
    identityKey: identityKey.subarray(TYPE_BYTE),
    signedPreKey: {
      id: signedPreKey.keyId,
      publicKey: signedPreKey.publicKey.subarray(TYPE_BYTE),
      signature: signedPreKey.signature,
    },
    ...(preKey && { preKey: { id: preKey.keyId, publicKey: preKey.publicKey.subarray(TYPE_BYTE) } }),
  };
}
