import type { JobReport, StatusCounts } from '../outbox/index.ts';
import type { NetworkReport } from './simulator-child.ts';

/** The result of a run, as --json prints it. `sent`, `delivered` and `read` are cumulative: what was read was also sent. */
export interface Outcome {
  planned: number;
  sent: number;
  delivered: number;
  read: number;
  failed: number;
  skipped: number;
  recipientsReached: number;
  duplicatesAtRecipients: number;
  perDevice: ({ name: string; phone: string | null; planned: number } & Cumulative)[];
  failovers: number;
  resends: number;
  seconds: number;
}

interface Cumulative {
  sent: number;
  delivered: number;
  read: number;
  failed: number;
  skipped: number;
}

/** Joins the ledger's report and the network's. */
export function outcomeOf(report: JobReport, network: NetworkReport, seconds: number): Outcome {
  return {
    planned: report.planned,
    ...cumulative(report.messages),
    recipientsReached: network.recipientsReached,
    duplicatesAtRecipients: network.duplicatesAtRecipients,
    perDevice: report.perDevice.map(({ name, phone, messages }) => ({
      name,
      phone,
      planned: Object.values(messages).reduce((sum, count) => sum + count, 0),
      ...cumulative(messages),
    })),
    failovers: report.failovers,
    resends: report.resends,
    seconds: Math.round(seconds * 10) / 10,
  };
}

export function cumulative(messages: StatusCounts): Cumulative {
  const { sent, delivered, read, failed, skipped } = messages;
  return { sent: sent + delivered + read, delivered: delivered + read, read, failed, skipped };
}

/** What is wrong with a run; nothing when the books balance. */
export function complaintsAbout(outcome: Outcome, report: JobReport): string[] {
  const { planned, sent, failed, skipped, recipientsReached, duplicatesAtRecipients } = outcome;
  const complaints: string[] = [];
  if (report.state !== 'finished') complaints.push(`the job is ${report.state}`);
  if (planned !== sent + failed + skipped)
    complaints.push(`planned ${planned} is not sent ${sent} + failed ${failed} + skipped ${skipped}`);
  if (failed > 0) complaints.push(`${failed} messages failed`);
  if (sent !== recipientsReached)
    complaints.push(`the ledger says ${sent} were sent, the network reached ${recipientsReached} recipients`);
  if (duplicatesAtRecipients > 0) complaints.push(`${duplicatesAtRecipients} messages were seen twice`);
  return complaints;
}

/** The closing table and the comparison of both books, for people. */
export function describeOutcome(outcome: Outcome, report: JobReport): string {
  const rows = outcome.perDevice.map(({ name, phone, ...counts }) => [
    name,
    phone ?? '',
    ...Object.values(counts),
  ]);
  const total = [
    'Total',
    '',
    outcome.planned,
    outcome.sent,
    outcome.delivered,
    outcome.read,
    outcome.failed,
    outcome.skipped,
  ];
  const reasons = report.reasons.map(
    ({ status, reason, messages }) => `${messages} ${status} (${reason.replaceAll('_', ' ')})`,
  );
  const complaints = complaintsAbout(outcome, report);
  return [
    '',
    table(['Number', 'Phone', 'Planned', 'Sent', 'Delivered', 'Read', 'Failed', 'Skipped'], [...rows, total]),
    '',
    `Ledger:   planned ${outcome.planned} = sent ${outcome.sent} + failed ${outcome.failed} + skipped ${outcome.skipped}${reasons.length > 0 ? `; ${reasons.join(', ')}` : ''}`,
    `Network:  ${outcome.recipientsReached} recipients reached, ${outcome.duplicatesAtRecipients} saw a message twice`,
    `On the way: ${outcome.failovers} messages moved to other numbers, ${outcome.resends} sent again under the same id, ${outcome.seconds} s`,
    complaints.length === 0 ? 'The books balance.' : `THE BOOKS DO NOT BALANCE: ${complaints.join('; ')}.`,
    '',
  ].join('\n');
}

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const lines = [head, ...rows].map((row) => row.map(String));
  const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((cell, column) =>
          column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join('  '),
    )
    .join('\n');
}
