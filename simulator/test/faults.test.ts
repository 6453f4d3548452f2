import { once } from 'node:events';
import type { WASocket } from 'baileys';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { WebSocket } from 'ws';
import { type Simulator, startSimulator } from '../src/index.ts';
import {
  acknowledged,
  type ClientMemory,
  closed,
  connect,
  jidOf,
  opened,
  pair,
  receiptsOf,
  seen,
} from './client.ts';

const AISHA = '60111222333';
const CONNECTION_LOST = 428;
const REPLACED = 440;
const HOUR_MS = 3_600_000;
const ERROR = 0;

let simulator: Simulator;
let socket: WASocket;
let memory: ClientMemory;
let phone: string;
beforeEach(async () => {
  const at = [0, 0] as const;
  simulator = await startSimulator({
    behaviour: { readProbability: 1, receiptDelayMs: at, readDelayMs: at },
  });
  ({ socket, memory, phone } = await pair(simulator));
});
afterEach(() => simulator.stop());

function send(text: string, messageId: string, from = socket): Promise<unknown> {
  return from.sendMessage(jidOf(AISHA), { text }, { messageId });
}

test('a dropped acknowledgement: the message arrives in silence, and its repetition is shown only once', async () => {
  const acks: string[] = [];
  const receipts: string[] = [];
  simulator.events.on('receipt', ({ id, type }) => receipts.push(`${id} ${type}`));
  socket.ws.on('CB:ack,class:message', ({ attrs }) => acks.push(attrs.id));
  simulator.dropAcks({ count: 1, phone });
  await send('Hello', 'ID1');
  await simulator.waitFor(({ shown }) => shown === 1);
  const others = receiptsOf(socket, 'ID2', 2);
  await send('Something else', 'ID2');
  await others;
  expect(receipts).toEqual(['ID2 delivered', 'ID2 read']);
  const late = receiptsOf(socket, 'ID1', 2);
  await send('Hello', 'ID1');
  await late;
  expect(acks).toEqual(['ID2', 'ID1']);
  expect(simulator.report()).toMatchObject({
    accepted: 3,
    shown: 2,
    repeatedIds: 1,
    duplicatesAtRecipients: 0,
    acksDropped: 1,
  });
  expect(simulator.recipients()[0]?.arrivals.map(({ id, outcome }) => `${id} ${outcome}`)).toEqual([
    'ID1 shown',
    'ID2 shown',
    'ID1 repeat',
  ]);
});

test('receipts of a message whose acknowledgement was dropped come when asked for', async () => {
  simulator.dropAcks({ count: 1, withReceipts: true });
  const receipts = receiptsOf(socket, 'ID1', 2);
  await send('Hello', 'ID1');
  expect((await receipts).map(({ attrs }) => attrs.type)).toEqual([undefined, 'read']);
});

test('a late acknowledgement leaves its message to be sent again meanwhile, and still comes', async () => {
  const acks: string[] = [];
  const late = new Promise<void>((resolve) =>
    socket.ws.on('CB:ack,class:message', ({ attrs }) => {
      acks.push(attrs.id);
      if (acks.length === 3) resolve();
    }),
  );
  simulator.lateAcks({ count: 1, phone, delayMs: 1_500 });
  await send('Hello', 'ID1');
  await simulator.waitFor(({ shown }) => shown === 1);
  await send('Something else', 'ID2');
  await send('Hello', 'ID1');
  await late;
  expect(acks).toEqual(['ID2', 'ID1', 'ID1']);
  expect(simulator.report()).toMatchObject({ acksLate: 1, shown: 2, repeatedIds: 1 });
});

test('a lost message leaves no trace but its count', async () => {
  simulator.loseMessages({ count: 1, phone });
  const lost = once(simulator.events, 'lost');
  await send('Hello', 'ID1');
  expect(await lost).toMatchObject([{ phone, id: 'ID1', to: jidOf(AISHA) }]);
  expect(simulator.report()).toMatchObject({ messagesLost: 1, accepted: 0, arrivals: 0 });
});

test('an acknowledgement with an error reaches the client as one, only for the number it was ordered for', async () => {
  const other = await pair(simulator);
  simulator.ackErrors({ code: 420, count: 1, phone });
  const othersAck = acknowledged(other.socket, 'ID2');
  await send('Hello', 'ID2', other.socket);
  expect((await othersAck).attrs.error).toBeUndefined();
  const failed = seen(socket, 'messages.update', (updates) => updates.find(({ key }) => key.id === 'ID1'));
  await socket.relayMessage(jidOf(AISHA), { conversation: 'Hello' }, { messageId: 'ID1' });
  expect((await failed).update).toMatchObject({ status: ERROR, messageStubParameters: ['420'] });
  expect(simulator.report()).toMatchObject({ acksWithError: 1, shown: 1 });
});

test('a cut socket is refused for as long as asked, then gets the receipts it missed as offline stanzas', async () => {
  simulator.events.once('arrival', () => simulator.cut(phone, { refuseForMs: HOUR_MS }));
  const ended = closed(socket);
  await send('Hello', 'ID1');
  expect(await ended).toBe(CONNECTION_LOST);
  const refused = once(simulator.events, 'loginRefused');
  expect(await closed(connect(simulator, memory))).toBe(CONNECTION_LOST);
  expect(await refused).toEqual([{ phone, deviceId: 1 }]);
  simulator.cut(phone);
  const again = connect(simulator, memory);
  const receipts = receiptsOf(again, 'ID1', 2);
  const counted = once(again.ws as unknown as NodeJS.EventEmitter, 'CB:ib,,offline');
  await opened(again);
  expect((await receipts).map(({ attrs }) => [attrs.type, attrs.offline])).toEqual([
    [undefined, '0'],
    ['read', '0'],
  ]);
  expect(await counted).toMatchObject([{ content: [{ tag: 'offline', attrs: { count: '2' } }] }]);
});

test('receipts that the client has confirmed are not delivered again', async () => {
  const receipts = receiptsOf(socket, 'ID1', 2);
  await send('Hello', 'ID1');
  await receipts;
  // Stanzas are taken in order: the answer to this query says that the confirmations before it have been taken.
  await socket.onWhatsApp(AISHA);
  await socket.end(undefined);
  const again = connect(simulator, memory);
  const counted = once(again.ws as unknown as NodeJS.EventEmitter, 'CB:ib,,offline');
  expect(await counted).toMatchObject([{ content: [{ attrs: { count: '0' } }] }]);
});

test('a second login replaces the first, whose frames are refused and counted', async () => {
  const raw = (socket.ws as unknown as { socket: WebSocket }).socket;
  // A process that is stopped neither reads nor notices that it was replaced; on waking it writes.
  raw.pause();
  await opened(connect(simulator, memory));
  const refused = once(simulator.events, 'refusedFrame');
  const unsent = send('From the grave', 'ID1').catch(() => {});
  await refused;
  expect(simulator.report().framesFromReplaced).toBeGreaterThanOrEqual(1);
  const ended = closed(socket);
  raw.resume();
  expect(await ended).toBe(REPLACED);
  void unsent;
  expect(simulator.report().arrivals).toBe(0);
  expect(simulator.sockets()).toHaveLength(1);
});

test.each([503, 515])('a stream error %i ends the stream with that code', async (code) => {
  const ended = closed(socket);
  simulator.streamError(phone, code);
  expect(await ended).toBe(code);
});

test('what cannot be ordered is refused with a sentence', () => {
  expect(() => simulator.cut('60199999999')).toThrow('the number 60199999999 has no linked device');
  expect(() => simulator.cut('60199990000')).toThrow(/60199990000 is not on WhatsApp/);
});
