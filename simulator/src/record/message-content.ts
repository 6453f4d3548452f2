import { createHash } from 'node:crypto';
import { getContentType, type MediaType, normalizeMessageContent, type proto } from 'baileys';

/** Where a message's media is stored and how to open it. */
export interface MediaReference {
  readonly mediaType: MediaType;
  readonly directPath: string;
  readonly mediaKey: Uint8Array;
  readonly encryptedSha256: Uint8Array;
  readonly sha256: Uint8Array;
}

/** What a person would see of a message. */
export interface MessageContent {
  /** `text`, `image`, or another kind's protocol name without `Message`; `none` when nothing would be shown. */
  readonly kind: string;
  /** The text, or the caption of media. */
  readonly text: string;
  readonly media?: MediaReference;
}

const INVISIBLE = new Set(['protocolMessage', 'senderKeyDistributionMessage', 'reactionMessage']);
const TEXT = new Set(['conversation', 'extendedTextMessage']);

type MediaFields = Pick<
  proto.Message.IImageMessage,
  'directPath' | 'mediaKey' | 'fileEncSha256' | 'fileSha256' | 'caption'
>;

const MEDIA_FIELDS = {
  imageMessage: 'image',
  videoMessage: 'video',
  audioMessage: 'audio',
  documentMessage: 'document',
  stickerMessage: 'sticker',
} as const satisfies Partial<Record<keyof proto.IMessage, MediaType>>;

function mediaOf(mediaType: MediaType, fields: MediaFields): MediaReference | undefined {
  const { directPath, mediaKey, fileEncSha256, fileSha256 } = fields;
  if (!directPath || !mediaKey || !fileEncSha256 || !fileSha256) return undefined;
  return { mediaType, directPath, mediaKey, encryptedSha256: fileEncSha256, sha256: fileSha256 };
}

/** Reads a decrypted message; the copy for the sender's own phone is read as what it wraps. */
export function readContent(message: proto.IMessage): MessageContent {
  const inner = normalizeMessageContent(message.deviceSentMessage?.message ?? message) ?? {};
  const type = getContentType(inner);
  if (type === undefined || INVISIBLE.has(type)) return { kind: 'none', text: '' };
  if (TEXT.has(type))
    return { kind: 'text', text: inner.conversation ?? inner.extendedTextMessage?.text ?? '' };
  if (type in MEDIA_FIELDS) {
    const mediaType = MEDIA_FIELDS[type as keyof typeof MEDIA_FIELDS];
    const fields = inner[type as keyof typeof MEDIA_FIELDS] as MediaFields;
    const media = mediaOf(mediaType, fields);
    return { kind: mediaType, text: fields.caption ?? '', ...(media && { media }) };
  }
  return { kind: type.replace(/Message(V\d)?$/, ''), text: '' };
}

/** Equal for two messages that look the same to the person who reads them. */
export function fingerprintOf(content: MessageContent): string {
  const hash = createHash('sha256').update(`${content.kind}\n${content.text}\n`);
  if (content.media) hash.update(content.media.sha256);
  return hash.digest('base64url');
}
