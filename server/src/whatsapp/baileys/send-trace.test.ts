import { expect, test } from 'vitest';
import { currentTrace, SendStopped, SendTrace, traced } from './send-trace.ts';

function trace(recipientUser = '602'): SendTrace {
  return new SendTrace({ waMessageId: 'A', recipientUser, ownUsers: new Set(['601', '999']) });
}

test('the write that follows the announcement is the message', () => {
  const sent = trace();
  expect(sent.stanzaComesNext).toBe(false);
  sent.observe({ msgId: 'A' }, 'sending message to 2 devices');
  expect(sent.stanzaComesNext).toBe(true);
  const done = sent.startWrite();
  expect([sent.stanzaComesNext, sent.started, sent.flushed]).toEqual([false, true, false]);
  done();
  expect(sent.flushed).toBe(true);
});

test('a write that fails was started and is not known to be out', () => {
  const sent = trace();
  sent.observe({ msgId: 'A' }, 'sending message to 1 devices');
  sent.startWrite()(new Error('socket'));
  expect([sent.started, sent.flushed]).toEqual([true, false]);
});

test('another message of the same context is not this one', () => {
  const sent = trace();
  sent.observe({ msgId: 'B' }, 'sending message to 1 devices');
  expect(sent.stanzaComesNext).toBe(false);
});

test('a message without recipients is stopped', () => {
  expect(() => trace().observe({ msgId: 'A' }, 'sending message to 0 devices')).toThrow(SendStopped);
});

test('a message that only our own devices would get is stopped, unless it is to ourselves', () => {
  const text = 'Device enumeration complete with unified addressing';
  const own = { devices: ['601:0@s.whatsapp.net', '999:3@lid'] };
  expect(() => trace().observe(own, text)).toThrow(SendStopped);
  expect(() => trace().observe({ devices: [...own.devices, '602:0@s.whatsapp.net'] }, text)).not.toThrow();
  expect(() => trace('601').observe(own, text)).not.toThrow();
  expect(() => trace('601').observe({ devices: [] }, text)).toThrow(SendStopped);
});

test('a trace is found in what its work calls and awaits, and nowhere else', async () => {
  const sent = trace();
  const seen = await traced(sent, async () => {
    await Promise.resolve();
    return currentTrace();
  });
  expect(seen).toBe(sent);
  expect(currentTrace()).toBeUndefined();
});
