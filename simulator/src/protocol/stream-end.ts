import type { BinaryNode } from 'baileys';
import type { ClientConnection } from '../transport/client-connection.ts';
import { element } from './stanza.ts';

/** Ways in which the network ends a stream: a code, another login, or the phone's owner unlinking the device. */
export type StreamEnd = number | 'replaced' | 'device_removed';

const UNLINKED_CODE = '401';

function streamEndStanza(end: StreamEnd): BinaryNode {
  if (typeof end === 'number') return element('stream:error', { code: String(end) });
  // Without the code, clients would take a removed device for a replaced one.
  const attrs: Record<string, string> = end === 'device_removed' ? { code: UNLINKED_CODE } : {};
  return element('stream:error', attrs, [element('conflict', { type: end })]);
}

/** Ends a connection with this reason. Frames that still come on it are refused, and counted when it was replaced. */
export function endStream(connection: ClientConnection, end: StreamEnd): void {
  connection.replaced = end === 'replaced';
  connection.retire(streamEndStanza(end));
}
