import { expect, test } from 'vitest';
import { openAdapterStage } from '../../../../test/support/adapter-stage.ts';
import { newPhone, onePixelPng, startAdapter } from '../../../../test/support/device-on-network.ts';
import type { OutgoingContent } from '../client.ts';

const stage = openAdapterStage('sending');

const text = (words: string): OutgoingContent => ({ kind: 'text', text: words });

test('a text is written, acknowledged, delivered and read, for a new and for a known recipient', async () => {
  const to = newPhone();
  for (const words of ['first', 'second']) {
    const { id, result } = await stage.send(to, text(words));
    expect(result).toEqual({ kind: 'written' });
    await stage.observed.seen('acknowledged', (event) => event.waMessageId === id);
    await stage.observed.seen(
      'receipt',
      (event) => event.receipt === 'delivered' && event.waMessageIds.includes(id),
    );
    await stage.observed.seen(
      'receipt',
      (event) => event.receipt === 'read' && event.waMessageIds.includes(id),
    );
  }
  expect(stage.seenBy(to).map((shown) => shown.text)).toEqual(['first', 'second']);
});

test('an image with a caption is uploaded once for two recipients and again used after a restart', async () => {
  const uploadsBefore = stage.simulator.report().mediaUploads;
  const mediaId = await stage.device.addMedia(onePixelPng);
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
  const both = await Promise.all([
    stage.send(recipients[0], image('Hi A')),
    stage.send(recipients[1], image('Hi B')),
  ]);
  for (const { id, result } of both) {
    expect(result).toEqual({ kind: 'written' });
    await stage.observed.seen('acknowledged', (event) => event.waMessageId === id);
  }
  await stage.observed.connection.close();
  const restarted = await startAdapter(stage.database.db, stage.simulator);
  stage.observed = await stage.device.open(restarted);
  const third = await stage.send(recipients[2], image('Hi C'));
  await stage.observed.seen('acknowledged', (event) => event.waMessageId === third.id);
  await stage.simulator.waitFor(() => recipients.every((to) => stage.seenBy(to).length === 1));
  for (const [index, to] of recipients.entries()) {
    expect(stage.seenBy(to)[0]).toMatchObject({
      kind: 'image',
      caption: `Hi ${'ABC'[index]}`,
      mediaVerified: true,
    });
  }
  expect(loads).toBe(1);
  expect(stage.simulator.report().mediaUploads - uploadsBefore).toBe(1);
  await stage.observed.connection.close();
  await restarted.stop();
});

test('a medium that cannot be loaded leaves its message unwritten', async () => {
  const { result } = await stage.send(newPhone(), {
    kind: 'image',
    caption: '',
    media: {
      mediaId: await stage.device.addMedia(onePixelPng),
      mimeType: 'image/png',
      load: () => Promise.reject(new Error('gone')),
    },
  });
  expect(result).toEqual({ kind: 'not_written', reason: 'media_upload' });
});

test('numbers are checked in batches and answered in order', async () => {
  const phones = Array.from({ length: 60 }, (_, index) => String(60170001000 + index));
  phones.push('60170010000');
  const checks = await stage.observed.connection.checkNumbers(phones);
  expect(checks.map((check) => check.phone)).toEqual(phones);
  expect(checks.at(-1)).toEqual({ phone: '60170010000', onWhatsApp: false });
  expect(checks.filter((check) => check.jid === `${check.phone}@s.whatsapp.net`)).toHaveLength(60);
});

test('a message to a number that is not on WhatsApp is not written', async () => {
  const acceptedBefore = stage.simulator.report().accepted;
  const { result } = await stage.send('60170020000', text('nobody there'));
  expect(result).toEqual({ kind: 'not_written', reason: 'no_recipient_keys' });
  expect(stage.simulator.report().accepted).toBe(acceptedBefore);
});

test('an acknowledgement with an error is a refusal with its code', async () => {
  stage.simulator.ackErrors({ code: 463, count: 1, phone: stage.phone });
  const { id, result } = await stage.send(newPhone(), text('refused'));
  expect(result).toEqual({ kind: 'written' });
  expect(await stage.observed.seen('refused')).toEqual({ kind: 'refused', waMessageId: id, code: 463 });
  expect(stage.observed.count('acknowledged')).toBe(0);
});

test('without leave to write nothing reaches the network and the connection ends', async () => {
  const to = newPhone();
  await stage.device.sendAcknowledged(stage.observed, to, 'allowed');
  const acceptedBefore = stage.simulator.report().accepted;
  stage.device.mayWrite = false;
  const { result } = await stage.send(to, text('forbidden'));
  expect(result).toEqual({ kind: 'not_written', reason: 'lease_lost' });
  expect(await stage.observed.seen('closed')).toMatchObject({ reason: 'connection_lost' });
  expect(stage.simulator.report().accepted).toBe(acceptedBefore);
});

test('leave to write that ends between encryption and the write stops the message at the socket', async () => {
  const to = newPhone();
  await stage.device.sendAcknowledged(stage.observed, to, 'allowed');
  const acceptedBefore = stage.simulator.report().accepted;
  const sending = stage.send(to, text('overtaken'));
  // The send has passed its own first look at the lease; what is left is the look at the write.
  stage.device.mayWrite = false;
  expect((await sending).result).toEqual({ kind: 'not_written', reason: 'lease_lost' });
  expect(await stage.observed.seen('closed')).toMatchObject({ reason: 'connection_lost' });
  expect(stage.simulator.report().accepted).toBe(acceptedBefore);
});
