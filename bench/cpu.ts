import { readdirSync, readFileSync } from 'node:fs';
import { sql } from 'kysely';
import type { Db } from '../server/src/database/index.ts';

/** Computing time so far: of this process, and of the whole PostgreSQL server. Neighbours on the machine change it little. */
export interface CpuSeconds {
  node: number;
  /** NaN where the system does not say (it is read from /proc). */
  database: number;
}

const ticksPerSecond = 100;

/** Reads both; every backend of the server is counted, and those that have ended through their parent. */
export async function cpuSeconds(db: Db): Promise<CpuSeconds> {
  const { user, system } = process.cpuUsage();
  return { node: (user + system) / 1e6, database: await databaseSeconds(db) };
}

async function databaseSeconds(db: Db): Promise<number> {
  const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(db);
  const backend = rows[0] && statOf(String(rows[0].pid));
  const postmaster = backend && statOf(String(backend.parent));
  if (!backend || !postmaster) return Number.NaN;
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(statOf)
    .filter((stat) => stat?.parent === backend.parent);
  const ticks = children.reduce(
    (sum, stat) => sum + (stat?.ticks ?? 0),
    postmaster.ticks + postmaster.endedTicks,
  );
  return ticks / ticksPerSecond;
}

/** What /proc/PID/stat says; undefined when the process is gone or the system has no /proc. */
function statOf(pid: string): { parent: number; ticks: number; endedTicks: number } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name comes second, in brackets, and may hold anything.
    const fields = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const [, parent = 0] = fields;
    const [user = 0, system = 0, endedUser = 0, endedSystem = 0] = fields.slice(11, 15);
    return { parent, ticks: user + system, endedTicks: endedUser + endedSystem };
  } catch {
    return undefined;
  }
}
