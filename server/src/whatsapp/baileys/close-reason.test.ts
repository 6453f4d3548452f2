import { expect, test } from 'vitest';
import { closeReasonOf } from './close-reason.ts';

function boom(statusCode: number, message = 'Connection Failure'): Error {
  return Object.assign(new Error(message), { output: { statusCode } });
}

test.each([
  [515, 'restart_required'],
  [401, 'logged_out'],
  [440, 'replaced'],
  [403, 'forbidden'],
  [405, 'connection_lost'],
  [408, 'connection_lost'],
  [428, 'connection_lost'],
  [500, 'connection_lost'],
  [503, 'connection_lost'],
])('code %i means %s', (code, reason) => {
  expect(closeReasonOf(boom(code))).toEqual({ reason, code });
});

test('408 after the last QR code means that nobody scanned', () => {
  expect(closeReasonOf(boom(408, 'QR refs attempts ended'))).toEqual({
    reason: 'pairing_expired',
    code: 408,
  });
});

test.each([1006, undefined, null, 'text', new Error('plain')])(
  '%s has no code and means a lost connection',
  (thrown) => {
    expect(closeReasonOf(thrown)).toEqual({ reason: 'connection_lost', code: undefined });
  },
);
