import { existsSync, realpathSync } from 'node:fs';
import path from 'node:path';

/** The first Node.js release line that runs Sambad: see docs/adr/0003-node-24-as-a-package.md. */
export const neededMajor = 24;

/**
 * What a command should do on the Node.js that runs it. This file is plain JavaScript without new syntax, because
 * an old Node.js has to read it in order to say that it is old.
 *
 * @typedef {{ kind: 'run' } | { kind: 'run_with', node: string } | { kind: 'refuse', sentence: string }} Decision
 */

/**
 * @param {{ version: string, pinned: string | undefined, running: string }} runtime the version that runs now, the
 *   path of the Node.js that came with the packages (undefined when there is none), and that of the one running
 * @returns {Decision}
 */
export function decide({ version, pinned, running }) {
  if (majorOf(version) >= neededMajor) return { kind: 'run' };
  if (pinned !== undefined && pinned !== running) return { kind: 'run_with', node: pinned };
  return {
    kind: 'refuse',
    sentence:
      `Sambad needs Node.js ${neededMajor} or newer and this is ${version}: run "npm ci" to get it with the packages, ` +
      `or install Node.js ${neededMajor} where no package carries it.`,
  };
}

/**
 * The Node.js that npm installed for this checkout, as a real path; undefined before `npm ci` and on platforms without one.
 *
 * @param {string} root the folder of package.json
 * @returns {string | undefined}
 */
export function pinnedNode(root) {
  const link = path.join(root, 'node_modules', '.bin', 'node');
  return existsSync(link) ? realpathSync(link) : undefined;
}

/**
 * @param {string} version such as 24.1.0
 * @returns {number}
 */
function majorOf(version) {
  return Number.parseInt(version, 10);
}
