import { setImmediate } from 'node:timers/promises';
import { jidDecode, type proto, type WASocket } from 'baileys';
import { messageOf } from '../../platform/errors.ts';
import type { NotWrittenReason, OutgoingContent, OutgoingMessage, WriteResult } from '../client.ts';
import { iqErrorCodeOf } from './close-reason.ts';
import { MediaUploadFailed } from './media-uploads.ts';
import { orClosed } from './or-closed.ts';
import { SendStopped, SendTrace, traced } from './send-trace.ts';

/** What sending uses of a Baileys socket. */
type SendingSocket = Pick<WASocket, 'relayMessage'> & {
  ws: Pick<WASocket['ws'], 'isOpen'>;
  authState: { creds: Pick<WASocket['authState']['creds'], 'me'> };
};

export interface SendingOptions {
  socket: SendingSocket;
  build(content: OutgoingContent, waMessageId: string): Promise<proto.IMessage>;
  /** Aborts when the socket begins to close; its reason is for whoever was about to write. */
  closing: AbortSignal;
}

/** Encrypts and writes one message, and says exactly how far it got. Never rejects. */
export async function sendMessage(message: OutgoingMessage, options: SendingOptions): Promise<WriteResult> {
  const trace = new SendTrace({
    waMessageId: message.waMessageId,
    recipientUser: userOf(message.jid),
    ownUsers: ownUsersOf(options.socket),
  });
  const relayed = relay(message, trace, options).then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  const failure = await orClosed(relayed, options.closing, () => ({ error: options.closing.reason }));
  // In a tight loop of sends the socket would not be read, and acknowledgements would come late (wa-protocol 8.6).
  await setImmediate();
  return resultOf(trace, failure, options.socket.ws.isOpen);
}

async function relay(message: OutgoingMessage, trace: SendTrace, options: SendingOptions): Promise<void> {
  const { waMessageId, jid, content } = message;
  const built = await options.build(content, waMessageId);
  await traced(trace, () => options.socket.relayMessage(jid, built, { messageId: waMessageId }));
}

function resultOf(trace: SendTrace, failure: { error: unknown } | undefined, isOpen: boolean): WriteResult {
  // Baileys may fail after the write, when it stores the ratchet: the message is out all the same.
  if (trace.flushed) return { kind: 'written' };
  const detail = failure ? messageOf(failure.error) : 'The write was not observed.';
  if (trace.started || !failure) return { kind: 'unknown', detail };
  const reason = reasonOf(failure.error);
  // A query that fails because the socket is going down looks to Baileys like a recipient without keys.
  const goesDown = !isOpen && (reason === 'no_recipient_keys' || reason === 'media_upload');
  return { kind: 'not_written', reason: goesDown ? 'offline' : reason };
}

/** Why nothing was written. What has no better name left nothing to encrypt to: the device or key query failed. */
function reasonOf(error: unknown): NotWrittenReason {
  if (error instanceof SendStopped) return error.reason;
  const cause = error instanceof MediaUploadFailed ? error.cause : error;
  if (iqErrorCodeOf(cause) === 429) return 'rate_limited';
  if (error instanceof MediaUploadFailed) return 'media_upload';
  if (typeof error === 'number' || messageOf(error) === 'Connection Closed') return 'offline';
  return 'no_recipient_keys';
}

function userOf(jid: string): string {
  return jidDecode(jid)?.user ?? '';
}

function ownUsersOf(socket: SendingSocket): ReadonlySet<string> {
  const me = socket.authState.creds.me;
  return new Set([me?.id, me?.lid].flatMap((jid) => (jid ? [userOf(jid)] : [])));
}
