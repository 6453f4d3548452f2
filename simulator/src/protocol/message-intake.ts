import { type BinaryNode, getBinaryNodeChild, getBinaryNodeChildren, isLidUser, isPnUser } from 'baileys';
import { afterDelay, type Incoming, type Network } from '../network.ts';
import type { Recipient } from '../phones/directory.ts';
import type { Ciphertext, CiphertextType } from '../phones/signal-party.ts';
import { secondsText } from '../platform/clock.ts';
import { arrive, openOwnCopy } from './arrival.ts';
import { scheduleReceipts } from './receipts.ts';
import { bytesOf, element } from './stanza.ts';

const MALFORMED = 400;

/** The ciphertext for one device in a message. */
interface EncryptedPart {
  readonly recipient: Recipient;
  readonly ciphertext: Ciphertext;
}

function readEncrypted(enc: BinaryNode | undefined): Ciphertext | undefined {
  const type = enc?.attrs.type;
  const bytes = bytesOf(enc);
  return (type === 'pkmsg' || type === 'msg') && bytes.length > 0
    ? { type: type satisfies CiphertextType, bytes }
    : undefined;
}

/** The parts of a message: one per device below `participants`, or a bare one for the device it is addressed to. */
function encryptedParts({ directory }: Network, node: BinaryNode): EncryptedPart[] {
  const participants = getBinaryNodeChildren(getBinaryNodeChild(node, 'participants'), 'to');
  const parts: EncryptedPart[] = [];
  for (const addressed of participants.length > 0 ? participants : [node]) {
    const recipient = directory.resolve(addressed === node ? node.attrs.to : addressed.attrs.jid);
    const ciphertext = readEncrypted(getBinaryNodeChild(addressed, 'enc'));
    if (recipient && ciphertext) parts.push({ recipient, ciphertext });
  }
  return parts;
}

function sendAck(network: Network, { device, connection, node }: Incoming, error?: number): void {
  const { id = '', to = '' } = node.attrs;
  const attrs: Record<string, string> = { class: 'message', id, from: to, t: secondsText(network.clock) };
  if (error !== undefined) attrs.error = String(error);
  connection.send(element('ack', attrs));
  const name = { phone: device.phone.digits, deviceId: device.id, id, to };
  network.events.tell('ack', { ...name, dropped: false, ...(error !== undefined && { error }) });
}

function refuse(network: Network, incoming: Incoming, code: number): void {
  network.record.count('acksWithError');
  afterDelay(network, network.behaviour.ackDelayMs, () => sendAck(network, incoming, code));
}

/** Hands a part for a linked device to it, as the network passes what it cannot read. */
function forward({ device, node }: Incoming, { recipient, ciphertext }: EncryptedPart, t: string): void {
  const target = recipient.phone.linkedDevices.get(recipient.deviceId);
  if (!target) return;
  const own = target.phone === device.phone;
  const attrs: Record<string, string> = {
    from: device.jid,
    id: node.attrs.id ?? '',
    t,
    type: node.attrs.type ?? 'text',
    notify: device.phone.pushName,
    sender_lid: device.lid,
    ...(own && { recipient: node.attrs.to ?? '' }),
  };
  const identity = getBinaryNodeChild(node, 'device-identity');
  const enc = element('enc', { v: '2', type: ciphertext.type }, ciphertext.bytes);
  target.deliver(element('message', attrs, identity ? [enc, identity] : [enc]));
}

/** Delivers every part. Returns whether the recipient's phone could read its own. */
async function deliver(
  network: Network,
  incoming: Incoming,
  to: Recipient,
  parts: EncryptedPart[],
): Promise<boolean> {
  const { device, node } = incoming;
  let readable = true;
  for (const part of parts) {
    const { phone, deviceId } = part.recipient;
    if (deviceId !== 0) forward(incoming, part, secondsText(network.clock));
    else if (phone === to.phone) readable = await arrive(network, incoming, phone, part.ciphertext);
    else if (phone === device.phone)
      await openOwnCopy(network, incoming, part.ciphertext, node.attrs.to ?? '');
  }
  return readable;
}

async function accept(
  network: Network,
  incoming: Incoming,
  to: Recipient,
  parts: EncryptedPart[],
): Promise<void> {
  const { device, node } = incoming;
  const { id = '' } = node.attrs;
  const fault = network.faults.take(device.phone.digits, id);
  const name = { phone: device.phone.digits, deviceId: device.id, id, to: node.attrs.to ?? '' };
  if (fault?.kind === 'lose') {
    network.record.count('messagesLost');
    network.events.tell('lost', name);
    return;
  }
  if (fault?.kind === 'refuse') {
    refuse(network, incoming, fault.code);
    return;
  }
  network.record.count('accepted');
  const readable = await deliver(network, incoming, to, parts);
  const receipts = () => {
    if (readable) scheduleReceipts(network, device, to.phone, node.attrs);
  };
  if (fault?.kind === 'dropAck') {
    network.record.count('acksDropped');
    network.events.tell('ack', { ...name, dropped: true });
    if (fault.withReceipts) receipts();
    return;
  }
  if (fault?.kind === 'lateAck') network.record.count('acksLate');
  const delay = fault?.kind === 'lateAck' ? fault.delayMs : undefined;
  afterDelay(network, delay === undefined ? network.behaviour.ackDelayMs : [delay, delay], () => {
    sendAck(network, incoming);
    receipts();
  });
}

/** Takes a message that a linked device sends: delivers it to its devices and acknowledges it, or refuses it. */
export async function takeMessage(network: Network, incoming: Incoming): Promise<void> {
  const { device, node } = incoming;
  const { to } = node.attrs;
  if (!isPnUser(to) && !isLidUser(to)) {
    network.record.count('unsupportedMessagesRefused');
    refuse(network, incoming, MALFORMED);
    return;
  }
  const recipient = network.directory.resolve(to);
  const parts = encryptedParts(network, node);
  if (node.attrs.category === 'peer') {
    for (const { ciphertext } of parts) await openOwnCopy(network, incoming, ciphertext, device.phone.jid);
    sendAck(network, incoming);
    return;
  }
  if (!recipient || !parts.some((part) => part.recipient.phone === recipient.phone)) {
    network.record.count('emptyMessagesRefused');
    refuse(network, incoming, MALFORMED);
    return;
  }
  await accept(network, incoming, recipient, parts);
}
