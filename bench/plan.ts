import { planEverybody } from '../test/support/ledger.ts';
import { alternate, longestLoopBlock, median, type Timed, timed } from './alternate.ts';
import { createBareTable, emptyBareTable, fillBareTable } from './bare-table.ts';
import type { Benchmark, Measurement } from './bench.ts';
import { withDatabase } from './database.ts';
import { type JobSize, type JobSizeFlag, jobSizeFlags, readJobSize } from './job-size.ts';
import { emptyLedger, expectJob, type JobStage, openJobStage } from './job-stage.ts';

const standard: JobSize = { recipients: 1_000_000, devices: 100 };

/** How long a job's start takes, from the click to the last recipient's row. */
export const planBench: Benchmark<JobSizeFlag> = {
  name: 'plan',
  summary: 'Plans a job, against one bare INSERT of the same rows into a table without indexes',
  flags: jobSizeFlags(standard),
  async run(options, progress) {
    const size = readJobSize(options, standard);
    return await withDatabase(progress, async ({ db }) => {
      const stage = await openJobStage(db, size);
      await createBareTable(db);
      progress(`${size.recipients} leads and ${size.devices} devices are there.`);
      const runs = await alternate(
        { label: 'planning', run: () => plan(stage) },
        { label: 'bare insert', run: () => insertBare(stage) },
        progress,
      );
      return measurementOf(runs, size);
    });
  },
};

async function plan(stage: JobStage): Promise<Timed & { maxLoopBlockMs: number }> {
  await emptyLedger(stage.db);
  let jobId = '';
  const { result, maxLoopBlockMs } = await longestLoopBlock(() =>
    timed(async () => {
      jobId = await planEverybody(stage.db, stage.ledger);
    }),
  );
  await expectJob(stage, jobId, { state: 'running', status: 'queued' });
  return { ...result, maxLoopBlockMs };
}

async function insertBare(stage: JobStage): Promise<Timed> {
  await emptyBareTable(stage.db);
  return await timed(() => fillBareTable(stage));
}

function measurementOf(
  runs: { ours: (Timed & { maxLoopBlockMs: number })[]; floor: Timed[] },
  size: JobSize,
): Measurement {
  const ours = median(runs.ours);
  const floor = median(runs.floor);
  return {
    ratios: { bareInsert: ours.seconds / floor.seconds },
    figures: {
      seconds: ours.seconds,
      recipientsPerSecond: size.recipients / ours.seconds,
      maxLoopBlockMs: Math.max(...runs.ours.map((run) => run.maxLoopBlockMs)),
    },
    floor: { seconds: floor.seconds },
  };
}
