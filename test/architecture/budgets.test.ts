import { expect, test } from 'vitest';
import { budgets, overBudget } from './budgets.ts';

const statements = (count: number): string => 'work();\n'.repeat(count);
const sentencesFor = (text: string, file = 'server/src/outbox/claim.ts'): string[] =>
  overBudget({ file, text }).map(({ line, sentence }) => `${line}: ${sentence}`);

test('a file may have 300 lines and not one more', () => {
  expect(sentencesFor(statements(budgets.fileLines))).toEqual([]);
  expect(sentencesFor(statements(budgets.fileLines + 1))).toEqual([expect.stringMatching(/^1: 301 lines/)]);
});

test.for([
  { kind: 'a declaration', open: 'function claim() {', close: '}', name: 'claim' },
  { kind: 'an arrow function', open: 'const claim = () => {', close: '};', name: 'claim' },
  { kind: 'a method', open: 'class Outbox { claim() {', close: '} }', name: 'claim' },
  { kind: 'a method of an object', open: 'const outbox = { claim() {', close: '} };', name: 'claim' },
  { kind: 'a constructor', open: 'class Outbox { constructor() {', close: '} }', name: 'The constructor' },
  { kind: 'a getter', open: 'class Outbox { get claim() {', close: '} }', name: 'claim' },
  { kind: 'a callback', open: 'rows.forEach(() => {', close: '});', name: 'A function' },
])('$kind may have 70 lines and not one more', ({ open, close, name }) => {
  const withLines = (lines: number): string => `${open}\n${statements(lines - 2)}${close}\n`;
  expect(sentencesFor(withLines(budgets.functionLines))).toEqual([]);
  expect(sentencesFor(withLines(budgets.functionLines + 1))).toEqual([
    `1: ${name} has 71 lines, the budget is 70.`,
  ]);
});

test('an inner function counts for itself and for the one around it', () => {
  const inner = `const inner = () => {\n${statements(70)}};\n`;
  expect(sentencesFor(`function outer() {\n${inner}}\n`)).toEqual([
    '1: outer has 74 lines, the budget is 70.',
    '2: inner has 72 lines, the budget is 70.',
  ]);
});

test('the comment above a function is not part of it', () => {
  const documented = `/**\n${' * why\n'.repeat(100)} */\nfunction claim() {}\n`;
  expect(sentencesFor(documented)).toEqual([]);
});

test('a group of tests may be long, a test in it may not', () => {
  const file = 'server/src/outbox/claim.test.ts';
  expect(sentencesFor(`describe('claims', () => {\n${statements(100)}});\n`, file)).toEqual([]);
  expect(sentencesFor(`describe.each([1])('claims', () => {\n${statements(100)}});\n`, file)).toEqual([]);
  expect(sentencesFor(`test('claims', () => {\n${statements(100)}});\n`, file)).toEqual([
    '1: A function has 102 lines, the budget is 70.',
  ]);
});
