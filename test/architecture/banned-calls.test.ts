import { expect, test } from 'vitest';
import { bannedCalls } from './banned-calls.ts';

const found = (text: string, file = 'server/src/outbox/claim.ts'): string[] =>
  bannedCalls({ file, text }).map(({ sentence }) => sentence.slice(0, sentence.indexOf(': ')));

test.for([
  ['const at = Date.now();', 'Date.now'],
  ["const at = Date['now']();", 'Date.now'],
  ['const clock = { now: Date.now };', 'Date.now'],
  ['const { now } = Date;', 'Date.now'],
  ['const at = new Date();', 'new Date()'],
  ['const at = new Date;', 'new Date()'],
  ['const at = Date();', 'new Date()'],
  ['const at = new globalThis.Date();', 'new Date()'],
  ['const at = performance.now();', 'performance.now'],
  ["import { performance } from 'node:perf_hooks'; performance.now();", 'performance.now'],
  ['setTimeout(work, 10);', 'setTimeout'],
  ['globalThis.setTimeout(work, 10);', 'setTimeout'],
  ['const later = { setTimeout };', 'setTimeout'],
  ['schedule(setTimeout);', 'setTimeout'],
  ['const handle = setInterval(work, 10);', 'setInterval'],
  ["import { setTimeout as wait } from 'node:timers/promises';", 'timers.setTimeout'],
  ["import { setTimeout as wait } from 'timers/promises';", 'timers.setTimeout'],
  ["import { setInterval } from 'node:timers';", 'timers.setInterval'],
  ["import timers from 'node:timers'; timers.setTimeout(work, 10);", 'timers.setTimeout'],
  ['const chance = Math.random();', 'Math.random'],
  ['process.exit(1);', 'process.exit'],
  ["import { exit } from 'node:process';", 'process.exit'],
  ['const port = process.env.APP_PORT;', 'process.env'],
  ["const port = process['env'].APP_PORT;", 'process.env'],
  ['const { env } = process;', 'process.env'],
  ["import { env } from 'node:process';", 'process.env'],
  ["console.log('sent');", 'console'],
  ["globalThis.console.info('sent');", 'console'],
] as const)('%s is reported', ([text, name]) => {
  expect(found(text)).toEqual([name]);
});

test.for([
  'const at = new Date(row.sent_at);',
  'socket.setTimeout(100);',
  'setImmediate(resolve);',
  'let handle: ReturnType<typeof setTimeout>;',
  "// Date.now() and console.log() in a comment are words\nconst text = 'Math.random()';",
  'process.exitCode = 1;',
  'console.info = () => undefined;',
  'class Clock { setTimeout() {} }',
  "import { setImmediate as turn } from 'node:timers/promises';",
])('%s is let through', (text) => {
  expect(found(text)).toEqual([]);
});

test.for([
  ['server/src/platform/clock.ts', 'setTimeout(work, 10); new Date(); performance.now();'],
  ['server/src/config/env.ts', 'export const all = process.env;'],
  ['simulator/src/main.ts', "console.log(process.env.PORT ?? 'none');"],
  ['server/src/main.ts', "console.log('ready');"],
  ['server/src/demo/report.ts', "console.log('done');"],
  ['test/scenarios/kill.test.ts', 'spawn(program, { env: process.env });'],
  ['bench/main.ts', 'performance.now(); console.log(1);'],
  ['server/src/main.ts', 'process.exit(0);'],
] as const)('%s is the place for %s', ([file, text]) => {
  expect(found(text, file)).toEqual([]);
});

test.for(['server/src/app.ts', 'simulator/src/main.ts', 'bench/main.ts', 'scripts/check.mjs', 'sambad.mjs'])(
  'process.exit is reported in %s too',
  (file) => {
    expect(found('process.exit(0);', file)).toEqual(['process.exit']);
  },
);
