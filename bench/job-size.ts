import { type Flag, type Flags, wholeNumber } from '../server/src/platform/flags.ts';

/** How large a job a benchmark of the ledger works on. */
export interface JobSize {
  recipients: number;
  devices: number;
}

export type JobSizeFlag = 'recipients' | 'devices';

/** The flags of a benchmark whose job has this size unless somebody says otherwise. */
export function jobSizeFlags(standard: JobSize): Record<JobSizeFlag, Flag> {
  return {
    recipients: { value: 'N', help: `Recipients of the job (default ${standard.recipients})` },
    devices: { value: 'N', help: `Devices that share it (default ${standard.devices})` },
  };
}

/** Throws `bad_input` with a sentence. */
export function readJobSize(given: Flags<JobSizeFlag>, standard: JobSize): JobSize {
  return {
    recipients: wholeNumber('recipients', given.recipients, standard.recipients, { min: 1, max: 2_000_000 }),
    devices: wholeNumber('devices', given.devices, standard.devices, { min: 1, max: 10_000 }),
  };
}
