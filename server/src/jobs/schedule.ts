import type { JobName } from './job-types.ts';

/** One line of the schedule. */
export interface Periodic {
  name: JobName;
  /** Five fields: minute, hour, day of month, month, day of week; in UTC. */
  cron: string;
  what: string;
}

/** All periodic work of the program. Work that is not listed here does not run by itself. */
export const schedule: readonly Periodic[] = [
  { name: 'audit_ledger', cron: '* * * * *', what: 'Compares planned messages with the sum of all states' },
  {
    name: 'prune',
    cron: '17 3 * * *',
    what: 'Removes counts and number checks that nobody looks at any more',
  },
];
