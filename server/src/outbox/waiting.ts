import { sql } from 'kysely';
import type { Db, DeviceSource, JobState } from '../database/index.ts';
import { SambadError } from '../platform/errors.ts';

/** Why a job does not send, or not everything, and since when. */
export interface JobWait {
  why:
    | 'sending_stopped'
    | 'paused'
    | 'planning'
    /** None of its devices is connected; it goes on by itself when one is. */
    | 'no_device_connected'
    /** What waits belongs to devices that are offline: the one device of a single job, the leads' own, or those of unconfirmed messages. */
    | 'device_offline';
  since: Date;
  /** What the person or the program said who paused it; null otherwise. */
  reason: string | null;
  /** The offline devices with waiting messages. */
  devices: { deviceId: string; name: string; messages: number; since: Date }[];
}

interface JobRow {
  state: JobState;
  source: DeviceSource;
  created_at: Date;
  paused_at: Date | null;
  pause_reason: string | null;
  stopped_at: Date | null;
}

interface Holder {
  id: string;
  name: string;
  messages: number;
  /** When it went offline, or was set inactive as far as is known; null when it can send. */
  since: Date | null;
}

/** Why a job waits; undefined when it sends or has ended. From the same columns that claims and failover decide by. Throws `not_found`. */
export async function whyWaiting(db: Db, workspaceId: string, jobId: string): Promise<JobWait | undefined> {
  const { rows } = await sql<JobRow>`
    select j.state, j.source, j.created_at, j.paused_at, j.pause_reason, w.sending_stopped_at as stopped_at
    from broadcast_jobs j join workspaces w on w.id = j.workspace_id where j.id = ${jobId} and j.workspace_id = ${workspaceId}`.execute(
    db,
  );
  const job = rows[0];
  if (!job) throw new SambadError('not_found', 'There is no job with this id.', { field: 'jobId' });
  const wait = { reason: null, devices: [] };
  if (job.state === 'finished' || job.state === 'cancelled') return undefined;
  if (job.paused_at) return { ...wait, why: 'paused', since: job.paused_at, reason: job.pause_reason };
  if (job.stopped_at) return { ...wait, why: 'sending_stopped', since: job.stopped_at };
  if (job.state === 'planning') return { ...wait, why: 'planning', since: job.created_at };
  return waitForDevices(job, await holdersOf(db, workspaceId, jobId));
}

/** The devices that share a job or hold messages of it, with what waits at each. */
async function holdersOf(db: Db, workspaceId: string, jobId: string): Promise<Holder[]> {
  const { rows } = await sql<Holder>`
    select d.id, d.name, coalesce(s.messages, 0) as messages,
      case when d.state <> 'connected' or not d.is_active then coalesce(d.offline_since, d.state_since) end as since
    from broadcast_jobs j
    join user_devices d on d.workspace_id = j.workspace_id
    left join lateral (
      select sum(messages) as messages from broadcast_job_stats
      where job_id = j.id and device_id = d.id and status in ('queued', 'unconfirmed')
    ) as s on true
    where j.id = ${jobId} and j.workspace_id = ${workspaceId}
      and (d.id = any (j.device_ids) or j.kind = 'direct' or s.messages > 0)
    order by d.rotation_order`.execute(db);
  return rows;
}

function waitForDevices(job: JobRow, holders: readonly Holder[]): JobWait | undefined {
  const offline = holders.flatMap(({ id, name, messages, since }) =>
    since ? [{ deviceId: id, name, messages, since }] : [],
  );
  const devices = offline.filter(({ messages }) => messages > 0);
  if (devices.length === 0) return undefined;
  const moves = job.source === 'round_robin' || job.source === 'random';
  if (moves && offline.length === holders.length)
    return { why: 'no_device_connected', since: latest(offline), reason: null, devices };
  // The others of a job whose messages move send on, and will have what these never wrote.
  if (moves && holders.some(({ messages, since }) => !since && messages > 0)) return undefined;
  return { why: 'device_offline', since: latest(devices), reason: null, devices };
}

function latest(devices: readonly { since: Date }[]): Date {
  return new Date(Math.max(...devices.map(({ since }) => since.getTime())));
}
