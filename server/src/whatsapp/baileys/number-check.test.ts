import type { BinaryNode, USyncQuery } from 'baileys';
import { expect, test } from 'vitest';
import { checkNumbers } from './number-check.ts';

function answering(users: BinaryNode[]) {
  const answer: BinaryNode = {
    tag: 'iq',
    attrs: { type: 'result' },
    content: [{ tag: 'usync', attrs: {}, content: [{ tag: 'list', attrs: {}, content: users }] }],
  };
  return { executeUSyncQuery: async (query: USyncQuery) => query.parseUSyncQueryResult(answer) };
}

function user(jid: string, type: string, asked?: string): BinaryNode {
  const contact: BinaryNode = {
    tag: 'contact',
    attrs: { type },
    ...(asked ? { content: Buffer.from(asked) } : {}),
  };
  return { tag: 'user', attrs: { jid }, content: [contact] };
}

test('an answer under another spelling belongs to the number that was asked', async () => {
  const socket = answering([user('551187654321@s.whatsapp.net', 'in', '+5511987654321')]);
  expect(await checkNumbers(socket, ['5511987654321'])).toEqual([
    { phone: '5511987654321', onWhatsApp: true, jid: '551187654321@s.whatsapp.net' },
  ]);
});

test('without the asked number the JID tells, and what is out or missing is not on WhatsApp', async () => {
  const socket = answering([user('601@s.whatsapp.net', 'in'), user('602@s.whatsapp.net', 'out', '+602')]);
  expect(await checkNumbers(socket, ['601', '602', '603'])).toEqual([
    { phone: '601', onWhatsApp: true, jid: '601@s.whatsapp.net' },
    { phone: '602', onWhatsApp: false },
    { phone: '603', onWhatsApp: false },
  ]);
});

test('no answer and a refused query reject', async () => {
  const silent = { executeUSyncQuery: async () => undefined };
  await expect(checkNumbers(silent, ['601'])).rejects.toMatchObject({ code: 'device_offline' });
  const closed = { executeUSyncQuery: () => Promise.reject(1006) };
  await expect(checkNumbers(closed, ['601'])).rejects.toMatchObject({ code: 'device_offline', cause: 1006 });
});
