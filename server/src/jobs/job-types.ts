/** Every background job by name, with what it is told. The work itself lives in the slice that handles it. */
export interface JobPayloads {
  /** Plans the recipients of a broadcast job, in chunks, from where it stopped. */
  plan_job: { workspaceId: string; jobId: string };
  /** Checks that what was planned equals the sum of all states. */
  audit_ledger: Record<string, never>;
  /** Removes what nobody looks at any more: counts of past periods, number checks that are too old to trust. */
  prune: Record<string, never>;
}

export type JobName = keyof JobPayloads;

/**
 * How a kind of job is queued. `once`: while one with the same key waits or runs, another is not queued, because it
 * would find nothing left to do.
 */
export interface JobKind {
  once: boolean;
  /** How often a failed run is repeated, with growing pauses, before the job is given up with an error in the log. */
  retriesMax: number;
}

export const jobKinds: Record<JobName, JobKind> = {
  plan_job: { once: false, retriesMax: 8 },
  audit_ledger: { once: true, retriesMax: 2 },
  prune: { once: true, retriesMax: 2 },
};
