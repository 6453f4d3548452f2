import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ChildProgram, startChild } from '../../../../test/support/child-program.ts';
import type { SambadError } from '../../platform/errors.ts';
import { silentLogger } from '../../platform/logger.ts';
import { createDatabase, type DatabaseService } from '../database.ts';

const program = 'database-program.ts';
const asRoot = process.getuid?.() === 0;
let folder: string;
let dataDir: string;
const children: ChildProgram[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sambad-embedded-'));
  chmodSync(folder, 0o711);
  dataDir = join(folder, 'data');
});
afterEach(async () => {
  for (const child of children.splice(0)) await child.end();
  rmSync(folder, { recursive: true, force: true });
});

function startOn(data: string, ids?: { uid: number; gid: number }): ChildProgram {
  const child = startChild(program, [data], ids);
  children.push(child);
  return child;
}

function serverPid(): number {
  return Number.parseInt(readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8'), 10);
}

function statusOf(pid: number): Map<string, string> {
  const lines = readFileSync(`/proc/${pid}/status`, 'utf8').split('\n');
  return new Map(lines.map((line) => line.split(':\t') as [string, string]));
}

test('a program starts its server, under an unprivileged account where it is root, and stops it', async () => {
  const child = startOn(dataDir);
  expect(await child.next()).toEqual({ started: `PostgreSQL in ${dataDir}/postgres` });
  const answer = await child.ask(
    "select current_setting('fsync') as fsync, current_setting('listen_addresses') as listens",
  );
  expect(answer).toEqual({ rows: [{ fsync: 'on', listens: '' }] });
  const owner = statSync(join(dataDir, 'postgres')).uid;
  expect(owner === 0).toBe(false);
  expect(owner === process.getuid?.()).toBe(!asRoot);
  expect(statSync(join(dataDir, 'run')).mode & 0o777).toBe(0o700);
  expect(await child.end()).toBe(0);
  expect(existsSync(join(dataDir, 'postgres', 'postmaster.pid'))).toBe(false);
});

test('a second program on the same data folder gets a sentence, and the first goes on', async () => {
  const first = startOn(dataDir);
  await first.next();
  const second = startOn(dataDir);
  expect(await second.next()).toEqual({
    code: 'data_folder_in_use',
    sentence: `The data folder ${dataDir} is in use by another Sambad: stop that one, or set DATA_DIR to another folder.`,
  });
  expect(await second.end()).toBe(1);
  expect(await first.ask('select 1 as one')).toEqual({ rows: [{ one: 1 }] });
});

test('after kill -9 a new program finds what was committed, and only that', async () => {
  const first = startOn(dataDir);
  await first.next();
  await first.ask('create table notes (note text)');
  await first.ask("insert into notes values ('committed')");
  await first.ask("begin; insert into notes values ('open')");
  await first.kill();
  const second = startOn(dataDir);
  await second.next();
  expect(await second.ask('select note from notes')).toEqual({ rows: [{ note: 'committed' }] });
});

test.runIf(process.platform === 'linux')(
  'a server whose program and supervisor were killed is replaced',
  async () => {
    const first = startOn(dataDir);
    await first.next();
    await first.ask("create table notes as select 'kept' as note");
    const orphan = serverPid();
    process.kill(Number(statusOf(orphan).get('PPid')), 'SIGKILL');
    await first.kill();
    expect(existsSync(`/proc/${orphan}`)).toBe(true);
    const second = startOn(dataDir);
    await second.next();
    expect(await second.ask('select note from notes')).toEqual({ rows: [{ note: 'kept' }] });
    expect(serverPid()).not.toBe(orphan);
  },
);

test('a server that dies under its program is reported, and the next start recovers', async () => {
  const reported = Promise.withResolvers<SambadError>();
  const open = (): DatabaseService =>
    createDatabase({ dataDir, logger: silentLogger, onUnexpectedEnd: (error) => reported.resolve(error) });
  const first = open();
  await first.start();
  await first.pool.query("create table notes as select 'kept' as note");
  process.kill(serverPid(), 'SIGKILL');
  expect((await reported.promise).message).toContain(`The PostgreSQL in ${dataDir} ended`);
  await first.stop();
  const second = open();
  await second.start();
  expect((await second.pool.query('select note from notes')).rows).toEqual([{ note: 'kept' }]);
  await second.stop();
});

test.runIf(asRoot)('an ordinary user runs it from a folder that nobody else may enter', async () => {
  // PostgreSQL looks its user up by name, so it must be one that every machine has.
  const user = { uid: 65534, gid: 65534 };
  const home = join(folder, 'home');
  mkdirSync(home, { mode: 0o700 });
  chownSync(home, user.uid, user.gid);
  dataDir = join(home, 'data');
  const child = startOn(dataDir, user);
  expect(await child.next()).toEqual({ started: `PostgreSQL in ${dataDir}/postgres` });
  expect(statusOf(serverPid()).get('Uid')?.startsWith('65534')).toBe(true);
});

test.runIf(asRoot)(
  'root with a data folder that the account cannot enter keeps the database elsewhere',
  async () => {
    chmodSync(folder, 0o700);
    const first = startOn(dataDir);
    expect(await first.next()).toEqual({
      started: expect.stringMatching(/^PostgreSQL in \/var\/lib\/sambad\/data-/),
    });
    const home = readFileSync(join(dataDir, 'postgres-location'), 'utf8').trim();
    try {
      await first.ask("create table notes as select 'kept' as note");
      await first.end();
      // Reachable by now, but the database stays where it is.
      chmodSync(folder, 0o711);
      const second = startOn(dataDir);
      await second.next();
      expect(await second.ask('select note from notes')).toEqual({ rows: [{ note: 'kept' }] });
      await second.end();
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  },
);
