import { type BinaryNode, encodeBigEndian } from 'baileys';
import type { PreKeyBundle } from '../phones/signal-party.ts';

const SERVER = 's.whatsapp.net';
const KEY_ID_BYTES = 3;
const CURVE25519_TYPE = Buffer.of(5);

/** A stanza or a part of one. */
export function element(
  tag: string,
  attrs: BinaryNode['attrs'] = {},
  content?: BinaryNode['content'],
): BinaryNode {
  return content === undefined ? { tag, attrs } : { tag, attrs, content };
}

/** The answer to a query. */
export function resultOf(query: BinaryNode, content?: BinaryNode[]): BinaryNode {
  return element('iq', { from: SERVER, type: 'result', id: query.attrs.id ?? '' }, content);
}

/** The refusal of a query. */
export function errorOf(query: BinaryNode, code: number, text: string): BinaryNode {
  return element('iq', { from: SERVER, type: 'error', id: query.attrs.id ?? '' }, [
    element('error', { code: String(code), text }),
  ]);
}

/** The content of a leaf as bytes; empty when there are none. The decoder gives short ASCII contents as strings. */
export function bytesOf(node: BinaryNode | undefined): Buffer {
  const content = node?.content;
  if (content === undefined || Array.isArray(content)) return Buffer.alloc(0);
  return typeof content === 'string' ? Buffer.from(content) : Buffer.from(content);
}

/** The content of a leaf as an unsigned big-endian number. */
export function numberOf(node: BinaryNode | undefined): number {
  const bytes = bytesOf(node);
  return bytes.length === 0 ? 0 : bytes.readUIntBE(0, bytes.length);
}

/** A prekey bundle in the form in which queries answer it and retry receipts carry it. */
export function bundleElements(bundle: PreKeyBundle): BinaryNode[] {
  const keyId = (id: number) => element('id', {}, encodeBigEndian(id, KEY_ID_BYTES));
  const { signedPreKey, preKey } = bundle;
  const elements = [
    element('type', {}, CURVE25519_TYPE),
    element('identity', {}, bundle.identityKey),
    element('skey', {}, [
      keyId(signedPreKey.id),
      element('value', {}, signedPreKey.publicKey),
      element('signature', {}, signedPreKey.signature),
    ]),
  ];
  if (preKey) elements.push(element('key', {}, [keyId(preKey.id), element('value', {}, preKey.publicKey)]));
  return elements;
}

/** The registration number of a Signal identity as stanzas carry it. */
export function registrationElement(registrationId: number): BinaryNode {
  return element('registration', {}, encodeBigEndian(registrationId));
}
