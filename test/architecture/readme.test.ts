import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { settings } from '../../server/src/config/index.ts';

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

test("the README's table of settings is the program's", () => {
  const rows = [...readme.matchAll(/^\| ([A-Z_]+) \| (.*?) \| (.*) \|$/gm)].map(
    ([, name, standard, meaning]) => [name, standard, meaning],
  );
  expect(rows).toEqual(
    Object.entries(settings).map(([name, setting]) => [name, setting.default ?? '–', setting.meaning]),
  );
});
