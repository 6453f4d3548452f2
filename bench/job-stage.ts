import { sql } from 'kysely';
import type { Db } from '../server/src/database/index.ts';
import { auditLedger, reportJob } from '../server/src/outbox/index.ts';
import { createLedger, type Ledger } from '../test/support/ledger.ts';
import type { JobSize } from './job-size.ts';

/** A workspace with as many leads as the job has recipients, and connected devices that are owned under epoch 1. */
export interface JobStage {
  db: Db;
  ledger: Ledger;
  size: JobSize;
}

/** Fills an empty database; the leads get the statistics that a server has of a table which is not new. */
export async function openJobStage(db: Db, size: JobSize): Promise<JobStage> {
  return await unhurried(db, async (patient) => {
    const ledger = await createLedger(patient, { devices: size.devices, leads: size.recipients });
    await sql`vacuum analyze leads`.execute(patient);
    return { db, ledger, size };
  });
}

/** Prepares something on a connection without the product's limit for a statement: a million rows at once take their time. */
export function unhurried<Result>(db: Db, work: (patient: Db) => Promise<Result>): Promise<Result> {
  return db.connection().execute(async (patient) => {
    await sql`set statement_timeout = 0`.execute(patient);
    try {
      return await work(patient);
    } finally {
      await sql`reset statement_timeout`.execute(patient);
    }
  });
}

/** Every number has been asked about and is on WhatsApp, as on the second day of a fleet. */
export async function checkEveryNumber({ db }: JobStage): Promise<void> {
  await sql`
    insert into number_checks (workspace_id, phone, on_whatsapp, jid)
    select workspace_id, phone, true, phone || '@s.whatsapp.net' from leads`.execute(db);
  await sql`vacuum analyze number_checks`.execute(db);
}

/** Removes every job and message, and starts a checkpoint cycle so that no run pays for the writes of the one before. */
export async function emptyLedger(db: Db): Promise<void> {
  await sql`truncate broadcast_messages, broadcast_jobs, broadcast_job_stats, device_send_counts`.execute(db);
  await sql`checkpoint`.execute(db);
}

/** Throws when the job is not in this state with all its recipients in this status: a fast wrong result is no result. */
export async function expectJob(
  { db, ledger, size }: JobStage,
  jobId: string,
  expected: { state: 'running' | 'finished'; status: 'queued' | 'sent' },
): Promise<void> {
  const report = await reportJob(db, ledger.workspaceId, jobId);
  const imbalances = await auditLedger(db);
  const reached = report?.messages[expected.status];
  if (report?.state === expected.state && reached === size.recipients && imbalances.length === 0) return;
  throw new Error(
    `The job should be ${expected.state} with ${size.recipients} messages ${expected.status}; it is ${JSON.stringify({ ...report, perDevice: undefined, imbalances })}.`,
  );
}
