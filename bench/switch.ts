import { systemClock } from '../server/src/platform/clock.ts';
import { planEverybody } from '../test/support/ledger.ts';
import type { Benchmark } from './bench.ts';
import { withDatabase } from './database.ts';
import { type JobSize, type JobSizeFlag, jobSizeFlags, readJobSize } from './job-size.ts';
import { checkEveryNumber, emptyLedger, expectJob, openJobStage } from './job-stage.ts';
import { NullFleet } from './null-network.ts';

const standard: JobSize = { recipients: 150_000, devices: 3_000 };

/** How long the process takes from the write of one device to the write of the next, while all of them have work. */
export const switchBench: Benchmark<JobSizeFlag> = {
  name: 'switch',
  summary:
    'Times the way from one sender to the next in a busy process, against a bare rotation over as many',
  flags: jobSizeFlags(standard),
  async run(options, progress) {
    const size = readJobSize(options, standard);
    return await withDatabase(progress, async ({ db }) => {
      const stage = await openJobStage(db, size);
      await checkEveryNumber(stage);
      await emptyLedger(db);
      const switches = new Switches();
      const fleet = new NullFleet(db, (deviceId) => switches.count(deviceId));
      await fleet.start(stage);
      try {
        const jobId = await planEverybody(db, stage.ledger, {}, () => fleet.engine.ring());
        await fleet.finished(jobId);
        await expectJob(stage, jobId, { state: 'finished', status: 'sent' });
      } finally {
        await fleet.stop();
      }
      const ours = switches.percentiles();
      const bare = bareRotation(stage.ledger.deviceIds, size.recipients).percentiles();
      return {
        ratios: { bareRotation: ours.p50Ms / bare.p50Ms },
        figures: ours,
        floor: bare,
      };
    });
  },
};

/** The times between writes of one device and the next of another in the same turn of the event loop: nobody waited for anything there. */
class Switches {
  readonly #times: number[] = [];
  #lastDevice: string | undefined;
  #lastMs = 0;

  count(deviceId: string): void {
    const nowMs = systemClock.monotonicMs();
    if (this.#lastDevice === undefined) setImmediate(() => (this.#lastDevice = undefined));
    else if (this.#lastDevice !== deviceId) this.#times.push(nowMs - this.#lastMs);
    this.#lastDevice = deviceId;
    this.#lastMs = systemClock.monotonicMs();
  }

  percentiles(): { p50Ms: number; p99Ms: number; maxMs: number } {
    const sorted = Float64Array.from(this.#times).sort();
    if (sorted.length === 0) throw new Error('No device followed another: there is nothing to measure.');
    const at = (share: number): number =>
      sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
    return { p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
  }
}

/** The same bookkeeping around nothing: the next device is the next of a list. */
function bareRotation(deviceIds: readonly string[], writes: number): Switches {
  const switches = new Switches();
  for (let write = 0; write < writes; write++) switches.count(deviceIds[write % deviceIds.length]!);
  return switches;
}
