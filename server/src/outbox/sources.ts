import { sql } from 'kysely';
import type { DeviceSource } from '../database/index.ts';
import { SambadError } from '../platform/errors.ts';

/** How a job's messages get their devices when they are planned. */
export const deviceSources = [
  /** One device sends everything. */
  'single',
  /** Message k goes to device k modulo their number: 500 over 5 are 100 each, in the user's order. */
  'round_robin',
  /** The same exact shares, dealt out by chance. */
  'random',
  /** A lead keeps the device that it was last written from; one without such a device gets the next in turn. */
  'sticky',
] as const satisfies readonly DeviceSource[];

/** The sources whose messages may go from another device when theirs is offline; the others wait for their device. */
export const movableSources = sql.raw(`('round_robin', 'random')`);

/**
 * A lead's place among those that a chunk plans, from 0: by id, or shuffled for the source `random`. The shuffle comes from the
 * job's and the lead's ids, so planning the same chunk again deals the same. Reads `job` and `next`.
 */
export const placeInChunk = sql`row_number() over (order by
  case when (select source from job) = 'random' then hashint8extended(next.id, hashtextextended((select id from job)::text, 0)) end,
  next.id) - 1`;

/**
 * The device of a planned message. Reads `job`, `c`, a row of the chunk, and `d`, the device whose turn it is: places count on from chunk to
 * chunk, so shares are exact.
 */
export const chosenDevice = sql`coalesce(
  case when job.source = 'sticky' then
    (select k.device_id from lead_devices k where k.lead_id = c.id and k.device_id = any (job.device_ids)) end,
  d.id)`;

/**
 * The devices of a new job: the user's set in the user's order, or all that can send. Throws `bad_input` for a device that
 * cannot send or is not of this workspace, for one named twice, and for a source `single` that does not name exactly one.
 */
export function chooseDevices(
  source: DeviceSource,
  wanted: readonly string[] | undefined,
  able: readonly string[],
): readonly string[] {
  const chosen = wanted ?? able;
  const refuse = (sentence: string): never => {
    throw new SambadError('bad_input', sentence, { field: 'deviceIds' });
  };
  if (source === 'single' && chosen.length !== 1) refuse('Choose the one device that sends everything.');
  if (chosen.length === 0) refuse('Choose at least one device.');
  if (new Set(chosen).size < chosen.length) refuse('A device is chosen twice.');
  if (chosen.some((id) => !able.includes(id)))
    refuse('A chosen device is not there, not active, or not linked to a phone.');
  return chosen;
}
