import { expect, test } from 'vitest';
import { leftovers } from './leftovers.ts';

const found = (text: string): string[] =>
  leftovers({ file: 'server/src/outbox/claim.test.ts', text }).map(
    ({ line, sentence }) => `${line} ${sentence}`,
  );

test.for([
  ['work();\n// TODO: the rest', 2],
  ['/** FIXME */\nexport const a = 1;', 1],
  ['const a = {\n  // TODO\n};', 2],
  ['work(/* TODO */);', 1],
  ['// @ts-ignore\nwork();', 1],
  ['// @ts-nocheck\nwork();', 1],
  ["test.only('claims', work);", 1],
  ["it.skip('claims', work);", 1],
  ["describe.only.each([1])('claims', work);", 1],
  ["test.for([1]).skip('claims', work);", 1],
  ["test.todo('claims');", 1],
] as const)('%s is reported on line %i', ([text, line]) => {
  expect(found(text)).toEqual([expect.stringMatching(new RegExp(`^${line} `))]);
});

test.for([
  "const text = '// TODO: not a comment';",
  'const text = `// TODO` + `// FIXME`;',
  'rows.skip(3); query.only();',
  '// A list of what is to do.',
])('%s is let through', (text) => {
  expect(found(text)).toEqual([]);
});
