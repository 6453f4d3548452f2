import { once } from 'node:events';
import type { WAMessage, WASocket } from 'baileys';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '../src/index.ts';
import { type ClientMemory, connect, jidOf, pair, seen } from './client.ts';

const AISHA = '60111222333';

let simulator: Simulator;
let socket: WASocket;
let memory: ClientMemory;
let phone: string;
beforeEach(async () => {
  simulator = await startSimulator({ behaviour: { receiptDelayMs: [0, 0], readDelayMs: [0, 0] } });
  ({ socket, memory, phone } = await pair(simulator));
});
afterEach(() => simulator.stop());

function received(client: WASocket, text: string): Promise<WAMessage> {
  return seen(client, 'messages.upsert', ({ messages }) =>
    messages.find(({ message }) => message?.conversation === text),
  );
}

test('a person writes first: the client decrypts it with its prekeys and confirms it', async () => {
  const message = received(socket, 'Is it halal?');
  const sent = await simulator.incomingText({ fromPhone: AISHA, toPhone: phone, text: 'Is it halal?' });
  expect((await message).key).toMatchObject({ id: sent.id, remoteJid: jidOf(AISHA), fromMe: false });
  expect((await message).key.remoteJidAlt).toMatch(/@lid$/);
  expect((await message).pushName).toBe('Contact 2333');
  expect(await sent.delivered).toBe(true);
});

test('a conversation goes both ways in one session', async () => {
  await socket.sendMessage(jidOf(AISHA), { text: 'Hello' }, { messageId: 'ID1' });
  await simulator.waitFor(({ shown }) => shown === 1);
  const reply = received(socket, 'Who is this?');
  await simulator.incomingText({ fromPhone: AISHA, toPhone: phone, text: 'Who is this?' });
  await reply;
  await socket.sendMessage(jidOf(AISHA), { text: 'Your bakery' }, { messageId: 'ID2' });
  await simulator.waitFor(({ shown }) => shown === 2);
  expect(simulator.recipients({ phone: AISHA })[0]?.shown).toMatchObject([
    { stanzaType: 'pkmsg' },
    { stanzaType: 'msg', text: 'Your bakery' },
  ]);
});

test('the client’s read receipt is an event', async () => {
  const message = received(socket, 'Hi');
  await simulator.incomingText({ fromPhone: AISHA, toPhone: phone, text: 'Hi' });
  const { key } = await message;
  const read = new Promise((resolve) => {
    simulator.events.on('clientReceipt', (receipt) => receipt.type === 'read' && resolve(receipt));
  });
  await socket.readMessages([key]);
  expect(await read).toMatchObject({ phone, id: key.id, to: jidOf(AISHA) });
});

test('what is written while the client is away waits for its next login', async () => {
  const left = once(simulator.events, 'disconnected');
  await socket.end(undefined);
  await left;
  const sent = await simulator.incomingText({ fromPhone: AISHA, toPhone: phone, text: 'Are you open?' });
  const again = connect(simulator, memory);
  expect((await received(again, 'Are you open?')).key.id).toBe(sent.id);
  expect(await sent.delivered).toBe(true);
});

test('a client that lost its sessions asks for the text again and gets it', async () => {
  const first = received(socket, 'One');
  const one = await simulator.incomingText({ fromPhone: AISHA, toPhone: phone, text: 'One' });
  await first;
  await one.delivered;
  await socket.sendMessage(jidOf(AISHA), { text: 'Hello' }, { messageId: 'ID1' });
  await simulator.waitFor(({ shown }) => shown === 1);
  memory.restore('session', new Map());
  const second = received(socket, 'Two');
  const two = await simulator.incomingText({ fromPhone: AISHA, toPhone: phone, text: 'Two' });
  await second;
  expect(await two.delivered).toBe(true);
});

test('a text to a number without a linked device is refused with a sentence', async () => {
  const text = { fromPhone: phone, toPhone: AISHA, text: 'Hi' };
  await expect(simulator.incomingText(text)).rejects.toThrow(`the number ${AISHA} has no linked device`);
});
