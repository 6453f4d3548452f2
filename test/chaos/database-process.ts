import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemCodeOf } from '../../server/src/platform/errors.ts';
import type { DatabaseRestart } from './fault-plan.ts';

/** A program's connection, as PostgreSQL names the process that serves it. */
const servesOurs = /postgres: sambad sambad /;

/** Makes the embedded PostgreSQL of a data folder start anew. False when none is running there at this moment. */
export function crashDatabase(dataDir: string, how: DatabaseRestart): boolean {
  const server = serverPid(dataDir);
  if (server === undefined) return false;
  if (how === 'server killed') return signal(server, 'SIGKILL');
  if (how === 'server interrupted') return signal(server, 'SIGINT');
  const [oldest] = backendsOf(server);
  return oldest !== undefined && signal(oldest, 'SIGKILL');
}

/** Ends every connection of a program to the embedded PostgreSQL of a data folder. False when there is none. */
export function endConnections(dataDir: string): boolean {
  const server = serverPid(dataDir);
  if (server === undefined) return false;
  return backendsOf(server)
    .map((pid) => signal(pid, 'SIGTERM'))
    .some(Boolean);
}

function serverPid(dataDir: string): number | undefined {
  const noted = join(dataDir, 'postgres-location');
  const home = existsSync(noted) ? readFileSync(noted, 'utf8').trim() : dataDir;
  const file = join(home, 'postgres', 'postmaster.pid');
  if (!existsSync(file)) return undefined;
  const pid = Number.parseInt(readFileSync(file, 'utf8'), 10);
  // A number that was left behind by a killed server may be another process by now.
  return processes().some((each) => each.pid === pid && each.command.includes(join(home, 'postgres')))
    ? pid
    : undefined;
}

function backendsOf(server: number): number[] {
  return processes()
    .filter(({ parent, command }) => parent === server && servesOurs.test(command))
    .map(({ pid }) => pid);
}

function processes(): { pid: number; parent: number; command: string }[] {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' }).split('\n');
  return lines.flatMap((line) => {
    const [, pid, parent, command] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
    return command === undefined ? [] : [{ pid: Number(pid), parent: Number(parent), command }];
  });
}

function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch (error) {
    if (systemCodeOf(error) === 'ESRCH') return false;
    throw error;
  }
}
