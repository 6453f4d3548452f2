import { monitorEventLoopDelay } from 'node:perf_hooks';
import { systemClock } from '../server/src/platform/clock.ts';
import type { Progress } from './bench.ts';

/** One timed run; `seconds` is what counts, without the preparation. */
export interface Timed {
  seconds: number;
}

/** A side of a comparison: prepares itself, untimed, and does its work once. */
export interface Side<Run extends Timed> {
  label: string;
  run(): Promise<Run>;
}

/** Counted runs of each side; one more of each comes first, so that files, caches and compiled code are there. */
const runsOfEach = 3;

/**
 * Runs ours and the floor in turn, so that whatever else the machine does meets both, and returns each side's runs from fastest
 * to slowest.
 */
export async function alternate<Ours extends Timed, Floor extends Timed>(
  ours: Side<Ours>,
  floor: Side<Floor>,
  progress: Progress,
): Promise<{ ours: Ours[]; floor: Floor[] }> {
  const runs: { ours: Ours[]; floor: Floor[] } = { ours: [], floor: [] };
  for (let round = 0; round <= runsOfEach; round++) {
    const ourRun = await ours.run();
    const floorRun = await floor.run();
    const title = round === 0 ? 'Warm-up' : `Run ${round} of ${runsOfEach}`;
    progress(
      `${title}: ${ours.label} ${ourRun.seconds.toFixed(3)} s, ${floor.label} ${floorRun.seconds.toFixed(3)} s`,
    );
    if (round === 0) continue;
    runs.ours.push(ourRun);
    runs.floor.push(floorRun);
  }
  runs.ours.sort((a, b) => a.seconds - b.seconds);
  runs.floor.sort((a, b) => a.seconds - b.seconds);
  return runs;
}

/** The middle one of an odd number of runs, sorted. */
export function median<Run extends Timed>(sorted: readonly Run[]): Run {
  return sorted[Math.floor(sorted.length / 2)]!;
}

/** Does the work and says how long it took. */
export async function timed(work: () => Promise<unknown>): Promise<Timed> {
  const startedMs = systemClock.monotonicMs();
  await work();
  return { seconds: (systemClock.monotonicMs() - startedMs) / 1000 };
}

const loopResolutionMs = 5;

/** Does the work and returns the longest time for which it kept the event loop from anything else. */
export async function longestLoopBlock<Result>(
  work: () => Promise<Result>,
): Promise<{ result: Result; maxLoopBlockMs: number }> {
  const delay = monitorEventLoopDelay({ resolution: loopResolutionMs });
  delay.enable();
  try {
    // The monitor's timer measures from one of its ticks to the next: the first must come before the work, the last after it.
    await systemClock.wait(3 * loopResolutionMs);
    const result = await work();
    await systemClock.wait(3 * loopResolutionMs);
    return { result, maxLoopBlockMs: Math.max(0, delay.max / 1e6 - loopResolutionMs) };
  } finally {
    delay.disable();
  }
}
