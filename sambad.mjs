#!/usr/bin/env node
// The way in. Plain JavaScript, because an old Node.js fails on a TypeScript file before its first line runs.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { decide, pinnedNode } from './scripts/node-version.mjs';

const launcher = fileURLToPath(import.meta.url);
const decision = decide({
  version: process.versions.node,
  pinned: pinnedNode(path.dirname(launcher)),
  running: process.execPath,
});

if (decision.kind === 'run') {
  await import('./server/src/main.ts');
} else if (decision.kind === 'run_with') {
  handOver(decision.node);
} else {
  console.error(decision.sentence);
  process.exitCode = 1;
}

/**
 * Runs this launcher again on another Node.js and ends as that process ends.
 *
 * @param {string} node path of its executable
 */
function handOver(node) {
  const child = spawn(node, [...process.execArgv, launcher, ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'])) {
    process.on(signal, () => {
      // A terminal gives Ctrl-C to both processes; handing it on as well would look like a second, impatient one.
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    });
  }
  child.on('error', (error) => {
    console.error(`Node.js at ${node} does not start: ${error.message}.`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    if (signal === null) {
      process.exitCode = code ?? 1;
    } else {
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    }
  });
}
