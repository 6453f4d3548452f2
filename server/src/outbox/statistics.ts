import { sql } from 'kysely';
import type { Db, JobState } from '../database/index.ts';
import { type MessageStatus, messageStatuses } from './transition.ts';

export type StatusCounts = Record<MessageStatus, number>;

/** How a job stands: `planned` equals the sum of `messages`, always. */
export interface JobReport {
  jobId: string;
  state: JobState;
  planned: number;
  messages: StatusCounts;
  failovers: number;
  resends: number;
  perDevice: {
    deviceId: string;
    name: string;
    phone: string | null;
    state: string;
    messages: StatusCounts;
  }[];
  /** Why messages failed or were skipped, and how many. */
  reasons: { status: MessageStatus; reason: string; messages: number }[];
}

function noMessages(): StatusCounts {
  return Object.fromEntries(messageStatuses.map((status) => [status, 0])) as StatusCounts;
}

/** The report of one job from its statistics rows; only the reasons are counted from failed and skipped messages. */
export async function reportJob(db: Db, workspaceId: string, jobId: string): Promise<JobReport | undefined> {
  const job = await db
    .selectFrom('broadcast_jobs')
    .select(['id', 'state', 'planned', 'failovers', 'resends'])
    .where('id', '=', jobId)
    .where('workspace_id', '=', workspaceId)
    .executeTakeFirst();
  if (!job) return undefined;
  const [counts, reasons] = await Promise.all([
    sql<{
      id: string;
      name: string;
      phone: string | null;
      state: string;
      status: MessageStatus;
      messages: number;
    }>`
    select d.id, d.name, d.phone, d.state, s.status, s.messages
    from broadcast_job_stats s join user_devices d on d.id = s.device_id
    where s.job_id = ${jobId} and s.workspace_id = ${workspaceId} order by d.rotation_order`.execute(db),
    sql<JobReport['reasons'][number]>`
    select status, reason, count(*) as messages from broadcast_messages
    where job_id = ${jobId} and workspace_id = ${workspaceId} and status in ('failed', 'skipped')
    group by status, reason order by status, reason`.execute(db),
  ]);
  const perDevice = new Map<string, JobReport['perDevice'][number]>();
  const total = noMessages();
  for (const { id, name, phone, state, status, messages } of counts.rows) {
    const device = perDevice.get(id) ?? { deviceId: id, name, phone, state, messages: noMessages() };
    device.messages[status] += messages;
    total[status] += messages;
    perDevice.set(id, device);
  }
  return {
    jobId,
    state: job.state,
    planned: job.planned,
    messages: total,
    failovers: job.failovers,
    resends: job.resends,
    perDevice: [...perDevice.values()],
    reasons: reasons.rows,
  };
}

/**
 * Messages of all jobs that have not ended, by status, over all workspaces: for the metrics. The standing job of direct sends never ends,
 * so only what waits in it counts.
 */
export async function countLiveMessages(db: Db): Promise<{ status: MessageStatus; messages: number }[]> {
  const { rows } = await sql<{ status: MessageStatus; messages: number }>`
    select s.status, sum(s.messages) as messages from broadcast_job_stats s join broadcast_jobs j on j.id = s.job_id
    where j.state not in ('finished', 'cancelled') and (j.kind <> 'direct' or s.status in ('queued', 'unconfirmed'))
    group by s.status order by s.status`.execute(db);
  return rows;
}

/** A job whose books do not balance. There must be none. */
export interface Imbalance {
  jobId: string;
  planned: number;
  counted: number;
  rows: number;
}

/**
 * Audits the ledger: for each job, planned = sum of the statistics = number of rows. It reads every row of the jobs that
 * are alive or ended within the last day, so it runs in the background only.
 */
export async function auditLedger(db: Db): Promise<Imbalance[]> {
  const { rows } = await sql<Imbalance>`
    select j.id as "jobId", j.planned, coalesce(s.counted, 0) as counted, coalesce(m.rows, 0) as rows
    from broadcast_jobs j
    left join lateral (select sum(messages) as counted from broadcast_job_stats s where s.job_id = j.id) as s on true
    left join lateral (select count(*) as rows from broadcast_messages m where m.job_id = j.id) as m on true
    where (j.finished_at is null or j.finished_at > now() - interval '1 day')
      and (j.planned <> coalesce(s.counted, 0) or j.planned <> coalesce(m.rows, 0)
        or exists (
          select 1 from (select device_id, status, count(*) as n from broadcast_messages where job_id = j.id group by 1, 2) as r
          full join (select device_id, status, messages as n from broadcast_job_stats where job_id = j.id and messages <> 0) as c
            using (device_id, status)
          where r.n is distinct from c.n))
    order by j.id`.execute(db);
  return rows;
}
