import { createHash } from 'node:crypto';
import type { WASocket } from 'baileys';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '../src/index.ts';
import { acknowledged, jidOf, pair, receiptsOf, seen } from './client.ts';

const AISHA = '60111222333';
const BOON = '60111222334';
const UNREGISTERED = '60111220000';

let simulator: Simulator;
let socket: WASocket;
let phone: string;
beforeEach(async () => {
  const at = [0, 0] as const;
  simulator = await startSimulator({
    behaviour: { readProbability: 1, receiptDelayMs: at, readDelayMs: at },
  });
  ({ socket, phone } = await pair(simulator));
});
afterEach(() => simulator.stop());

test('numbers are checked: only those on WhatsApp come back, with their address', async () => {
  const found = await socket.onWhatsApp(`+${AISHA}`, UNREGISTERED, BOON);
  expect(found).toEqual([
    { jid: jidOf(AISHA), exists: true },
    { jid: jidOf(BOON), exists: true },
  ]);
});

test('a new and a known recipient read what was written', async () => {
  await socket.sendMessage(jidOf(AISHA), { text: 'Hello Aisha' }, { messageId: 'ID1' });
  await socket.sendMessage(jidOf(AISHA), { text: 'Still there?' }, { messageId: 'ID2' });
  await socket.sendMessage(jidOf(BOON), { text: 'Hello Boon' }, { messageId: 'ID3' });
  const report = await simulator.waitFor(({ shown }) => shown === 3);
  expect(report).toMatchObject({
    accepted: 3,
    recipientsReached: 2,
    undecryptable: 0,
    duplicatesAtRecipients: 0,
  });
  expect(report.ownCopiesUndecryptable).toBe(0);
  const [aisha] = simulator.recipients({ phone: AISHA });
  expect(aisha?.shown).toMatchObject([
    { id: 'ID1', from: phone, kind: 'text', text: 'Hello Aisha', stanzaType: 'pkmsg', outcome: 'shown' },
    { id: 'ID2', from: phone, text: 'Still there?' },
  ]);
  expect(simulator.recipients().map((recipient) => recipient.phone)).toEqual([AISHA, BOON]);
  expect(simulator.recipients({ offset: 1, limit: 5 })).toMatchObject([{ phone: BOON }]);
});

test('the client sees the acknowledgement, then delivered, then read', async () => {
  const ack = acknowledged(socket, 'ID1');
  const receipts = receiptsOf(socket, 'ID1', 2);
  await socket.sendMessage(jidOf(AISHA), { text: 'Hello' }, { messageId: 'ID1' });
  expect((await ack).attrs).toMatchObject({ class: 'message', from: jidOf(AISHA) });
  expect((await ack).attrs.error).toBeUndefined();
  expect((await receipts).map(({ attrs }) => [attrs.from, attrs.type])).toEqual([
    [jidOf(AISHA), undefined],
    [jidOf(AISHA), 'read'],
  ]);
});

test('an image is uploaded, fetched by the recipient, decrypted and verified', async () => {
  const image = Buffer.alloc(50_000, 'pixels');
  const jpegThumbnail = Buffer.from('thumbnail').toString('base64');
  const sent = await socket.sendMessage(jidOf(AISHA), { image, caption: 'Our new cakes', jpegThumbnail });
  const report = await simulator.waitFor(({ shown }) => shown === 1);
  expect(report).toMatchObject({ mediaUploads: 1, mediaUnverified: 0 });
  expect(simulator.recipients()[0]?.shown[0]).toMatchObject({
    kind: 'image',
    caption: 'Our new cakes',
    mediaSha256: createHash('sha256').update(image).digest('base64'),
    mediaVerified: true,
  });
  const { directPath } = sent!.message!.imageMessage!;
  const elsewhere = await fetch(`${simulator.controlUrl}${directPath}`);
  expect(elsewhere.headers.get('content-type')).toBe('application/octet-stream');
  expect((await elsewhere.arrayBuffer()).byteLength).toBeGreaterThan(image.length);
});

test('media that is not on the host, or not what the message says, is shown but not verified', async () => {
  const image = { image: Buffer.alloc(2_000, 'x'), jpegThumbnail: '' };
  const sent = await socket.sendMessage(jidOf(AISHA), image, { messageId: 'ID1' });
  const { imageMessage } = sent!.message!;
  const missing = { ...imageMessage, directPath: '/mms/image/nowhere' };
  const changed = { ...imageMessage, fileSha256: Buffer.alloc(32, 1) };
  await socket.relayMessage(jidOf(AISHA), { imageMessage: missing }, { messageId: 'ID2' });
  await socket.relayMessage(jidOf(AISHA), { imageMessage: changed }, { messageId: 'ID3' });
  const report = await simulator.waitFor(({ shown }) => shown === 3);
  expect(report.mediaUnverified).toBe(2);
  const verified = simulator.recipients()[0]?.shown.map(({ mediaVerified }) => mediaVerified);
  expect(verified).toEqual([true, false, false]);
});

test('the same content twice in one chat is a duplicate, whichever id or number it came with', async () => {
  const second = await pair(simulator);
  await socket.sendMessage(jidOf(AISHA), { text: 'Sale today' }, { messageId: 'ID1' });
  await socket.sendMessage(jidOf(AISHA), { text: 'Sale today' }, { messageId: 'ID2' });
  await second.socket.sendMessage(jidOf(AISHA), { text: 'Sale today' }, { messageId: 'ID1' });
  await second.socket.sendMessage(jidOf(AISHA), { text: 'Sale tomorrow' }, { messageId: 'ID4' });
  const report = await simulator.waitFor(({ shown }) => shown === 4);
  expect(report).toMatchObject({ duplicatesAtRecipients: 2, repeatedIds: 0, recipientsReached: 1 });
});

test('a message without an encrypted part for its recipient is refused and counted', async () => {
  for (const [id, to, counter] of [
    ['EMPTY', jidOf(AISHA), 'emptyMessagesRefused'],
    ['GROUP', '120363000000000000@g.us', 'unsupportedMessagesRefused'],
  ] as const) {
    const ack = acknowledged(socket, id);
    await socket.sendNode({ tag: 'message', attrs: { id, to, type: 'text' } });
    expect((await ack).attrs.error).toBe('400');
    expect(simulator.report()).toMatchObject({ [counter]: 1, accepted: 0, arrivals: 0 });
  }
});

test('an unregistered number has no devices, so the message that only its sender gets is refused', async () => {
  const ack = acknowledged(socket, 'ID1');
  await socket.sendMessage(jidOf(UNREGISTERED), { text: 'Anybody?' }, { messageId: 'ID1' });
  expect((await ack).attrs.error).toBe('400');
  expect(simulator.recipients({ phone: UNREGISTERED })).toEqual([]);
});

test('one linked number writes to another: the phone shows it and the linked device receives it', async () => {
  const other = await pair(simulator);
  const received = seen(other.socket, 'messages.upsert', ({ messages }) =>
    messages.find(
      ({ key, message }) => key.id === 'ID1' && message?.extendedTextMessage?.text === 'Colleague',
    ),
  );
  await socket.sendMessage(jidOf(other.phone), { text: 'Colleague' }, { messageId: 'ID1' });
  expect((await received).key).toMatchObject({ remoteJid: jidOf(phone), fromMe: false });
  expect(simulator.recipients({ phone: other.phone })[0]?.shown).toMatchObject([
    { text: 'Colleague', from: phone },
  ]);
});

test('who reads what is chance, and the same chance for the same seed', async () => {
  const readIds = async (readProbability: number): Promise<string[]> => {
    const at = [0, 0] as const;
    const network = await startSimulator({
      behaviour: { readProbability, receiptDelayMs: at, readDelayMs: at },
    });
    const reads: string[] = [];
    network.events.on('receipt', ({ id, type }) => type === 'read' && reads.push(id));
    const { socket: client } = await pair(network);
    for (let index = 0; index < 16; index++) {
      const ack = acknowledged(client, `ID${index}`);
      await client.sendMessage(jidOf(AISHA), { text: `Day ${index}` }, { messageId: `ID${index}` });
      await ack;
    }
    await network.stop();
    return reads;
  };
  const [some, same, all, none] = await Promise.all([0.5, 0.5, 1, 0].map(readIds));
  expect(some).toEqual(same);
  expect(some!.length).toBeGreaterThan(0);
  expect(some!.length).toBeLessThan(16);
  expect([all!.length, none!.length]).toEqual([16, 0]);
});
