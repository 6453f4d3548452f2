import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { houseRules } from './house-rules.ts';

const repository = path.resolve(import.meta.dirname, '../..');
const everywhere = Object.keys(houseRules);

test.for(everywhere)('this repository keeps the rule on %s', (heading) => {
  expect(houseRules[heading]?.(repository)).toEqual([]);
});

test('the rules read every folder of ours and nothing that was installed, built or stored', () => {
  const root = mkdtempSync(path.join(tmpdir(), 'house-rules-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const ours = [
    'extras.mjs',
    'server/src/app.ts',
    'dashboard/src/page.tsx',
    'simulator/src/main.ts',
    'server/src/data/rows.ts',
  ];
  const foreign = [
    'node_modules/a/a.ts',
    'server/node_modules/b.mjs',
    'simulator/dist/main.mjs',
    'data/c.ts',
    '.git/d.ts',
    'notes.md',
  ];
  for (const file of [...ours, ...foreign]) {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    writeFileSync(path.join(root, file), '// TODO\n');
  }
  expect(houseRules.leftovers?.(root).map(({ file }) => file)).toEqual(ours.sort());
});
