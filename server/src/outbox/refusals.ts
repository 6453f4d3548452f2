import type { MessageEvent } from './transition.ts';

/**
 * WhatsApp's error codes on a message acknowledgement that are worth another attempt: the server was busy (500, 503)
 * or asked to slow down (429). Every other code is WhatsApp's last word on this message from this device; 463
 * (new chats refused) above all, since repeating it makes the restriction longer.
 */
const passingCodes = new Set([429, 500, 503]);

/** What a refusal by WhatsApp's server means for a message. */
export function eventOfRefusal(code: number, retryInMs: number): MessageEvent {
  return passingCodes.has(code)
    ? { kind: 'refused_for_now', retryInMs }
    : { kind: 'failed', reason: 'refused' };
}
