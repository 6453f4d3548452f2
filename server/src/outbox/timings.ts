import type { BackoffRule } from '../platform/backoff.ts';
import { shortestIntervalMs } from './pacing.ts';

/** The engine's own times and bounds. Pacing is the users' business; these are not settings, but a test or a demo may shorten them. */
export interface EngineTimings {
  /** No acknowledgement after this long: the message is unconfirmed. */
  ackTimeoutMs: number;
  /** When a refused or unanswered message comes due again. */
  retry: BackoffRule;
  /** How long a device stands still when WhatsApp asks to slow down. */
  rateLimitPauseMs: number;
  /** How long a device may be offline before what it never wrote moves to others. */
  failoverGraceMs: number;
  /** How long a device must be back before what waits is spread over it again, and the least time between two spreads of a job. */
  returnSteadyMs: number;
  spreadEveryMs: number;
  /** How long an unconfirmed message waits for its device before it is given up. */
  unconfirmedMaxMs: number;
  /** Between two looks at the database for due work; a doorbell shortens it. */
  lookEveryMs: number;
  /** Between two looks for offline devices with work. */
  failoverEveryMs: number;
  /** How far ahead of its pace a device claims. */
  holdHorizonMs: number;
  /** Messages that a device holds at most, and that it may have written without an answer. */
  heldMax: number;
  unansweredMax: number;
  shortestIntervalMs: number;
  /** The messages that came while offline are usually read well before this; sending then starts all the same. */
  offlineDrainMaxMs: number;
  /** How long an orderly stop waits for the answers to what was written. */
  stopDrainMs: number;
  settleGatherMs: number;
  settleBacklogMax: number;
  /** How long a device rests after too many failures. */
  quarantineMs: number;
  /** A sender with work that has done nothing for this long is started anew. */
  stuckAfterMs: number;
  watchEveryMs: number;
  /** How long a stuck sender may take to end; then its connection is closed. */
  stuckStopMs: number;
}

export const defaultTimings: EngineTimings = {
  ackTimeoutMs: 30_000,
  retry: { firstMs: 5_000, maxMs: 300_000 },
  rateLimitPauseMs: 60_000,
  failoverGraceMs: 60_000,
  returnSteadyMs: 30_000,
  spreadEveryMs: 120_000,
  unconfirmedMaxMs: 24 * 3_600_000,
  lookEveryMs: 1_000,
  failoverEveryMs: 1_000,
  holdHorizonMs: 2_000,
  heldMax: 20,
  unansweredMax: 50,
  shortestIntervalMs,
  offlineDrainMaxMs: 10_000,
  stopDrainMs: 5_000,
  settleGatherMs: 20,
  settleBacklogMax: 20_000,
  quarantineMs: 30 * 60_000,
  stuckAfterMs: 10 * 60_000,
  watchEveryMs: 30_000,
  stuckStopMs: 10_000,
};
