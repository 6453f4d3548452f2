import { expect, test } from 'vitest';
import type { WriteResult } from '../client.ts';
import { currentTrace, SendStopped } from './send-trace.ts';
import { sendMessage } from './sending.ts';

/** An error as Baileys makes it. */
function boom(message: string, data?: number): Error {
  return Object.assign(new Error(message), { output: { statusCode: 500 }, data });
}

/** Sends over a socket that does as `relay` says. */
function sendOver(
  relay: () => Promise<string>,
  state: { isOpen?: boolean; closing?: AbortSignal } = {},
): Promise<WriteResult> {
  const creds = { me: { id: '601:4@s.whatsapp.net', lid: '9:4@lid' } };
  return sendMessage(
    { waMessageId: 'A', jid: '602@s.whatsapp.net', content: { kind: 'text', text: 'x' } },
    {
      socket: { relayMessage: relay, ws: { isOpen: state.isOpen ?? true }, authState: { creds } },
      build: async () => ({ conversation: 'x' }),
      closing: state.closing ?? new AbortController().signal,
    },
  );
}

/** Hands the stanza to the socket, as Baileys and the tap do together. */
function beginWrite(): (error?: unknown) => void {
  const trace = currentTrace();
  trace?.observe({ msgId: 'A' }, 'sending message to 1 devices');
  return trace?.startWrite() ?? (() => undefined);
}

test.each<[string, unknown, boolean, string]>([
  ['a rate limit', boom('rate-overlimit', 429), true, 'rate_limited'],
  ['missing keys', boom('All encryptions failed'), true, 'no_recipient_keys'],
  ['missing keys on a socket that goes down', boom('All encryptions failed'), false, 'offline'],
  ['a closed socket', boom('Connection Closed'), true, 'offline'],
  ['the bare number of a closed socket', 1006, true, 'offline'],
  ['a refused write', new SendStopped('lease_lost', 'no'), false, 'lease_lost'],
])('%s before the write leaves the message unwritten', async (_, thrown, isOpen, reason) => {
  const result = await sendOver(() => Promise.reject(thrown), { isOpen });
  expect(result).toEqual({ kind: 'not_written', reason });
});

test('what fails after the write was written all the same', async () => {
  const result = await sendOver(async () => {
    beginWrite()();
    throw new Error('The keys were not stored.');
  });
  expect(result).toEqual({ kind: 'written' });
});

test('a write that did not end well is unknown', async () => {
  const result = await sendOver(async () => {
    beginWrite()(new Error('EPIPE'));
    throw new Error('EPIPE');
  });
  expect(result).toEqual({ kind: 'unknown', detail: 'EPIPE' });
});

test('a send that ends without an observed write is unknown', async () => {
  expect(await sendOver(async () => 'A')).toMatchObject({ kind: 'unknown' });
});

test.each([
  ['before its write is unwritten', false, { kind: 'not_written', reason: 'offline' }],
  ['in its write is unknown', true, { kind: 'unknown', detail: 'The socket is closing.' }],
])('a send that a closing socket catches %s, at once', async (_, begun, expected) => {
  const closing = new AbortController();
  const result = sendOver(
    () => {
      if (begun) beginWrite();
      closing.abort(new SendStopped('offline', 'The socket is closing.'));
      return new Promise<string>(() => undefined);
    },
    { closing: closing.signal },
  );
  expect(await result).toEqual(expected);
});
