import type { proto, WAMessage } from 'baileys';
import { expect, test } from 'vitest';
import { eventOfIncoming } from './incoming-message.ts';

function message(content: proto.IMessage | undefined, key: Partial<WAMessage['key']> = {}): WAMessage {
  return {
    key: { id: 'A', remoteJid: '601@s.whatsapp.net', remoteJidAlt: '9@lid', fromMe: false, ...key },
    messageTimestamp: 1_700_000_000,
    pushName: 'Ali',
    ...(content ? { message: content } : {}),
  };
}

test('a text is told with who wrote it and when', () => {
  expect(eventOfIncoming(message({ conversation: 'hello' }))).toEqual({
    kind: 'incoming',
    waMessageId: 'A',
    from: { jid: '601@s.whatsapp.net', alternateJid: '9@lid', pushName: 'Ali' },
    text: 'hello',
    at: new Date(1_700_000_000_000),
  });
});

test.each<[proto.IMessage, string | undefined]>([
  [{ extendedTextMessage: { text: 'long' } }, 'long'],
  [{ imageMessage: { caption: 'look' } }, 'look'],
  [{ ephemeralMessage: { message: { conversation: 'soon gone' } } }, 'soon gone'],
  [{ audioMessage: {} }, undefined],
])('the text of %j is %s', (content, text) => {
  expect(eventOfIncoming(message(content))).toMatchObject({ kind: 'incoming', text });
});

test.each<[string, WAMessage]>([
  ['our own', message({ conversation: 'x' }, { fromMe: true })],
  ['of a group', message({ conversation: 'x' }, { remoteJid: '1@g.us' })],
  ['a status', message({ conversation: 'x' }, { remoteJid: 'status@broadcast' })],
  ['undecryptable', message(undefined)],
  ['a deletion', message({ protocolMessage: {} })],
  ['a reaction', message({ reactionMessage: { text: '+' } })],
])('a message that is %s is not told', (_, ignored) => {
  expect(eventOfIncoming(ignored)).toBeUndefined();
});
