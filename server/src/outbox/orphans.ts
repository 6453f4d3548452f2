import { sql } from 'kysely';
import type { Db } from '../database/index.ts';

/** What a process has of one device: the messages in its sender's hands, and those whose results are not written yet. */
export interface Holding {
  deviceId: string;
  epoch: number;
  messageIds: readonly number[];
}

/**
 * Strikes claims that nobody holds. A claim whose answer was lost on the way from the database leaves ids in the in-flight record
 * that no sender ever saw; they were not written, so they may be claimed again. The caller must not claim at the same time.
 */
export async function strikeOrphans(db: Db, holdings: readonly Holding[]): Promise<void> {
  for (const { deviceId, epoch, messageIds } of holdings) {
    await sql`
      update device_in_flight set message_ids = array(select unnest(message_ids) intersect select unnest(${[...messageIds]}::bigint[]))
      where device_id = ${deviceId} and epoch = ${epoch} and not message_ids <@ ${[...messageIds]}::bigint[]`.execute(
      db,
    );
  }
}
