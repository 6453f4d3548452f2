import { sql } from 'kysely';
import type { Db } from '../server/src/database/index.ts';
import { listMessages, type MessageStatus, messageStatuses, reportJob } from '../server/src/outbox/index.ts';
import { planEverybody } from '../test/support/ledger.ts';
import { timed } from './alternate.ts';
import type { Benchmark } from './bench.ts';
import { withDatabase } from './database.ts';
import { type JobSize, type JobSizeFlag, jobSizeFlags, readJobSize } from './job-size.ts';
import { openJobStage, unhurried } from './job-stage.ts';

const standard: JobSize = { recipients: 1_000_000, devices: 100 };

const pageLength = 50;
const repeats = 7;
const devicesAsked = 5;
const markedTogether = 50_000;

interface Asked {
  deviceId: string | undefined;
  status: MessageStatus | undefined;
}

/** How long a person waits for the report of a large job, and for the first page of its messages under each filter. */
export const reportBench: Benchmark<JobSizeFlag> = {
  name: 'report',
  summary: 'Reports a large job and lists first pages of its messages, against counting its rows',
  flags: jobSizeFlags(standard),
  async run(options, progress) {
    const size = readJobSize(options, standard);
    return await withDatabase(progress, async ({ db }) => {
      const stage = await openJobStage(db, size);
      const jobId = await planEverybody(db, stage.ledger);
      await unhurried(db, (patient) => markEverything(patient));
      progress(`A job of ${size.recipients} messages over ${size.devices} devices is there.`);
      const { workspaceId, deviceIds } = stage.ledger;
      const reportMs = await medianMs(() => reportJob(db, workspaceId, jobId));
      progress(`The report takes ${reportMs.toFixed(1)} ms.`);
      let firstPageMs = 0;
      for (const { deviceId, status } of filters(deviceIds)) {
        const pageMs = await medianMs(() =>
          listMessages(db, { workspaceId, jobId, deviceId, status, limit: pageLength }),
        );
        firstPageMs = Math.max(firstPageMs, pageMs);
      }
      const countMs = await medianMs(() =>
        sql`select device_id, status, count(*) from broadcast_messages where job_id = ${jobId} group by device_id, status`.execute(
          db,
        ),
      );
      return {
        ratios: { counting: reportMs / countMs },
        figures: { deviceReportMs: reportMs, firstPageMs },
        floor: { countMs },
      };
    });
  },
};

/**
 * Spreads the messages over all statuses as an old job has them: most were sent, delivered or read, one in a hundred each is queued, unconfirmed,
 * failed, skipped or cancelled. In pieces, as a settlement would, and with the vacuum that follows in a running server.
 */
async function markEverything(db: Db): Promise<void> {
  const { rows } = await sql<{ first: number; last: number }>`
    select min(id) as first, max(id) as last from broadcast_messages`.execute(db);
  const { first = 0, last = -1 } = rows[0] ?? {};
  for (let from = first; from <= last; from += markedTogether) {
    await sql`
      update broadcast_messages m set status = s.status,
        reason = case when s.status in ('failed', 'skipped') then 'refused' end,
        unconfirmed_at = case when s.status = 'unconfirmed' then now() end,
        sent_at = case when s.status in ('sent', 'delivered', 'read') then now() end,
        delivered_at = case when s.status in ('delivered', 'read') then now() end,
        read_at = case when s.status = 'read' then now() end,
        ended_at = case when s.status in ('failed', 'skipped', 'cancelled') then now() end
      from (select id, case hashint8(id) & 127 when 0 then 'queued' when 1 then 'unconfirmed' when 2 then 'failed' when 3 then 'skipped'
          when 4 then 'cancelled' else (array['sent', 'delivered', 'read'])[1 + (hashint8(id) >> 8 & 1023) % 3] end as status
        from broadcast_messages where id >= ${from} and id < ${from + markedTogether}) as s
      where m.id = s.id`.execute(db);
  }
  await sql`vacuum analyze broadcast_messages`.execute(db);
}

/** Every status and none, of the whole job and of some of its devices. */
function filters(deviceIds: readonly string[]): Asked[] {
  return [undefined, ...deviceIds.slice(0, devicesAsked)].flatMap((deviceId) =>
    [undefined, ...messageStatuses].map((status) => ({ deviceId, status })),
  );
}

async function medianMs(work: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let run = 0; run < repeats; run++) times.push((await timed(work)).seconds * 1000);
  return times.toSorted((a, b) => a - b)[Math.floor(repeats / 2)]!;
}
