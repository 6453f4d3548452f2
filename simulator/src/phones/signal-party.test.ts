import { expect, test, vi } from 'vitest';
import { createRandom } from '../platform/random.ts';
import { SignalParty } from './signal-party.ts';

// libsignal prints what it cannot decrypt.
for (const level of ['info', 'warn', 'error'] as const) vi.spyOn(console, level).mockImplementation(() => {});

const ALI = '60111222333.0';
const BINA = '60111222334.0';

function people() {
  const random = createRandom('signal');
  return { ali: new SignalParty(random, 'ali'), bina: new SignalParty(random, 'bina') };
}

test('a session starts from a bundle, goes both ways, and each one-time prekey starts only one', async () => {
  const { ali, bina } = people();
  const bundle = bina.issueBundle();
  expect(bina.issueBundle().preKey?.id).not.toBe(bundle.preKey?.id);
  await ali.startSession(BINA, bundle);
  const first = await ali.encrypt(BINA, Buffer.from('one'));
  expect(first.type).toBe('pkmsg');
  expect((await bina.decrypt(ALI, first)).toString()).toBe('one');
  const answer = await bina.encrypt(ALI, Buffer.from('two'));
  expect(answer.type).toBe('msg');
  expect((await ali.decrypt(BINA, answer)).toString()).toBe('two');
  await ali.startSession(BINA, bundle);
  await expect(bina.decrypt(ALI, await ali.encrypt(BINA, Buffer.from('three')))).rejects.toThrow(
    /Invalid PreKey ID/,
  );
});

test('a bundle without a one-time prekey starts a session too', async () => {
  const { ali, bina } = people();
  const { preKey: _used, ...bundle } = bina.issueBundle();
  await ali.startSession(BINA, bundle);
  const message = await ali.encrypt(BINA, Buffer.from('one'));
  expect((await bina.decrypt(ALI, message)).toString()).toBe('one');
});

test('what cannot be decrypted leaves the session as it was', async () => {
  const { ali, bina } = people();
  await ali.startSession(BINA, bina.issueBundle());
  await bina.decrypt(ALI, await ali.encrypt(BINA, Buffer.from('one')));
  await ali.decrypt(BINA, await bina.encrypt(ALI, Buffer.from('two')));
  const third = await ali.encrypt(BINA, Buffer.from('three'));
  const damaged = Buffer.from(third.bytes);
  damaged[damaged.length - 1]! ^= 1;
  await expect(bina.decrypt(ALI, { type: 'msg', bytes: damaged })).rejects.toThrow();
  expect((await bina.decrypt(ALI, third)).toString()).toBe('three');
});
