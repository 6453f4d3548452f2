import { type BinaryNode, encodeWAMessage, type proto } from 'baileys';
import type { Network } from '../network.ts';
import type { LinkedDevice, Phone } from '../phones/phone.ts';
import { element } from './stanza.ts';

const MESSAGE_ID_BYTES = 8;

/** A message id as phones choose them. */
export function newMessageId(network: Network): string {
  return `3A${network.random.bytes(MESSAGE_ID_BYTES).toString('hex').toUpperCase()}`;
}

/** Encrypts a message of `sender`'s phone for one linked device, in a new session when there is none. */
export async function encryptFor(
  sender: Phone,
  device: LinkedDevice,
  message: proto.IMessage,
  attrs: BinaryNode['attrs'] = {},
): Promise<BinaryNode> {
  const address = device.signalAddress;
  if (!sender.signal.hasSession(address)) await sender.signal.startSession(address, device.takeBundle());
  const { type, bytes } = await sender.signal.encrypt(address, encodeWAMessage(message));
  return element('enc', { v: '2', type, ...attrs }, bytes);
}
