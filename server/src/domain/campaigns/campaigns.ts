import type { Db, DeviceSource } from '../../database/index.ts';
import { transaction } from '../../database/index.ts';
import type { Jobs } from '../../jobs/index.ts';
import { type Audience, chooseDevices, createJob, parseTemplate } from '../../outbox/index.ts';
import { SambadError } from '../../platform/errors.ts';
import type { NewId } from '../../platform/ids.ts';
import { sendingDeviceIds } from '../devices/index.ts';
import { hasMedia } from '../media/index.ts';

export interface NewCampaign {
  title: string;
  /** A template over the fields of a lead; the caption where there is an image. */
  message: string;
  mediaId?: string | undefined;
  audience: Audience;
  /** How messages get their devices; round-robin when absent. */
  source?: DeviceSource | undefined;
  /** The devices to use, in the order of rotation; all that can send when absent. */
  deviceIds?: readonly string[] | undefined;
  minDelaySeconds: number;
  maxDelaySeconds: number;
}

const delaySecondsMax = 86_400;

/** A campaign and the job that runs it. */
export interface StartedCampaign {
  campaignId: string;
  jobId: string;
}

/**
 * Creates a campaign and starts it, over the chosen devices or all that are linked. The campaign, its job and the order
 * to plan it are one transaction: after a crash either all of it happens or nothing did.
 */
export async function startCampaign(
  context: { db: Db; newId: NewId; jobs: Jobs },
  workspaceId: string,
  input: NewCampaign,
): Promise<StartedCampaign> {
  const { db, newId, jobs } = context;
  parseTemplate(input.message, 'message');
  checkDelays(input);
  return await transaction(db, async (tx) => {
    const able = await sendingDeviceIds(tx.db, workspaceId);
    if (able.length === 0) {
      throw new SambadError(
        'conflict',
        'No device is linked and active: link one before you start a campaign.',
      );
    }
    const source = input.source ?? 'round_robin';
    const deviceIds = chooseDevices(source, input.deviceIds, able);
    await checkMedia(tx.db, workspaceId, input.mediaId);
    const campaignId = newId();
    await tx.db
      .insertInto('campaigns')
      .values({
        id: campaignId,
        workspace_id: workspaceId,
        title: input.title,
        niche: input.audience.niche,
        target_status: input.audience.targetStatus,
        message: input.message,
        media_id: input.mediaId ?? null,
        min_delay_seconds: input.minDelaySeconds,
        max_delay_seconds: input.maxDelaySeconds,
      })
      .execute();
    const jobId = await createJob(tx.db, newId, {
      workspaceId,
      campaignId,
      content: { template: input.message, mediaId: input.mediaId ?? null },
      audience: input.audience,
      deviceIds,
      source,
      delay: {
        minMs: Math.round(input.minDelaySeconds * 1000),
        maxMs: Math.round(input.maxDelaySeconds * 1000),
      },
    });
    await jobs.enqueue(tx, 'plan_job', { workspaceId, jobId });
    return { campaignId, jobId };
  });
}

function checkDelays({ minDelaySeconds, maxDelaySeconds }: NewCampaign): void {
  for (const [field, seconds] of Object.entries({ minDelaySeconds, maxDelaySeconds })) {
    if (seconds >= 0 && seconds <= delaySecondsMax) continue;
    throw new SambadError('bad_input', `A delay must be from 0 to ${delaySecondsMax} seconds.`, { field });
  }
  if (minDelaySeconds <= maxDelaySeconds) return;
  throw new SambadError('bad_input', 'The shortest delay is longer than the longest.', {
    field: 'minDelaySeconds',
  });
}

async function checkMedia(db: Db, workspaceId: string, mediaId: string | undefined): Promise<void> {
  if (mediaId === undefined || (await hasMedia(db, workspaceId, mediaId))) return;
  throw new SambadError('not_found', 'There is no image with this id.', { field: 'mediaId' });
}
