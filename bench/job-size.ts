import { type Flag, type Flags, wholeNumber } from '../server/src/platform/flags.ts';

/** How large a job a benchmark of the ledger works on. */
export interface JobSize {
  recipients: number;
  devices: number;
}

type JobSizeFlag = 'recipients' | 'devices';

const standard: JobSize = { recipients: 100_000, devices: 100 };

export const jobSizeFlags: Record<JobSizeFlag, Flag> = {
  recipients: { value: 'N', help: `Recipients of the job (default ${standard.recipients})` },
  devices: { value: 'N', help: `Devices that share it (default ${standard.devices})` },
};

/** Throws `bad_input` with a sentence. */
export function readJobSize(given: Flags<JobSizeFlag>): JobSize {
  return {
    recipients: wholeNumber('recipients', given.recipients, standard.recipients, { min: 1, max: 1_000_000 }),
    devices: wholeNumber('devices', given.devices, standard.devices, { min: 1, max: 1_000 }),
  };
}
