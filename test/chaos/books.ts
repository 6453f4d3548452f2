import { sql } from 'kysely';
import { createDatabase, type Db } from '../../server/src/database/index.ts';
import { auditLedger, type JobReport, reportJob } from '../../server/src/outbox/index.ts';
import { silentLogger } from '../../server/src/platform/logger.ts';
import type { RecipientView, Simulator } from '../../simulator/src/index.ts';

/** What a run came to, as the ledger and the network have it. */
export interface Books {
  report: JobReport;
  /** Recipients of the plan who saw nothing, and messages beyond the first that somebody saw. */
  lost: number;
  duplicates: number;
  /** Every sentence in which the books differ from "each recipient saw exactly one message". */
  complaints: string[];
}

interface Row {
  id: number;
  phone: string;
  status: string;
  [column: string]: unknown;
}

const rowsShownMax = 10;

/** Compares the ledger in a data folder, on which no program runs, with what the recipients' phones saw. */
export async function compareBooks(options: {
  dataDir: string;
  workspaceId: string;
  jobId: string;
  recipients: number;
  simulator: Simulator;
}): Promise<Books> {
  const { dataDir, workspaceId, jobId, recipients, simulator } = options;
  const database = createDatabase({ dataDir, logger: silentLogger });
  await database.start();
  try {
    const report = await reportJob(database.db, workspaceId, jobId);
    if (!report) throw new Error('The job is gone.');
    const seen = new Map(simulator.recipients({ limit: recipients * 2 }).map((view) => [view.phone, view]));
    const rows = await readRows(database.db, jobId);
    const lost = rows.filter((row) => timesSeen(seen.get(row.phone)) === 0);
    const repeated = rows.filter((row) => timesSeen(seen.get(row.phone)) > 1);
    const complaints = [
      ...(await ledgerComplaints(database.db, report, recipients)),
      ...about('saw nothing', lost, seen),
      ...about('saw more than one message', repeated, seen),
      ...about(
        'did not end as sent',
        rows.filter(({ status }) => !isSent(status)),
        seen,
      ),
      ...strangers(seen, rows),
    ];
    const duplicates = repeated.reduce((sum, row) => sum + timesSeen(seen.get(row.phone)) - 1, 0);
    return { report, lost: lost.length, duplicates, complaints };
  } finally {
    await database.stop();
  }
}

async function ledgerComplaints(db: Db, report: JobReport, recipients: number): Promise<string[]> {
  const sum = Object.values(report.messages).reduce((total, count) => total + count, 0);
  const imbalances = await auditLedger(db);
  const { rows: held } = await sql<{ device_id: string; message_ids: number[] }>`
    select device_id, message_ids from device_in_flight where cardinality(message_ids) > 0`.execute(db);
  return [
    ...(report.state === 'finished' ? [] : [`The job is ${report.state}, not finished.`]),
    ...(report.planned === recipients ? [] : [`Planned ${report.planned} of ${recipients} recipients.`]),
    ...(report.planned === sum ? [] : [`Planned ${report.planned}, and the sum of all states is ${sum}.`]),
    ...imbalances.map((imbalance) => `The audit complains: ${JSON.stringify(imbalance)}`),
    ...held.map((row) => `Still in flight after an orderly stop: ${JSON.stringify(row)}`),
  ];
}

async function readRows(db: Db, jobId: string): Promise<Row[]> {
  const { rows } = await sql<Row>`
    select m.id, m.phone, m.status, m.reason, d.name as device, m.attempts, m.resends, m.wa_message_id, m.not_before,
      m.unconfirmed_at, m.sent_at, m.delivered_at, m.read_at, m.ended_at
    from broadcast_messages m left join user_devices d on d.id = m.device_id where m.job_id = ${jobId} order by m.id`.execute(
    db,
  );
  return rows;
}

function isSent(status: string): boolean {
  return status === 'sent' || status === 'delivered' || status === 'read';
}

function timesSeen(view: RecipientView | undefined): number {
  return view?.shown.length ?? 0;
}

/** The rows that differ, with their times, and what reached their phones. */
function about(what: string, rows: readonly Row[], seen: ReadonlyMap<string, RecipientView>): string[] {
  if (rows.length === 0) return [];
  const lines = rows.slice(0, rowsShownMax).map((row) => {
    const filled = Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null));
    const arrivals = (seen.get(row.phone)?.arrivals ?? []).map(
      ({ at, from, id, outcome }) => `${new Date(at).toISOString()} from ${from} ${id} ${outcome}`,
    );
    return `    ${JSON.stringify(filled)}\n      arrived: ${arrivals.join('; ') || 'nothing'}`;
  });
  return [`${rows.length} recipients ${what}:\n${lines.join('\n')}`];
}

function strangers(seen: ReadonlyMap<string, RecipientView>, rows: readonly Row[]): string[] {
  const planned = new Set(rows.map(({ phone }) => phone));
  const unknown = [...seen.keys()].filter((phone) => !planned.has(phone));
  return unknown.length === 0 ? [] : [`Somebody who is not in the job got a message: ${unknown.join(', ')}`];
}
