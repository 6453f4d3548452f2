import { Curve } from 'baileys';
import { verifySignature } from 'libsignal/src/curve.js';
import { expect, test } from 'vitest';
import { identityFrom, keyPairFrom } from './keys.ts';
import { createRandom } from './random.ts';

test('a signature of any identity satisfies the verifier of the client, and only for its message', () => {
  const random = createRandom('signatures');
  for (let index = 0; index < 12; index++) {
    const identity = identityFrom(random.derive(`identity ${index}`));
    const message = random.bytes(33);
    const signature = identity.sign(message);
    const signalKey = Buffer.concat([Buffer.of(5), identity.public]);
    expect(verifySignature(signalKey, message, signature)).toBe(true);
    expect(verifySignature(signalKey, Buffer.concat([message, Buffer.of(1)]), signature)).toBe(false);
  }
});

test('two key pairs agree on one secret, with the client’s own arithmetic on either side', () => {
  const random = createRandom('agreement');
  const ours = identityFrom(random.bytes(32));
  const theirs = Curve.generateKeyPair();
  const fromOurs = Curve.sharedKey(ours.private, theirs.public);
  expect(Curve.sharedKey(theirs.private, ours.public)).toEqual(fromOurs);
});

test('a seed always derives the same keys, another seed others', () => {
  const derive = (seed: string) => keyPairFrom(createRandom(seed).derive('root')).public.toString('hex');
  expect(derive('a')).toBe(derive('a'));
  expect(derive('a')).not.toBe(derive('b'));
});
