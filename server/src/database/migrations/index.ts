import { foundation } from './0001-foundation.ts';
import { jobVerbs } from './0002-job-verbs.ts';
import { devicePolicy } from './0003-device-policy.ts';

export interface Migration {
  /** Counts up from 1 without gaps. A released migration never changes. */
  number: number;
  name: string;
  sql: string;
}

/** Every migration in order. Listed by hand, so that no file is run because of its name. */
export const migrations: readonly Migration[] = [
  { number: 1, name: 'foundation', sql: foundation },
  { number: 2, name: 'job-verbs', sql: jobVerbs },
  { number: 3, name: 'device policy', sql: devicePolicy },
];
