import {
  type BinaryNode,
  getAllBinaryNodeChildren,
  getBinaryNodeChild,
  getBinaryNodeChildren,
} from 'baileys';
import type { Incoming, Network } from '../network.ts';
import type { Phone } from '../phones/phone.ts';
import { bytesOf, element } from './stanza.ts';

/** A user somebody asks about: by address, or by number with a plus in a contact query. */
interface Asked {
  readonly jid: string;
  readonly number: string | undefined;
  readonly phone: Phone | undefined;
}

function readUser({ directory }: Network, user: BinaryNode): Asked {
  const number = bytesOf(getBinaryNodeChild(user, 'contact')).toString();
  if (number === '') {
    const jid = user.attrs.jid ?? '';
    return { jid, number: undefined, phone: directory.resolve(jid)?.phone };
  }
  const digits = number.replace(/^\+/, '');
  return { jid: `${digits}@s.whatsapp.net`, number, phone: directory.find(digits) };
}

function deviceList(phone: Phone | undefined): BinaryNode {
  const linked = [...(phone?.linkedDevices.keys() ?? [])].map((id) =>
    // Clients leave out a linked device without a key index.
    element('device', { id: String(id), 'key-index': String(id) }),
  );
  const devices = phone ? [element('device', { id: '0' }), ...linked] : [];
  return element('devices', {}, [element('device-list', {}, devices)]);
}

function answerProtocol(protocol: string, { number, phone }: Asked): BinaryNode | undefined {
  if (protocol === 'contact') {
    return element(
      'contact',
      { type: phone ? 'in' : 'out' },
      number === undefined ? undefined : Buffer.from(number),
    );
  }
  if (protocol === 'devices') return deviceList(phone);
  if (protocol === 'lid') return phone && element('lid', { val: phone.lidJid });
  return undefined;
}

/** Answers a `usync` query: which numbers are on WhatsApp, their devices, their LIDs. */
export function answerUserQuery(network: Network, { node }: Incoming): BinaryNode[] {
  const usync = getBinaryNodeChild(node, 'usync') ?? element('usync');
  const protocols = getAllBinaryNodeChildren(getBinaryNodeChild(usync, 'query') ?? element('query'));
  const users = getBinaryNodeChildren(getBinaryNodeChild(usync, 'list'), 'user').map((user) => {
    const asked = readUser(network, user);
    const answers = protocols
      .map(({ tag }) => answerProtocol(tag, asked))
      .filter((answer) => answer !== undefined);
    return element('user', { jid: asked.jid }, answers);
  });
  return [element('usync', usync.attrs, [element('result'), element('list', {}, users)])];
}
