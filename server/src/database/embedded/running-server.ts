import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import type { Clock } from '../../platform/clock.ts';
import { SambadError, systemCodeOf } from '../../platform/errors.ts';
import { tryProgramLock } from '../program-lock.ts';
import { embeddedName } from './cluster.ts';
import type { Layout } from './layout.ts';

const takeoverTimeoutMs = 30_000;
const holderTimeoutMs = 5_000;
const lookAgainMs = 100;
const answerTimeoutMs = 2_000;

/**
 * Makes sure that no server runs on this data directory, so that one of our own can start. A server that is found
 * belongs to a program that lives, or to one that died without its supervisor:
 *
 * - The program's advisory lock is taken: a program lives. It gets five seconds, because the lock of a program killed
 *   this moment goes only when PostgreSQL notices, and then this one is refused.
 * - The lock is free: nobody uses the server. It is shut down and started anew, rather than joined: a server of our own
 *   has a supervisor that ends it, its output goes to our log, and it runs with the settings and binaries of this version.
 * - It does not answer: it is starting or shutting down, and is waited for.
 */
export async function endServerOfDeadProgram(layout: Layout, clock: Clock): Promise<void> {
  const startedMs = clock.monotonicMs();
  let heldSinceMs: number | undefined;
  for (;;) {
    const pid = serverPid(layout);
    const found = await look(layout);
    if (pid === undefined && found === 'no server') return forgetStalePid(layout);
    const nowMs = clock.monotonicMs();
    if (found === 'in use') {
      heldSinceMs ??= nowMs;
      if (nowMs - heldSinceMs > holderTimeoutMs) throw inUse(layout);
    }
    if (nowMs - startedMs > takeoverTimeoutMs) throw stuck(layout, pid);
    await clock.wait(lookAgainMs);
  }
}

type Found = 'no server' | 'not accepting' | 'in use' | 'told to stop';

async function look(layout: Layout): Promise<Found> {
  const client = new pg.Client({
    host: layout.socketFolder,
    user: embeddedName,
    database: embeddedName,
    connectionTimeoutMillis: answerTimeoutMs,
    query_timeout: answerTimeoutMs,
  });
  // The server is about to be told to stop, and says so to this connection too.
  client.on('error', () => undefined);
  try {
    await client.connect();
    if (!(await tryProgramLock(client))) return 'in use';
    // The lock is held while the signal is sent, so a second program that starts now cannot come to the same conclusion.
    const pid = serverPid(layout);
    if (pid !== undefined) process.kill(pid, 'SIGINT');
    return 'told to stop';
  } catch (error) {
    const code = systemCodeOf(error);
    return code === 'ENOENT' || code === 'ECONNREFUSED' ? 'no server' : 'not accepting';
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** The process id of a server that runs on this directory, as far as it can be seen from here. */
function serverPid(layout: Layout): number | undefined {
  const pid = notedPid(layout);
  return pid !== undefined && commandOf(pid)?.includes(layout.cluster) ? pid : undefined;
}

function notedPid(layout: Layout): number | undefined {
  const file = join(layout.cluster, 'postmaster.pid');
  if (!existsSync(file)) return undefined;
  const pid = Number.parseInt(readFileSync(file, 'utf8'), 10);
  return Number.isInteger(pid) && pid > 0 ? pid : undefined;
}

/**
 * After a power cut the noted number may be another process of today, which PostgreSQL would take for a live server of
 * its own account and refuse to start.
 */
function forgetStalePid(layout: Layout): void {
  if (notedPid(layout) !== undefined) rmSync(join(layout.cluster, 'postmaster.pid'), { force: true });
}

function commandOf(pid: number): string | undefined {
  try {
    if (process.platform === 'linux') return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    return execFileSync('ps', ['-p', String(pid), '-o', 'command='], { encoding: 'utf8' });
  } catch {
    return undefined;
  }
}

function inUse(layout: Layout): SambadError {
  return new SambadError(
    'data_folder_in_use',
    `The data folder ${layout.home} is in use by another Sambad: stop that one, or set DATA_DIR to another folder.`,
  );
}

function stuck(layout: Layout, pid: number | undefined): SambadError {
  const which = pid === undefined ? 'A PostgreSQL' : `The PostgreSQL with process id ${pid}`;
  return new SambadError(
    'data_folder_in_use',
    `${which} has been using ${layout.cluster} for ${takeoverTimeoutMs / 1000} s without an owner and does not stop: stop it and start again.`,
  );
}
