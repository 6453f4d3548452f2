import { proto, unpadRandomMax16 } from 'baileys';
import type { Incoming, Network } from '../network.ts';
import type { Phone } from '../phones/phone.ts';
import type { Ciphertext } from '../phones/signal-party.ts';
import { fingerprintOf, type MessageContent, readContent } from '../record/message-content.ts';
import type { Arrival, ArrivalOutcome } from '../record/recipient-record.ts';
import { askAgain } from './receipts.ts';

const RETRIES_MAX = 5;

/** Decrypts a message on a phone; undefined when the phone cannot. */
async function open(
  phone: Phone,
  address: string,
  ciphertext: Ciphertext,
): Promise<MessageContent | undefined> {
  try {
    return readContent(
      proto.Message.decode(unpadRandomMax16(await phone.signal.decrypt(address, ciphertext))),
    );
  } catch {
    return undefined;
  }
}

function outcomeOf(content: MessageContent | undefined, shownBefore: boolean): ArrivalOutcome {
  if (shownBefore) return 'repeat';
  if (!content) return 'undecryptable';
  return content.kind === 'none' ? 'invisible' : 'shown';
}

function describe(content: MessageContent): Partial<Arrival> {
  const { kind, text, media } = content;
  if (kind === 'text') return { kind, text };
  return { kind, caption: text, ...(media && { mediaSha256: Buffer.from(media.sha256).toString('base64') }) };
}

/**
 * A message reaches its recipient's phone: decrypted with the session of that person, its media fetched and checked,
 * and booked. Returns false when the phone could not read it and asked for it again.
 */
export async function arrive(
  network: Network,
  { device, node }: Incoming,
  phone: Phone,
  ciphertext: Ciphertext,
): Promise<boolean> {
  const content = await open(phone, device.signalAddress, ciphertext);
  const mediaVerified = content?.media && (await network.mediaVerifier.verify(content.media));
  const recipient = network.record.recipient(phone);
  const from = device.phone.digits;
  const id = node.attrs.id ?? '';
  const outcome = outcomeOf(content, recipient.hasShown(from, id));
  const arrival: Arrival = {
    id,
    from,
    at: network.clock.now(),
    stanzaType: ciphertext.type,
    ...(content && describe(content)),
    ...(mediaVerified !== undefined && { mediaVerified }),
    outcome,
  };
  network.record.keepArrival(recipient, arrival, content ? fingerprintOf(content) : '');
  network.events.tell('arrival', { ...arrival, to: phone.digits });
  if (outcome !== 'undecryptable') return true;
  const count = recipient.countRetry(from, id);
  if (count <= RETRIES_MAX) askAgain(network, device, phone, { id, chat: phone.jid, count });
  return false;
}

/** The sender's own phone gets its copy, or what a linked device tells it. It asks again for what it cannot read. */
export async function openOwnCopy(
  network: Network,
  { device, node }: Incoming,
  ciphertext: Ciphertext,
  chat: string,
): Promise<void> {
  const { phone } = device;
  if (await open(phone, device.signalAddress, ciphertext)) return;
  network.record.count('ownCopiesUndecryptable');
  const id = node.attrs.id ?? '';
  const count = device.countOwnRetry(id);
  if (count <= RETRIES_MAX) askAgain(network, device, phone, { id, chat, count });
}
