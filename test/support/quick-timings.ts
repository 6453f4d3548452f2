import type { EngineTimings } from '../../server/src/outbox/index.ts';
import type { BackoffRule } from '../../server/src/platform/backoff.ts';

/** Nothing waits longer than it must: a scenario takes seconds, and no result depends on how many. */
export const quickTimings = {
  ackTimeoutMs: 1_000,
  failoverGraceMs: 300,
  failoverEveryMs: 100,
  returnSteadyMs: 200,
  spreadEveryMs: 500,
  lookEveryMs: 200,
  retry: { firstMs: 50, maxMs: 200 },
  shortestIntervalMs: 5,
} satisfies Partial<EngineTimings>;

/** As quick, but a number that is offline for as long as a restart takes keeps its messages. */
export const steadyTimings = { ...quickTimings, failoverGraceMs: 4_000 } satisfies Partial<EngineTimings>;

export const quickReconnect: BackoffRule = { firstMs: 50, maxMs: 200 };
