import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { startChild } from '../support/child-program.ts';
import { type Ending, Program, spoken } from '../support/program.ts';

// A start takes a second or two; on a machine that does other things at the same time, many.
vi.setConfig({ testTimeout: 120_000 });

let folder: string;
const programs: Program[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sambad-data-folder-'));
  // As root the database runs under another account, which must be able to pass.
  chmodSync(folder, 0o711);
});
afterAll(async () => {
  for (const program of programs) await program.stop();
  rmSync(folder, { recursive: true, force: true });
});

function start(dataDir: string): Program {
  const program = new Program(['start'], { DATA_DIR: dataDir });
  programs.push(program);
  return program;
}

function expectRefusal(ending: Ending, sentence: string): void {
  expect(spoken(ending)).toEqual([expect.stringContaining(sentence)]);
  expect(ending.stderr).not.toMatch(/^\s+at |"level":[56]0/m);
  expect(ending.code).toBe(1);
}

/** Runs statements on the data of a stopped program. */
async function onData(dataDir: string, ...statements: string[]): Promise<unknown[]> {
  const child = startChild('database-program.ts', [dataDir]);
  await child.next();
  const answers: unknown[] = [];
  for (const statement of statements) answers.push((await child.ask(statement)).rows);
  await child.end();
  return answers;
}

async function addDevice(url: string): Promise<string> {
  const answer = await fetch(`${url}/api/devices`, { method: 'POST' });
  expect(answer.status).toBe(201);
  const { id } = (await answer.json()) as { id: string };
  return id;
}

async function deviceIds(url: string): Promise<string[]> {
  const answer = await fetch(`${url}/api/devices`);
  const { devices } = (await answer.json()) as { devices: { id: string }[] };
  return devices.map(({ id }) => id);
}

test.concurrent('one data folder serves one program; a second is refused, and the first goes on', async () => {
  const dataDir = join(folder, 'shared');
  const first = start(dataDir);
  const deviceId = await addDevice(await first.url);
  expectRefusal(
    await start(dataDir).ended,
    `The data folder ${dataDir} is in use by another Sambad: stop that one, or set DATA_DIR to another folder.`,
  );
  expect(await deviceIds(await first.url)).toEqual([deviceId]);
  expect(await first.stop()).toMatchObject({ code: 0 });
});

test.concurrent('what was sealed opens only with its key: without it nothing starts, and nothing is lost', async () => {
  const dataDir = join(folder, 'sealed');
  const first = start(dataDir);
  const deviceId = await addDevice(await first.url);
  expect(await first.stop()).toMatchObject({ code: 0 });
  await onData(
    dataDir,
    `insert into device_credentials (device_id, workspace_id, sealed, epoch) select id, workspace_id, '\\x01', 1 from user_devices where id = '${deviceId}'`,
  );
  const keyFile = join(dataDir, 'secret.key');
  const key = readFileSync(keyFile, 'utf8');

  rmSync(keyFile);
  expectRefusal(await start(dataDir).ended, `${keyFile} is gone: restore it from a backup`);
  expect(existsSync(keyFile)).toBe(false);

  writeFileSync(keyFile, `${'ab'.repeat(32)}\n`);
  expectRefusal(await start(dataDir).ended, `${keyFile} holds another key`);

  writeFileSync(keyFile, key);
  const again = start(dataDir);
  expect(await deviceIds(await again.url)).toEqual([deviceId]);
  expect(await again.stop()).toMatchObject({ code: 0 });
  expect(await onData(dataDir, 'select encode(sealed, $$hex$$) as sealed from device_credentials')).toEqual([
    [{ sealed: '01' }],
  ]);
});

/** Runs one of the system's programs; false when it is not there, or fails. */
function succeeds(program: string, ...args: string[]): boolean {
  return spawnSync(program, args).status === 0;
}

/** Whether this account may mount a small disk. */
function canMount(): boolean {
  const place = mkdtempSync(join(tmpdir(), 'sambad-mount-'));
  const mounted = process.getuid?.() === 0 && succeeds('mount', '-t', 'tmpfs', 'tmpfs', place);
  if (mounted) succeeds('umount', place);
  rmSync(place, { recursive: true });
  return mounted;
}

/** Fills a disk to its last byte. */
function fill(file: string): void {
  const opened = openSync(file, 'w');
  const zeros = Buffer.alloc(1024 * 1024);
  try {
    for (;;) writeSync(opened, zeros);
  } catch (error) {
    expect(error).toMatchObject({ code: 'ENOSPC' });
  } finally {
    closeSync(opened);
  }
}

test
  .skipIf(!canMount())
  .concurrent(
    'a full disk and a read-only one are named, and nothing is lost (needs an account that may mount a disk)',
    async () => {
      const disk = join(folder, 'disk');
      const dataDir = join(disk, 'data');
      mkdirSync(disk);
      const mount = (...options: string[]): void => expect(succeeds('mount', ...options, disk)).toBe(true);
      mount('-t', 'tmpfs', '-o', 'size=20m,mode=711', 'tmpfs');
      try {
        const full = `The disk of the data folder ${dataDir} is full: make room and start again.`;
        expectRefusal(await start(dataDir).ended, full);
        expect(existsSync(join(dataDir, 'postgres'))).toBe(false);

        mount('-o', 'remount,size=200m');
        const first = start(dataDir);
        const deviceId = await addDevice(await first.url);
        expect(await first.stop()).toMatchObject({ code: 0 });

        fill(join(disk, 'filler'));
        expectRefusal(await start(dataDir).ended, full);
        rmSync(join(disk, 'filler'));

        mount('-o', 'remount,ro');
        expectRefusal(
          await start(dataDir).ended,
          `The data folder ${dataDir} is on a read-only file system: set DATA_DIR to another folder.`,
        );
        mount('-o', 'remount,rw');
        const again = start(dataDir);
        expect(await deviceIds(await again.url)).toEqual([deviceId]);
        expect(await again.stop()).toMatchObject({ code: 0 });
      } finally {
        succeeds('umount', '--lazy', disk);
      }
    },
  );
