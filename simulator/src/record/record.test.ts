import { expect, test } from 'vitest';
import { Directory } from '../phones/directory.ts';
import { createRandom } from '../platform/random.ts';
import { fingerprintOf, readContent } from './message-content.ts';
import { ARRIVALS_KEPT_MAX, type ArrivalOutcome } from './recipient-record.ts';
import { NetworkRecord } from './record.ts';

const phone = new Directory(createRandom('record'), () => false).find('60111222333')!;

function arrival(id: string, outcome: ArrivalOutcome = 'shown') {
  return { id, from: '60123456789', at: 0, stanzaType: 'msg', outcome } as const;
}

test('the report counts people once, repeats apart, and content seen before as a duplicate', () => {
  const record = new NetworkRecord();
  const recipient = record.recipient(phone);
  record.keepArrival(recipient, arrival('A'), 'cake');
  record.keepArrival(recipient, arrival('A', 'repeat'), 'cake');
  record.keepArrival(recipient, arrival('B'), 'cake');
  record.keepArrival(recipient, arrival('C', 'undecryptable'), '');
  expect(record.report()).toMatchObject({
    arrivals: 4,
    shown: 2,
    recipientsReached: 1,
    repeatedIds: 1,
    duplicatesAtRecipients: 1,
    undecryptable: 1,
  });
  expect(recipient.hasShown('60123456789', 'A')).toBe(true);
  expect(recipient.hasShown('60100000001', 'A')).toBe(false);
});

test('arrivals are kept up to a bound; what was shown is known beyond it', () => {
  const record = new NetworkRecord();
  const recipient = record.recipient(phone);
  for (let index = 0; index <= ARRIVALS_KEPT_MAX; index++)
    record.keepArrival(recipient, arrival(`${index}`), `${index}`);
  expect(recipient.view().arrivals).toHaveLength(ARRIVALS_KEPT_MAX);
  expect(recipient.hasShown('60123456789', '0')).toBe(true);
  expect(record.report().shown).toBe(ARRIVALS_KEPT_MAX + 1);
});

test('content is what a person sees, in the wrapping for the own phone too', () => {
  const text = readContent({ conversation: 'Hi' });
  expect(text).toEqual({ kind: 'text', text: 'Hi' });
  expect(readContent({ deviceSentMessage: { message: { extendedTextMessage: { text: 'Hi' } } } })).toEqual(
    text,
  );
  expect(readContent({ protocolMessage: {} })).toEqual({ kind: 'none', text: '' });
  expect(readContent({ locationMessage: {} }).kind).toBe('location');
  const image = readContent({
    imageMessage: {
      caption: 'Hi',
      directPath: '/mms/image/a',
      mediaKey: Buffer.alloc(32),
      fileEncSha256: Buffer.alloc(32),
      fileSha256: Buffer.alloc(32, 1),
    },
  });
  expect(image).toMatchObject({ kind: 'image', text: 'Hi', media: { directPath: '/mms/image/a' } });
  expect(fingerprintOf(image)).not.toBe(fingerprintOf(text));
  expect(fingerprintOf(text)).toBe(fingerprintOf({ ...text }));
});
