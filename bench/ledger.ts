import type { Db } from '../server/src/database/index.ts';
import { type ClaimedMessage, claim } from '../server/src/outbox/claim.ts';
import { finishJobs, type Settlement, settleBatch } from '../server/src/outbox/settle.ts';
import { batchMax } from '../server/src/outbox/settler.ts';
import { planEverybody } from '../test/support/ledger.ts';
import { alternate, longestLoopBlock, median, type Timed, timed } from './alternate.ts';
import {
  addPrimaryKey,
  createBareTable,
  emptyBareTable,
  fillBareTable,
  updateBareTable,
} from './bare-table.ts';
import type { Benchmark, Measurement } from './bench.ts';
import { withDatabase } from './database.ts';
import { type JobSize, type JobSizeFlag, jobSizeFlags, readJobSize } from './job-size.ts';
import { emptyLedger, expectJob, type JobStage, openJobStage } from './job-stage.ts';

/** Messages that a device takes in one claim. */
const room = 50;

const standard: JobSize = { recipients: 100_000, devices: 100 };

interface LedgerRun extends Timed {
  claimSeconds: number;
  settleSeconds: number;
  maxLoopBlockMs: number;
}

/** How fast the ledger hands messages out and takes results back, with no network and no pace in between. */
export const ledgerBench: Benchmark<JobSizeFlag> = {
  name: 'ledger',
  summary:
    'Claims and settles a planned job, against bare UPDATEs by primary key in batches of the same size',
  flags: jobSizeFlags(standard),
  async run(options, progress) {
    const size = readJobSize(options, standard);
    return await withDatabase(progress, async ({ db }) => {
      const stage = await openJobStage(db, size);
      await createBareTable(db);
      await addPrimaryKey(db);
      progress(`${size.recipients} leads and ${size.devices} devices are there.`);
      const runs = await alternate(
        { label: 'claim and settle', run: () => sendEverything(stage) },
        { label: 'bare updates', run: () => updateBare(stage) },
        progress,
      );
      return measurementOf(runs, size);
    });
  },
};

async function sendEverything(stage: JobStage): Promise<LedgerRun> {
  const { db, ledger } = stage;
  await emptyLedger(db);
  const jobId = await planEverybody(db, ledger);
  const requests = ledger.deviceIds.map((deviceId) => ({ deviceId, epoch: 1, room }));
  const spent = { claimSeconds: 0, settleSeconds: 0 };
  const { result, maxLoopBlockMs } = await longestLoopBlock(() =>
    timed(async () => {
      for (;;) {
        let claimed: ClaimedMessage[] = [];
        const claiming = await timed(async () => {
          claimed = await claim(db, requests);
        });
        spent.claimSeconds += claiming.seconds;
        if (claimed.length === 0) return;
        spent.settleSeconds += (await timed(() => settleAll(db, claimed))).seconds;
      }
    }),
  );
  await expectJob(stage, jobId, { state: 'finished', status: 'sent' });
  return { ...result, ...spent, maxLoopBlockMs };
}

/** Settles as the outbox does: bounded batches, and after each a look whether the job has ended. */
async function settleAll(db: Db, claimed: readonly ClaimedMessage[]): Promise<void> {
  for (let start = 0; start < claimed.length; start += batchMax) {
    const moved = await settleBatch(db, claimed.slice(start, start + batchMax).map(acknowledged));
    await finishJobs(db, [...new Set(moved.map((message) => message.jobId))]);
  }
}

function acknowledged(message: ClaimedMessage): Settlement {
  return {
    deviceId: message.deviceId,
    epoch: 1,
    messageId: message.id,
    event: { kind: 'acknowledged' },
    endsClaim: true,
    written: true,
    resend: false,
  };
}

async function updateBare(stage: JobStage): Promise<Timed> {
  await emptyBareTable(stage.db);
  await fillBareTable(stage);
  return await timed(() => updateBareTable(stage, batchMax));
}

function measurementOf(runs: { ours: LedgerRun[]; floor: Timed[] }, size: JobSize): Measurement {
  const ours = median(runs.ours);
  const floor = median(runs.floor);
  return {
    ratios: { bareUpdate: ours.seconds / floor.seconds },
    figures: {
      seconds: ours.seconds,
      messagesPerSecond: size.recipients / ours.seconds,
      claimSeconds: ours.claimSeconds,
      settleSeconds: ours.settleSeconds,
      maxLoopBlockMs: Math.max(...runs.ours.map((run) => run.maxLoopBlockMs)),
    },
    floor: { seconds: floor.seconds, messagesPerSecond: size.recipients / floor.seconds },
  };
}
