import { planEverybody } from '../test/support/ledger.ts';
import { alternate, longestLoopBlock, median, type Timed, timed } from './alternate.ts';
import type { Benchmark, Measurement } from './bench.ts';
import { addAndProcess } from './bullmq.ts';
import { cpuSeconds } from './cpu.ts';
import { withDatabase } from './database.ts';
import { type JobSize, type JobSizeFlag, jobSizeFlags, readJobSize } from './job-size.ts';
import { checkEveryNumber, emptyLedger, expectJob, type JobStage, openJobStage } from './job-stage.ts';
import { NullFleet } from './null-network.ts';
import { withRedis } from './redis-server.ts';

const standard: JobSize = { recipients: 300_000, devices: 3_000 };

interface DispatchRun extends Timed {
  planSeconds: number;
  maxLoopBlockMs: number;
  nodeCpuSeconds: number;
  databaseCpuSeconds: number;
}

/** How fast the whole pipeline is when nothing paces it: planned, claimed, written to nowhere, acknowledged and settled. */
export const dispatchBench: Benchmark<JobSizeFlag> = {
  name: 'dispatch',
  summary:
    'Plans and sends a job through the engine to a null network, against BullMQ on Redis doing nothing',
  flags: jobSizeFlags(standard),
  async run(options, progress) {
    const size = readJobSize(options, standard);
    return await withRedis((socketPath) =>
      withDatabase(progress, async (database) => {
        const stage = await openJobStage(database.db, size);
        await checkEveryNumber(stage);
        progress(`${size.recipients} leads and ${size.devices} devices are there.`);
        let queues = 0;
        const runs = await alternate(
          { label: 'plan and send', run: () => dispatch(stage) },
          {
            label: 'BullMQ on Redis',
            run: () => addAndProcess(socketPath, size.recipients, size.devices, `floor-${++queues}`),
          },
          progress,
        );
        return measurementOf(runs, size);
      }),
    );
  },
};

/** Sends one job to everybody and checks that the books say so. */
async function dispatch(stage: JobStage): Promise<DispatchRun> {
  await emptyLedger(stage.db);
  const fleet = new NullFleet(stage.db);
  await fleet.start(stage);
  try {
    let jobId = '';
    let planSeconds = 0;
    const before = await cpuSeconds(stage.db);
    const { result, maxLoopBlockMs } = await longestLoopBlock(() =>
      timed(async () => {
        const planning = await timed(async () => {
          jobId = await planEverybody(stage.db, stage.ledger, {}, () => fleet.engine.ring());
        });
        planSeconds = planning.seconds;
        await fleet.finished(jobId);
      }),
    );
    const after = await cpuSeconds(stage.db);
    await expectJob(stage, jobId, { state: 'finished', status: 'sent' });
    return {
      ...result,
      planSeconds,
      maxLoopBlockMs,
      nodeCpuSeconds: after.node - before.node,
      databaseCpuSeconds: after.database - before.database,
    };
  } finally {
    await fleet.stop();
  }
}

function measurementOf(runs: { ours: DispatchRun[]; floor: Timed[] }, size: JobSize): Measurement {
  const ours = median(runs.ours);
  const floor = median(runs.floor);
  return {
    ratios: { bullmqRedis: floor.seconds / ours.seconds },
    figures: {
      seconds: ours.seconds,
      messagesPerMinute: (size.recipients / ours.seconds) * 60,
      planSeconds: ours.planSeconds,
      nodeCpuSeconds: ours.nodeCpuSeconds,
      databaseCpuSeconds: ours.databaseCpuSeconds,
      maxLoopBlockMs: Math.max(...runs.ours.map((run) => run.maxLoopBlockMs)),
    },
    floor: { seconds: floor.seconds, jobsPerMinute: (size.recipients / floor.seconds) * 60 },
  };
}
