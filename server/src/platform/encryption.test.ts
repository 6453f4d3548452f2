import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createEncryption } from './encryption.ts';

const rootKey = Buffer.alloc(32, 1);
const encryption = createEncryption(rootKey);
const cipher = encryption.forPurpose('device:one');

test('what was sealed opens again, also after a restart, and is never sealed the same way twice', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 500 }), fc.string(), (plain, context) => {
      const sealed = cipher.seal(context, plain);
      const afterRestart = createEncryption(Buffer.from(rootKey)).forPurpose('device:one');
      expect(afterRestart.open(context, sealed)).toEqual(Buffer.from(plain));
      expect(cipher.seal(context, plain)).not.toEqual(sealed);
    }),
  );
});

test('a sealed value opens from any view on its bytes', () => {
  const sealed = cipher.seal('row', Buffer.from('secret'));
  const larger = Buffer.concat([Buffer.from('before'), sealed, Buffer.from('after')]);
  const view = new Uint8Array(larger.buffer, larger.byteOffset + 6, sealed.length);
  expect(cipher.open('row', view).toString()).toBe('secret');
});

test('it does not open in another context, nor for another purpose', () => {
  const sealed = cipher.seal('creds', Buffer.from('secret'));
  expect(() => cipher.open('session:1', sealed)).toThrow();
  expect(() => encryption.forPurpose('device:two').open('creds', sealed)).toThrow();
});

test('any changed, missing or added byte is noticed', () => {
  const sealed = cipher.seal('creds', Buffer.from('secret'));
  for (let place = 0; place < sealed.length; place++) {
    const tampered = Buffer.from(sealed);
    tampered[place] = (tampered[place] ?? 0) ^ 1;
    expect(() => cipher.open('creds', tampered), `byte ${place}`).toThrow();
    expect(() => cipher.open('creds', sealed.subarray(0, place)), `length ${place}`).toThrow();
  }
  expect(() => cipher.open('creds', Buffer.concat([sealed, Buffer.alloc(1)]))).toThrow();
});

test('another root key is named as the reason', () => {
  const other = createEncryption(Buffer.alloc(32, 2));
  expect(other.keyId).not.toBe(encryption.keyId);
  const sealed = cipher.seal('creds', Buffer.from('secret'));
  expect(() => other.forPurpose('device:one').open('creds', sealed)).toThrow(
    expect.objectContaining({ code: 'key_wrong' }),
  );
});

test('the id of a key does not give it away, and keys of another length are refused', () => {
  expect(encryption.keyId).toMatch(/^[0-9a-f]{8}$/);
  expect(rootKey.toString('hex')).not.toContain(encryption.keyId);
  for (const length of [0, 16, 31, 33, 64])
    expect(() => createEncryption(Buffer.alloc(length))).toThrow('must be 32 bytes');
});
