import type { BinaryNode } from 'baileys';
import { expect, test } from 'vitest';
import { eventOfAck, eventOfReceipt } from './stanza-events.ts';

function receipt(attrs: Record<string, string>, content?: BinaryNode[]): BinaryNode {
  return {
    tag: 'receipt',
    attrs: { id: 'A', from: '601@s.whatsapp.net', ...attrs },
    ...(content ? { content } : {}),
  };
}

test('an acknowledgement without an error accepts, one with an error refuses with its code', () => {
  const ack = (attrs: Record<string, string>): BinaryNode => ({
    tag: 'ack',
    attrs: { class: 'message', ...attrs },
  });
  expect(eventOfAck(ack({ id: 'A' }))).toEqual({ kind: 'acknowledged', waMessageId: 'A' });
  expect(eventOfAck(ack({ id: 'A', error: '463' }))).toEqual({
    kind: 'refused',
    waMessageId: 'A',
    code: 463,
  });
  expect(eventOfAck(ack({}))).toBeUndefined();
});

test.each([
  [{}, 'delivered'],
  [{ offline: '3' }, 'delivered'],
  [{ type: 'read' }, 'read'],
  [{ type: 'read-self' }, 'read'],
  [{ type: 'played' }, 'read'],
])('a receipt with %j says %s', (attrs, said) => {
  expect(eventOfReceipt(receipt(attrs))).toEqual({ kind: 'receipt', waMessageIds: ['A'], receipt: said });
});

test.each(['retry', 'sender', 'inactive', 'peer_msg', 'hist_sync', 'server-error'])(
  'a receipt of type %s says nothing about arrival',
  (type) => {
    expect(eventOfReceipt(receipt({ type }))).toBeUndefined();
  },
);

test('a receipt of another device of our own account is not a recipient', () => {
  expect(eventOfReceipt(receipt({ recipient: '602@s.whatsapp.net' }))).toBeUndefined();
});

test('a batched receipt names all its messages', () => {
  const items = ['B', 'C'].map((id) => ({ tag: 'item', attrs: { id } }));
  const event = eventOfReceipt(receipt({ type: 'read' }, [{ tag: 'list', attrs: {}, content: items }]));
  expect(event).toEqual({ kind: 'receipt', waMessageIds: ['A', 'B', 'C'], receipt: 'read' });
});
