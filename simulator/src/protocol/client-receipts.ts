import { getBinaryNodeChild, getBinaryNodeChildren } from 'baileys';
import type { Incoming, Network } from '../network.ts';
import type { IncomingTexts } from './incoming-text.ts';
import { element } from './stanza.ts';

/** Takes a receipt that a linked device sends for messages it received. */
export async function takeReceipt(network: Network, texts: IncomingTexts, incoming: Incoming): Promise<void> {
  const { device, connection, node } = incoming;
  const { id = '', to = '', type } = node.attrs;
  const ack: Record<string, string> = { class: 'receipt', id, from: to };
  if (type !== undefined) ack.type = type;
  connection.send(element('ack', ack));
  if (type === 'hist_sync') device.settled = true;
  const listed = getBinaryNodeChildren(getBinaryNodeChild(node, 'list'), 'item').map(
    ({ attrs }) => attrs.id ?? '',
  );
  for (const confirmed of [id, ...listed]) {
    if (type !== 'retry') {
      device.mailbox.confirm('message', { id: confirmed });
      texts.confirm(device, confirmed);
    }
    const name = { phone: device.phone.digits, deviceId: device.id };
    network.events.tell('clientReceipt', { ...name, id: confirmed, to, type: type ?? 'delivered' });
  }
  if (type === 'retry') await texts.resend(device, node);
}

/** Takes a linked device's acknowledgement of a stanza that the network delivered. */
export function takeAck({ device, node }: Incoming): void {
  // A message answered with an error is one the device asked for again, or gave up.
  device.mailbox.confirm(node.attrs.class ?? '', node.attrs);
}
