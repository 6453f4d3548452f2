import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type SecretKeySource, secretKeySource } from './secret-key.ts';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'sambad-key-'));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const inFolder = (): SecretKeySource =>
  secretKeySource({ dataDir, database: { uri: undefined }, secretKey: undefined });

test('a key is made once, kept in a file of mode 0600, and read again', () => {
  expect(inFolder().read()).toBeUndefined();
  const key = inFolder().create();
  expect(key.length).toBe(32);
  expect(inFolder().read()).toEqual(key);
  expect(statSync(join(dataDir, 'secret.key')).mode & 0o777).toBe(0o600);
});

test('a key that is there is never replaced', () => {
  const key = inFolder().create();
  expect(() => inFolder().create()).toThrow(expect.objectContaining({ code: 'data_folder_unusable' }));
  expect(inFolder().read()).toEqual(key);
  expect(readFileSync(join(dataDir, 'secret.key'), 'utf8')).toBe(`${key.toString('hex')}\n`);
});

test('a damaged key file is refused', () => {
  writeFileSync(join(dataDir, 'secret.key'), 'ab'.repeat(31));
  expect(() => inFolder().read()).toThrow(expect.objectContaining({ code: 'key_wrong' }));
});

test('the setting goes before the file, and with an external database there is no file', () => {
  inFolder().create();
  const secretKey = Buffer.alloc(32, 7);
  expect(secretKeySource({ dataDir, database: { uri: undefined }, secretKey }).read()).toBe(secretKey);
  const external = secretKeySource({ dataDir, database: { uri: 'postgresql://db/x' }, secretKey: undefined });
  expect(external.read()).toBeUndefined();
  expect(() => external.create()).toThrow(expect.objectContaining({ code: 'key_missing' }));
});
