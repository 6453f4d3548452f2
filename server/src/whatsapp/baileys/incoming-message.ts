import {
  extractMessageContent,
  getContentType,
  isHostedLidUser,
  isHostedPnUser,
  isLidUser,
  isPnUser,
  toNumber,
  type WAMessage,
} from 'baileys';
import type { ConnectionEvent } from '../client.ts';

/** Contents that no person wrote as a message of its own: edits, deletions, key exchange, reactions, poll votes. */
const notWritten = new Set([
  'protocolMessage',
  'senderKeyDistributionMessage',
  'reactionMessage',
  'encReactionMessage',
  'pollUpdateMessage',
  'pinInChatMessage',
  'keepInChatMessage',
]);

/** The event for a message from a person; undefined for our own, for groups, and for what could not be decrypted. */
export function eventOfIncoming(message: WAMessage): ConnectionEvent | undefined {
  const { key, pushName, messageTimestamp } = message;
  const jid = key.remoteJid;
  if (!jid || !key.id || key.fromMe || !isPerson(jid)) return undefined;
  const content = extractMessageContent(message.message);
  const kind = content ? getContentType(content) : undefined;
  if (!content || !kind || notWritten.has(kind)) return undefined;
  return {
    kind: 'incoming',
    waMessageId: key.id,
    from: { jid, alternateJid: key.remoteJidAlt ?? undefined, pushName: pushName ?? undefined },
    text: textOf(content),
    at: new Date(toNumber(messageTimestamp) * 1000),
  };
}

function isPerson(jid: string): boolean {
  return Boolean(isPnUser(jid) || isLidUser(jid) || isHostedPnUser(jid) || isHostedLidUser(jid));
}

function textOf(content: NonNullable<WAMessage['message']>): string | undefined {
  const text =
    content.conversation ||
    content.extendedTextMessage?.text ||
    content.imageMessage?.caption ||
    content.videoMessage?.caption ||
    content.documentMessage?.caption;
  return text || undefined;
}
