import { type Db, type JobState, transaction } from '../../database/index.ts';
import type { Jobs } from '../../jobs/index.ts';
import {
  cancelJob,
  type Engine,
  pauseJob,
  type RetryResult,
  resumeAll,
  resumeJob,
  retryFailed,
  sendTest,
  stopAll,
} from '../../outbox/index.ts';
import { SambadError } from '../../platform/errors.ts';
import type { NewId } from '../../platform/ids.ts';

/** What a person may do with a campaign that was started. All throw `not_found`, also for another workspace's campaign, and `conflict` for an illegal move. */
export interface CampaignVerbs {
  pause(workspaceId: string, campaignId: string, reason: string): Promise<JobState>;
  resume(workspaceId: string, campaignId: string): Promise<JobState>;
  cancel(workspaceId: string, campaignId: string): Promise<JobState>;
  /** What failed at one device, or in the whole campaign. */
  retryFailed(workspaceId: string, campaignId: string, deviceId?: string): Promise<RetryResult>;
  /** Sends the campaign's message to one number; it counts in no statistics of the campaign. */
  testSend(
    workspaceId: string,
    campaignId: string,
    to: { phone: string; deviceId?: string | undefined; idempotencyKey: string },
  ): Promise<{ messageId: number }>;
  /** The emergency stop of everything that the workspace sends, and its end. */
  stopAll(workspaceId: string): Promise<{ stoppedAt: Date }>;
  resumeAll(workspaceId: string): Promise<void>;
}

export interface CampaignVerbsOptions {
  db: Db;
  newId: NewId;
  jobs: Jobs;
  engine: Pick<Engine, 'recall' | 'ring'>;
}

export function createCampaignVerbs({ db, newId, jobs, engine }: CampaignVerbsOptions): CampaignVerbs {
  return {
    async pause(workspaceId, campaignId, reason) {
      const { jobId } = await runOf(db, workspaceId, campaignId);
      const state = await pauseJob(db, { workspaceId, jobId }, reason);
      await engine.recall([jobId]);
      return state;
    },
    async resume(workspaceId, campaignId) {
      const { jobId } = await runOf(db, workspaceId, campaignId);
      return await transaction(db, async (tx) => {
        tx.onCommit(() => engine.ring());
        const state = await resumeJob(tx.db, { workspaceId, jobId });
        if (state === 'planning') await jobs.enqueue(tx, 'plan_job', { workspaceId, jobId });
        return state;
      });
    },
    async cancel(workspaceId, campaignId) {
      const { jobId } = await runOf(db, workspaceId, campaignId);
      const state = await cancelJob(db, { workspaceId, jobId });
      await engine.recall([jobId]);
      return state;
    },
    async retryFailed(workspaceId, campaignId, deviceId) {
      const { jobId } = await runOf(db, workspaceId, campaignId);
      const result = await retryFailed(db, workspaceId, { jobId, deviceId });
      engine.ring();
      return result;
    },
    async testSend(workspaceId, campaignId, to) {
      const { message, mediaId } = await runOf(db, workspaceId, campaignId);
      const sent = await sendTest(db, newId, { workspaceId, ...to, content: { template: message, mediaId } });
      engine.ring();
      return sent;
    },
    async stopAll(workspaceId) {
      const { stoppedAt, jobIds } = await stopAll(db, workspaceId);
      await engine.recall(jobIds);
      return { stoppedAt };
    },
    async resumeAll(workspaceId) {
      await resumeAll(db, workspaceId);
      engine.ring();
    },
  };
}

async function runOf(
  db: Db,
  workspaceId: string,
  campaignId: string,
): Promise<{ jobId: string; message: string; mediaId: string | null }> {
  const run = await db
    .selectFrom('campaigns')
    .innerJoin('broadcast_jobs', 'broadcast_jobs.campaign_id', 'campaigns.id')
    .select(['broadcast_jobs.id as jobId', 'campaigns.message', 'campaigns.media_id as mediaId'])
    .where('campaigns.id', '=', campaignId)
    .where('campaigns.workspace_id', '=', workspaceId)
    .executeTakeFirst();
  if (!run) throw new SambadError('not_found', 'There is no campaign with this id.', { field: 'id' });
  return run;
}
