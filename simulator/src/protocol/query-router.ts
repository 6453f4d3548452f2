import { type BinaryNode, getAllBinaryNodeChildren, getBinaryNodeChild } from 'baileys';
import type { Incoming, Network } from '../network.ts';
import { answerEncryption } from './encryption-queries.ts';
import { activate } from './login.ts';
import { element, errorOf, resultOf } from './stanza.ts';
import { endStream } from './stream-end.ts';
import { answerUserQuery } from './user-queries.ts';

type Answer = BinaryNode[] | undefined;
type QueryHandler = (network: Network, incoming: Incoming) => Answer;

const MEDIA_CONNECTION_TTL_SECONDS = 3600;

const PRIVACY: ReadonlyArray<readonly [name: string, value: string]> = [
  ['readreceipts', 'all'],
  ['last', 'all'],
  ['online', 'all'],
  ['profile', 'all'],
  ['status', 'contacts'],
  ['groupadd', 'all'],
  ['calladd', 'all'],
];

function answerPrivacy(_network: Network, { node }: Incoming): Answer {
  if (node.attrs.type !== 'get') return undefined;
  return [
    element(
      'privacy',
      {},
      PRIVACY.map(([name, value]) => element('category', { name, value })),
    ),
  ];
}

function answerAppState(_network: Network, { node }: Incoming): Answer {
  const collections = getAllBinaryNodeChildren(getBinaryNodeChild(node, 'sync') ?? element('sync'));
  const unchanged = collections.map(({ attrs }) =>
    element('collection', { name: attrs.name ?? '', version: attrs.version ?? '0' }),
  );
  return [element('sync', {}, unchanged)];
}

function answerMediaConnection(network: Network, { connection }: Incoming): Answer {
  const attrs = {
    auth: network.random.bytes(16).toString('base64url'),
    ttl: String(MEDIA_CONNECTION_TTL_SECONDS),
    auth_ttl: String(MEDIA_CONNECTION_TTL_SECONDS),
    max_buckets: '1',
  };
  return [element('media_conn', attrs, [element('host', { hostname: connection.reachedAs })])];
}

const nothing: QueryHandler = () => undefined;

const HANDLERS: ReadonlyMap<string, QueryHandler> = new Map([
  ['encrypt', answerEncryption],
  ['usync', answerUserQuery],
  ['privacy', answerPrivacy],
  ['w:sync:app:state', answerAppState],
  ['w:m', answerMediaConnection],
  ['abt', () => [element('props', { hash: 'simulator' })]],
  ['blocklist', () => [element('list')]],
  ['w:p', nothing],
  ['w:stats', nothing],
  ['w:mex', nothing],
  ['w:profile:picture', nothing],
  ['urn:xmpp:whatsapp:dirty', nothing],
  ['urn:xmpp:ping', nothing],
]);

function unlink(network: Network, { device, connection }: Incoming): void {
  device.phone.linkedDevices.delete(device.id);
  endStream(connection, 'device_removed');
  network.events.emit('change');
}

/** Answers a linked device's query. One that nothing here knows gets an empty result and is counted. */
export async function answerQuery(network: Network, incoming: Incoming): Promise<void> {
  const { connection, device, node } = incoming;
  if (node.attrs.type !== 'get' && node.attrs.type !== 'set') return;
  const namespace = node.attrs.xmlns ?? '';
  if (namespace === 'passive') {
    connection.send(resultOf(node));
    if (getBinaryNodeChild(node, 'active')) await activate(network, device);
    return;
  }
  if (namespace === 'md') {
    if (getBinaryNodeChild(node, 'remove-companion-device')) unlink(network, incoming);
    else connection.send(errorOf(node, 501, 'feature-not-implemented'));
    return;
  }
  const handler = HANDLERS.get(namespace);
  if (!handler) network.record.countUnknownQuery(namespace);
  connection.send(resultOf(node, handler?.(network, incoming)));
}
