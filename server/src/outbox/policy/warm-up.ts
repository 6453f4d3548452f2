import { periodLengthMs, periodStartMs } from '../pacing.ts';

/** A new number's growing cap per day. */
export interface WarmUp {
  /** The cap on the first day of sending, the second, and so on; after the last the device's own cap holds. */
  steps: readonly number[];
  /** When the first message went out; undefined before it. */
  sinceMs: number | undefined;
}

/** How far a number's warm-up has come: `day` counts from 1. */
export interface WarmUpStage {
  day: number;
  capPerDay: number;
}

/** The stage at `nowMs`; undefined when the warm-up is over. Days are UTC, as those of the counts are. */
export function warmUpStage({ steps, sinceMs }: WarmUp, nowMs: number): WarmUpStage | undefined {
  const firstDayMs = periodStartMs('day', sinceMs ?? nowMs);
  const passed = Math.max(0, (periodStartMs('day', nowMs) - firstDayMs) / periodLengthMs.day);
  const capPerDay = steps[passed];
  return capPerDay === undefined ? undefined : { day: passed + 1, capPerDay };
}
