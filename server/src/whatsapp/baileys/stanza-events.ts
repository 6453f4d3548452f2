import type { BinaryNode } from 'baileys';
import type { ConnectionEvent } from '../client.ts';

/**
 * The answer of WhatsApp's server to a message of ours. Baileys emits nothing for a good one, so the stanza itself is
 * read (wa-protocol section 5).
 */
export function eventOfAck(node: BinaryNode): ConnectionEvent | undefined {
  const { id, error } = node.attrs;
  if (!id) return undefined;
  if (error === undefined) return { kind: 'acknowledged', waMessageId: id };
  const code = Number(error);
  return { kind: 'refused', waMessageId: id, code: Number.isInteger(code) ? code : 0 };
}

/**
 * A recipient's receipt. No type means delivered. One with a `recipient` comes from another device of our own account
 * and is about a chat, not about a recipient; types such as retry, sender, inactive and peer_msg say nothing about
 * arrival.
 */
export function eventOfReceipt(node: BinaryNode): ConnectionEvent | undefined {
  const { id, type, recipient } = node.attrs;
  const receipt = receiptKinds.get(type ?? '');
  if (!id || !receipt || recipient !== undefined) return undefined;
  return { kind: 'receipt', waMessageIds: [id, ...batchedIds(node)], receipt };
}

const receiptKinds = new Map<string, 'delivered' | 'read'>([
  ['', 'delivered'],
  ['read', 'read'],
  ['read-self', 'read'],
  ['played', 'read'],
]);

/** Further ids of a receipt, in `<list><item id/></list>`. */
function batchedIds(node: BinaryNode): string[] {
  const children = Array.isArray(node.content) ? node.content : [];
  const list = children.find((child) => child.tag === 'list');
  const items = Array.isArray(list?.content) ? list.content : [];
  return items.flatMap((item) => (item.tag === 'item' && item.attrs.id ? [item.attrs.id] : []));
}
