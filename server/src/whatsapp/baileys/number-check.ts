import {
  assertNodeErrorFree,
  type BinaryNode,
  jidDecode,
  USyncQuery,
  USyncUser,
  type WASocket,
} from 'baileys';
import { SambadError } from '../../platform/errors.ts';
import type { NumberCheck } from '../client.ts';

const numbersPerQuery = 50;

/** What WhatsApp says about one number: whether it is registered, and the number it was asked about. */
interface ContactAnswer {
  registered: boolean;
  asked: string | undefined;
}

/**
 * The contact query, read with the number that was asked. Baileys' own onWhatsApp drops it, and then an answer under
 * another spelling (Brazil, Mexico, Argentina) cannot be told whose it is. The answer repeats the number as the element's
 * content (whatsmeow reads it there in IsOnWhatsApp).
 */
const contactProtocol: USyncQuery['protocols'][number] = {
  name: 'contact',
  getQueryElement: () => ({ tag: 'contact', attrs: {} }),
  getUserElement: (user) => ({ tag: 'contact', attrs: {}, ...(user.phone ? { content: user.phone } : {}) }),
  parser: readContact,
};

function readContact(node: BinaryNode): ContactAnswer {
  assertNodeErrorFree(node);
  const { content } = node;
  const asked = typeof content === 'string' || content instanceof Uint8Array ? digits(content) : undefined;
  return { registered: node.attrs.type === 'in', asked };
}

/** Asks in batches of 50; a number that the answer leaves out is not on WhatsApp. Rejects when no answer came. */
export async function checkNumbers(
  socket: Pick<WASocket, 'executeUSyncQuery'>,
  phones: readonly string[],
): Promise<NumberCheck[]> {
  const checks: NumberCheck[] = [];
  for (let from = 0; from < phones.length; from += numbersPerQuery) {
    const batch = phones.slice(from, from + numbersPerQuery);
    const jids = await askJids(socket, batch);
    for (const phone of batch) {
      const jid = jids.get(phone);
      checks.push(jid === undefined ? { phone, onWhatsApp: false } : { phone, onWhatsApp: true, jid });
    }
  }
  return checks;
}

async function askJids(
  socket: Pick<WASocket, 'executeUSyncQuery'>,
  phones: readonly string[],
): Promise<Map<string, string>> {
  const query = new USyncQuery();
  query.protocols.push(contactProtocol);
  for (const phone of phones) query.withUser(new USyncUser().withPhone(`+${phone}`));
  const answer = await socket.executeUSyncQuery(query).catch((cause: unknown) => {
    throw new SambadError('device_offline', 'WhatsApp refused the number check.', { cause });
  });
  // Baileys resolves a query that timed out to nothing.
  if (!answer) throw new SambadError('device_offline', 'WhatsApp did not answer the number check.');
  const jids = new Map<string, string>();
  for (const { id, contact } of answer.list) {
    if (!contact) continue;
    const { registered, asked } = contact as ContactAnswer;
    if (registered) jids.set(asked ?? jidDecode(id)?.user ?? '', id);
  }
  return jids;
}

function digits(content: string | Uint8Array): string | undefined {
  return Buffer.from(content).toString().replace(/\D/g, '') || undefined;
}
