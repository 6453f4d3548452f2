import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { boundedLog } from './bounded-log.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sambad-log-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('a log keeps its newest lines in two files of bounded size, also over a restart', () => {
  const path = join(folder, 'postgres.log');
  const first = boundedLog(path, 30);
  for (let line = 1; line <= 7; line++) first(`line ${line}`);
  const second = boundedLog(path, 30);
  for (let line = 8; line <= 11; line++) second(`line ${line}`);
  expect(readFileSync(`${path}.1`, 'utf8')).toBe('line 6\nline 7\nline 8\nline 9\nline 10\n');
  expect(readFileSync(path, 'utf8')).toBe('line 11\n');
});

test('a log that cannot be written is let go', () => {
  const log = boundedLog(join(folder, 'no', 'such', 'folder'), 30);
  expect(() => log('lost')).not.toThrow();
});
