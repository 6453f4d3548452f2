import { createHmac } from 'node:crypto';
import type { proto } from 'baileys';
import type { MediaSource, OutgoingContent } from '../client.ts';

export interface ContentContext {
  waMessageId: string;
  /** A secret of the account, from which the message's own secret is derived. */
  accountSecret: string;
  upload(media: MediaSource): Promise<proto.Message.IImageMessage>;
}

/**
 * The protobuf message for a content. The same id and content give the same message, also after a restart: a resend and
 * the answer to a retry receipt must carry the secret that the recipient may already have.
 */
export async function buildMessage(
  content: OutgoingContent,
  context: ContentContext,
): Promise<proto.IMessage> {
  const messageContextInfo = { messageSecret: messageSecret(context) };
  if (content.kind === 'text') return { extendedTextMessage: { text: content.text }, messageContextInfo };
  const image = await context.upload(content.media);
  const imageMessage = content.caption === '' ? image : { ...image, caption: content.caption };
  return { imageMessage, messageContextInfo };
}

function messageSecret({ accountSecret, waMessageId }: ContentContext): Buffer {
  return createHmac('sha256', accountSecret).update(`message secret ${waMessageId}`).digest();
}
