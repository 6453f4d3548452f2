/** The public face of the background jobs. */
export type { JobName, JobPayloads } from './job-types.ts';
export { createJobs, type EnqueueOptions, type JobHandler, type Jobs, type JobsOptions } from './jobs.ts';
