import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest';
import { cloneTemplate } from '../support/database.ts';
import { type Ending, Program, runProgram, spoken } from '../support/program.ts';
import { databaseUri, guardedUser, templateDatabase } from '../support/server-uri.ts';

// A start takes a second or two; on a machine that does other things at the same time, many.
vi.setConfig({ testTimeout: 120_000 });

const key = '5a'.repeat(32);
const password = 'hunter2-never-print';
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sambad-bad-input-'));
  // As root the database runs under another account, which must be able to pass.
  chmodSync(folder, 0o711);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The program ended with this code, and told a person why in one sentence, without a stack or a secret. */
function expectRefusal(ending: Ending, code: number, sentence: string): void {
  expect(spoken(ending)).toEqual([expect.stringContaining(sentence)]);
  expect(spoken(ending)[0]).toMatch(/^\S.*\.$/);
  expect(ending.stderr).not.toMatch(/^\s+at |"level":[56]0/m);
  expect(ending.stderr + ending.stdout).not.toContain(password);
  expect(ending.stderr + ending.stdout).not.toContain(key);
  expect(ending.code).toBe(code);
}

describe.concurrent('wrong use ends with 2 and names what is known', () => {
  test.each([
    [['start', '--laeds', '5'], '--laeds is not known here; the flags are --help.'],
    [['--port=80'], '--port is not known here; the flags are --help.'],
    [
      ['demo', '--laeds', '5'],
      '--laeds is not known here; the flags are --leads, --devices, --delay-ms, --seed,',
    ],
    [['stop'], '"stop" is not a command; the commands are start, demo'],
    [['constructor'], '"constructor" is not a command; the commands are start, demo'],
  ])('%j', async (args, sentence) => {
    expectRefusal(await runProgram(args), 2, sentence);
  });
});

describe.concurrent('a setting that cannot be is refused by its name', () => {
  test.each<[Record<string, string>, string]>([
    [
      { DB_URI: `mysql://u:${password}@localhost/x`, SAMBAD_SECRET_KEY: key },
      'DB_URI must be a URI such as postgresql://',
    ],
    [{ DB_URI: `postgresql://u:${password}@localhost/x` }, 'SAMBAD_SECRET_KEY must be set when DB_URI is'],
    [
      { SAMBAD_SECRET_KEY: password },
      'SAMBAD_SECRET_KEY must be 32 bytes, as 64 hexadecimal digits or in base64.',
    ],
    [{ APP_HOST: '0.0.0.0' }, 'APP_HOST must be an address of this machine only'],
  ])('%o', async (settings, sentence) => {
    expectRefusal(await runProgram(['start'], settings), 1, sentence);
  });
});

describe.concurrent('a database that cannot be reached', () => {
  test('nothing listens there', async () => {
    const DB_URI = `postgresql://sambad:${password}@127.0.0.1:1/sambad`;
    const ending = await runProgram(['start'], { DB_URI, SAMBAD_SECRET_KEY: key });
    expectRefusal(
      ending,
      1,
      'The database sambad at 127.0.0.1:1 as sambad cannot be used: nothing listens there. Check DB_URI.',
    );
  });

  test('it refuses the password', async () => {
    const DB_URI = databaseUri(inject('postgresSocketFolder'), templateDatabase).replace(
      'sambad@',
      `${guardedUser}:${password}@`,
    );
    const ending = await runProgram(['start'], { DB_URI, SAMBAD_SECRET_KEY: key });
    expectRefusal(ending, 1, 'it refused the password. Check DB_URI.');
  });
});

test('a taken port is named, with what to do', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const address = other.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const database = await cloneTemplate();
  try {
    const settings = { DB_URI: database.uri, SAMBAD_SECRET_KEY: key, APP_PORT: String(port) };
    expectRefusal(
      await runProgram(['start'], settings),
      1,
      `Port ${port} on 127.0.0.1 is in use: set APP_PORT to another one`,
    );
    // What it had begun it has given back: with another port it starts at once.
    const program = new Program(['start'], { ...settings, APP_PORT: '0' });
    expect((await fetch(`${await program.url}/readyz`)).status).toBe(200);
    expect(await program.stop()).toMatchObject({ code: 0 });
  } finally {
    await database.drop();
    await new Promise((resolve) => other.close(resolve));
  }
});

describe.concurrent('a data folder that cannot be one', () => {
  test.each(['file/data'])('%s, where file is a file', async (path) => {
    writeFileSync(join(folder, 'file'), 'mine');
    const ending = await runProgram(['start'], { DATA_DIR: join(folder, path) });
    expectRefusal(
      ending,
      1,
      `The data folder ${join(folder, path)} is, or is under, a file: set DATA_DIR to a folder.`,
    );
  });

  test('a place where nothing can be made', async () => {
    expectRefusal(
      await runProgram(['start'], { DATA_DIR: '/proc/nope' }),
      1,
      'The data folder /proc/nope cannot be',
    );
  });
});

describe.concurrent('a file of leads that is none', () => {
  test.each([
    ['broken.csv', 'name,phone\nAli,0123456789\n"Abu,0123456788\n', 'The CSV cannot be read'],
    ['missing.csv', undefined, 'missing.csv cannot be read: ENOENT'],
  ])('%s ends the demo', async (name, text, sentence) => {
    const file = join(folder, name);
    if (text !== undefined) writeFileSync(file, text);
    const database = await cloneTemplate();
    try {
      const ending = await runProgram(['demo', '--devices', '1', '--exit', '--csv', file], {
        DB_URI: database.uri,
      });
      expectRefusal(ending, 2, sentence);
    } finally {
      await database.drop();
    }
  });
});
