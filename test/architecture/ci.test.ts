import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

const repository = path.resolve(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(path.join(repository, file), 'utf8');

test('CI runs the test line that the README gives to people', () => {
  const line = /<!-- tests -->\s*```sh\n(.+)\n```/.exec(read('README.md'))?.[1];
  expect(line).toMatch(/^npm ci && .*npm test$/);
  expect(/test_line\(\) \{\n {2}(.+)\n\}/.exec(read('.ci/run'))?.[1]).toBe(line);
});

test('CI runs the checks too, and can be executed', () => {
  expect(read('.ci/run')).toContain('npm run check');
  expect(statSync(path.join(repository, '.ci/run')).mode & 0o111).not.toBe(0);
});

test('every script that CI and the documents name exists', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const documents = ['.ci/run', 'README.md', 'CONTRIBUTING.md'].map(read).join('\n');
  const named = [...documents.matchAll(/npm run ([a-z:-]+)/g)].map((match) => match[1]!);
  expect(named.filter((name) => !(name in scripts))).toEqual([]);
  expect(named.length).toBeGreaterThan(2);
});
