import type { BinaryNode } from 'baileys';
import { afterDelay, type Network } from '../network.ts';
import type { LinkedDevice, Phone } from '../phones/phone.ts';
import { secondsText } from '../platform/clock.ts';
import { bundleElements, element, registrationElement } from './stanza.ts';

/** From this attempt on the phone sends its keys along, for a sender whose copy of them may be wrong. */
const KEYS_FROM_RETRY = 2;

/** What a phone asks for again: the message, the chat it belongs to, and for the how-manieth time. */
export interface RetryRequest {
  readonly id: string;
  readonly chat: string;
  readonly count: number;
}

type ReceiptType = 'delivered' | 'read' | 'retry';

function tell(network: Network, device: LinkedDevice, phone: Phone, id: string, type: ReceiptType): void {
  const name = { phone: device.phone.digits, deviceId: device.id };
  network.events.tell('receipt', { ...name, id, from: phone.digits, type });
}

function sendReceipt(
  network: Network,
  device: LinkedDevice,
  phone: Phone,
  message: BinaryNode['attrs'],
  type: 'delivered' | 'read',
): void {
  const { id = '', to = '' } = message;
  const attrs: Record<string, string> = { from: to, id, t: secondsText(network.clock) };
  if (type === 'read') attrs.type = type;
  device.deliver(element('receipt', attrs));
  tell(network, device, phone, id, type);
}

/** The recipient's phone reports the message as delivered, and perhaps later as read. */
export function scheduleReceipts(
  network: Network,
  device: LinkedDevice,
  phone: Phone,
  message: BinaryNode['attrs'],
): void {
  const { behaviour, random } = network;
  if (random.fraction() >= behaviour.deliveredProbability) return;
  const willRead = random.fraction() < behaviour.readProbability;
  afterDelay(network, behaviour.receiptDelayMs, () => {
    sendReceipt(network, device, phone, message, 'delivered');
    if (!willRead) return;
    afterDelay(network, behaviour.readDelayMs, () => sendReceipt(network, device, phone, message, 'read'));
  });
}

/** A phone could not decrypt a message and asks the sending device for it again. */
export function askAgain(network: Network, device: LinkedDevice, phone: Phone, request: RetryRequest): void {
  const { id, chat, count } = request;
  const t = secondsText(network.clock);
  const own = phone === device.phone;
  const attrs = { from: phone.jid, id, type: 'retry', t, ...(own && { recipient: chat }) };
  const content = [
    element('retry', { count: String(count), id, t, v: '1' }),
    registrationElement(phone.signal.registrationId),
  ];
  if (count >= KEYS_FROM_RETRY) content.push(element('keys', {}, bundleElements(phone.signal.issueBundle())));
  afterDelay(network, network.behaviour.receiptDelayMs, () => {
    device.deliver(element('receipt', attrs, content));
    network.record.count('retryReceipts');
    tell(network, device, phone, id, 'retry');
  });
}
