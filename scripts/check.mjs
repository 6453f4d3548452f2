// Every check of this repository behind `npm run check`. All of them run, so that one round shows everything there is to do.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { decide } from './node-version.mjs';

const root = path.resolve(import.meta.dirname, '..');

const help = `Usage: npm run check

Runs, in this order, and says of each whether it passed:
  format and lint   Biome (npm run format repairs what it can)
  types             the TypeScript compiler, nothing is written
  import rule       who may import whom: .dependency-cruiser.mjs
  dead code         Knip: files, exports and packages that nobody uses
  size budgets      lines per file and per function
  banned names      files called utils, helpers, manager and the like
  banned calls      time, chance, environment and terminal outside their places
  leftovers         notes to do something later, tests that are switched off

Ends with exit code 1 when any of them failed.`;

/**
 * @typedef {object} Check
 * @property {string} heading
 * @property {() => Promise<string | undefined>} problems what is wrong, for a person to read; undefined when nothing is
 */

/**
 * Runs a command line tool that came with the packages; its output is the list of problems when it fails.
 *
 * @param {string} heading
 * @param {string} tool
 * @param {string[]} args
 * @returns {Check}
 */
function toolCheck(heading, tool, args) {
  const problems = () =>
    new Promise((resolve, reject) => {
      const child = spawn(path.join(root, 'node_modules', '.bin', tool), args, { cwd: root });
      let output = '';
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding('utf8').on('data', (text) => {
          output += text;
        });
      }
      child.on('error', reject);
      child.on('close', (code) => resolve(code === 0 ? undefined : output.trim() || `exit code ${code}`));
    });
  return { heading, problems };
}

/** @returns {Promise<Check>} */
async function importRuleCheck() {
  const { brokenImports, reasonFor } = await import('../test/architecture/import-rule.ts');
  const problems = async () => {
    const broken = await brokenImports(root);
    const lines = broken.map(({ rule, from, to }) => `${from} imports ${to}\n  ${rule}: ${reasonFor(rule)}`);
    return lines.length > 0 ? lines.join('\n') : undefined;
  };
  return { heading: 'import rule', problems };
}

/** @returns {Promise<Check[]>} */
async function houseRuleChecks() {
  const { houseRules } = await import('../test/architecture/house-rules.ts');
  return Object.entries(houseRules).map(([heading, findingsIn]) => ({
    heading,
    problems: async () => {
      const lines = findingsIn(root).map(({ file, line, sentence }) => `${file}:${line} ${sentence}`);
      return lines.length > 0 ? lines.join('\n') : undefined;
    },
  }));
}

/**
 * @param {Check} check
 * @returns {Promise<boolean>} whether it passed
 */
async function report({ heading, problems }) {
  const startedMs = performance.now();
  const found = await problems().catch((error) => `could not run: ${error.message}`);
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  console.log(`${heading.padEnd(16)} ${found === undefined ? 'passed' : 'FAILED'}  ${seconds} s`);
  if (found !== undefined) console.log(`${found}\n`);
  return found === undefined;
}

async function main() {
  parseArgs({ args: process.argv.slice(2), options: {} });
  const checks = [
    toolCheck('format and lint', 'biome', ['check', '--error-on-warnings', '.']),
    toolCheck('types', 'tsc', ['--noEmit', '-p', root]),
    await importRuleCheck(),
    toolCheck('dead code', 'knip', ['--no-progress']),
    ...(await houseRuleChecks()),
  ];
  let failed = 0;
  for (const check of checks) if (!(await report(check))) failed += 1;
  console.log(failed === 0 ? 'All checks passed.' : `${failed} of ${checks.length} checks failed.`);
  if (failed > 0) process.exitCode = 1;
}

const runtime = decide({ version: process.versions.node, pinned: undefined, running: process.execPath });
if (process.argv.includes('--help')) {
  console.log(help);
} else if (runtime.kind === 'refuse') {
  console.error(runtime.sentence);
  process.exitCode = 1;
} else {
  await main().catch((error) => {
    console.error(`${error.message}. The only option is --help.`);
    process.exitCode = 1;
  });
}
