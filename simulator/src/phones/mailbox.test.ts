import { expect, test } from 'vitest';
import { element } from '../protocol/stanza.ts';
import { Mailbox } from './mailbox.ts';

const receipt = (id: string, type?: string) =>
  element('receipt', { id, from: '60111222333@s.whatsapp.net', ...(type && { type }) });

test('stanzas wait in order until each is confirmed by itself', () => {
  const mailbox = new Mailbox();
  const message = element('message', { id: 'M', from: '60111222333@s.whatsapp.net' });
  for (const stanza of [receipt('A'), receipt('A', 'read'), message]) mailbox.hold(stanza);
  mailbox.confirm('receipt', { id: 'A', to: '60111222333@s.whatsapp.net', type: 'read' });
  expect(mailbox.waiting()).toEqual([receipt('A'), message]);
  mailbox.confirm('message', { id: 'M' });
  mailbox.confirm('receipt', { id: 'A', to: '60199999999@s.whatsapp.net' });
  expect(mailbox.waiting()).toEqual([receipt('A')]);
});

test('beyond its bound the oldest is forgotten', () => {
  const mailbox = new Mailbox();
  for (let index = 0; index <= 10_000; index++) mailbox.hold(receipt(`R${index}`));
  expect(mailbox.waiting()).toHaveLength(10_000);
  expect(mailbox.waiting()[0]).toEqual(receipt('R1'));
});
