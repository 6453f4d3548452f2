import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Arrival, type Simulator, startSimulator } from '../../../../simulator/src/index.ts';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import {
  DeviceOnNetwork,
  newPhone,
  type ObservedConnection,
  onePixelPng,
  startAdapter,
} from '../../../../test/support/device-on-network.ts';
import type { Service } from '../../platform/lifecycle.ts';
import type { OutgoingContent, WhatsApp } from '../client.ts';

let database: TestDatabase;
let simulator: Simulator;
let whatsapp: WhatsApp & Service;
let device: DeviceOnNetwork;
let observed: ObservedConnection;
let phone: string;

beforeAll(async () => {
  database = await createTestDatabase();
  simulator = await startSimulator({
    seed: 'sending',
    behaviour: { receiptDelayMs: [0, 0], readDelayMs: [0, 0], readProbability: 1 },
  });
  whatsapp = await startAdapter(database.db, simulator);
});
beforeEach(async () => {
  device = await DeviceOnNetwork.create(database.db);
  phone = newPhone();
  observed = await device.pair(whatsapp, simulator, phone);
});
afterEach(async () => {
  await observed.connection.close();
  simulator.clearFaults();
});
afterAll(async () => {
  await whatsapp.stop();
  await simulator.stop();
  await database.remove();
});

const text = (words: string): OutgoingContent => ({ kind: 'text', text: words });
const send = (to: string, content: OutgoingContent) => device.send(observed, to, content);

function seenBy(to: string): Arrival[] {
  return simulator.recipients({ phone: to })[0]?.shown ?? [];
}

test('a text is written, acknowledged, delivered and read, for a new and for a known recipient', async () => {
  const to = newPhone();
  for (const words of ['first', 'second']) {
    const { id, result } = await send(to, text(words));
    expect(result).toEqual({ kind: 'written' });
    await observed.seen('acknowledged', (event) => event.waMessageId === id);
    await observed.seen(
      'receipt',
      (event) => event.receipt === 'delivered' && event.waMessageIds.includes(id),
    );
    await observed.seen('receipt', (event) => event.receipt === 'read' && event.waMessageIds.includes(id));
  }
  expect(seenBy(to).map((shown) => shown.text)).toEqual(['first', 'second']);
});

test('an image with a caption is uploaded once for two recipients and again used after a restart', async () => {
  const uploadsBefore = simulator.report().mediaUploads;
  const mediaId = await device.addMedia(onePixelPng);
  let loads = 0;
  const image = (caption: string): OutgoingContent => ({
    kind: 'image',
    caption,
    media: {
      mediaId,
      mimeType: 'image/png',
      load: async () => {
        loads += 1;
        return onePixelPng;
      },
    },
  });
  const recipients = [newPhone(), newPhone(), newPhone()] as const;
  const both = await Promise.all([send(recipients[0], image('Hi A')), send(recipients[1], image('Hi B'))]);
  for (const { id, result } of both) {
    expect(result).toEqual({ kind: 'written' });
    await observed.seen('acknowledged', (event) => event.waMessageId === id);
  }
  await observed.connection.close();
  const restarted = await startAdapter(database.db, simulator);
  observed = await device.open(restarted);
  const third = await send(recipients[2], image('Hi C'));
  await observed.seen('acknowledged', (event) => event.waMessageId === third.id);
  await simulator.waitFor(() => recipients.every((to) => seenBy(to).length === 1));
  for (const [index, to] of recipients.entries()) {
    expect(seenBy(to)[0]).toMatchObject({
      kind: 'image',
      caption: `Hi ${'ABC'[index]}`,
      mediaVerified: true,
    });
  }
  expect(loads).toBe(1);
  expect(simulator.report().mediaUploads - uploadsBefore).toBe(1);
  await observed.connection.close();
  await restarted.stop();
});

test('a medium that cannot be loaded leaves its message unwritten', async () => {
  const { result } = await send(newPhone(), {
    kind: 'image',
    caption: '',
    media: {
      mediaId: await device.addMedia(onePixelPng),
      mimeType: 'image/png',
      load: () => Promise.reject(new Error('gone')),
    },
  });
  expect(result).toEqual({ kind: 'not_written', reason: 'media_upload' });
});

test('numbers are checked in batches and answered in order', async () => {
  const phones = Array.from({ length: 60 }, (_, index) => String(60170001000 + index));
  phones.push('60170010000');
  const checks = await observed.connection.checkNumbers(phones);
  expect(checks.map((check) => check.phone)).toEqual(phones);
  expect(checks.at(-1)).toEqual({ phone: '60170010000', onWhatsApp: false });
  expect(checks.filter((check) => check.jid === `${check.phone}@s.whatsapp.net`)).toHaveLength(60);
});

test('a message to a number that is not on WhatsApp is not written', async () => {
  const acceptedBefore = simulator.report().accepted;
  const { result } = await send('60170020000', text('nobody there'));
  expect(result).toEqual({ kind: 'not_written', reason: 'no_recipient_keys' });
  expect(simulator.report().accepted).toBe(acceptedBefore);
});

test('an acknowledgement with an error is a refusal with its code', async () => {
  simulator.ackErrors({ code: 463, count: 1, phone });
  const { id, result } = await send(newPhone(), text('refused'));
  expect(result).toEqual({ kind: 'written' });
  expect(await observed.seen('refused')).toEqual({ kind: 'refused', waMessageId: id, code: 463 });
  expect(observed.count('acknowledged')).toBe(0);
});

test('without leave to write nothing reaches the network and the connection ends', async () => {
  const to = newPhone();
  await device.sendAcknowledged(observed, to, 'allowed');
  const acceptedBefore = simulator.report().accepted;
  device.mayWrite = false;
  const { result } = await send(to, text('forbidden'));
  expect(result).toEqual({ kind: 'not_written', reason: 'lease_lost' });
  expect(await observed.seen('closed')).toMatchObject({ reason: 'connection_lost' });
  expect(simulator.report().accepted).toBe(acceptedBefore);
});

test('leave to write that ends between encryption and the write stops the message at the socket', async () => {
  const to = newPhone();
  await device.sendAcknowledged(observed, to, 'allowed');
  const acceptedBefore = simulator.report().accepted;
  const sending = send(to, text('overtaken'));
  // The send has passed its own first look at the lease; what is left is the look at the write.
  device.mayWrite = false;
  expect((await sending).result).toEqual({ kind: 'not_written', reason: 'lease_lost' });
  expect(await observed.seen('closed')).toMatchObject({ reason: 'connection_lost' });
  expect(simulator.report().accepted).toBe(acceptedBefore);
});
