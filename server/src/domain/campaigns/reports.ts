import type { Db } from '../../database/index.ts';
import {
  allowedActions,
  countLiveMessages,
  type JobReport,
  type JobVerb,
  type JobWait,
  reportJob,
  whyWaiting,
} from '../../outbox/index.ts';
import { SambadError } from '../../platform/errors.ts';

/** A campaign with the report of its run. */
export interface CampaignReport extends JobReport {
  campaignId: string;
  title: string;
  /** What a person may do with it now. */
  actions: JobVerb[];
  /** Why it does not send, or not everything; null when it sends or has ended. */
  waiting: JobWait | null;
}

/** What the outside may ask about campaigns. */
export interface CampaignReports {
  /** The most recent campaigns, newest first. */
  list(workspaceId: string, limit: number): Promise<CampaignReport[]>;
  /** Throws `not_found`, also for another workspace's campaign. */
  get(workspaceId: string, campaignId: string): Promise<CampaignReport>;
  countLiveMessages(): ReturnType<typeof countLiveMessages>;
}

export function createCampaignReports(db: Db): CampaignReports {
  return {
    list: (workspaceId, limit) => listCampaigns(db, workspaceId, limit),
    get: (workspaceId, campaignId) => reportCampaign(db, workspaceId, campaignId),
    countLiveMessages: () => countLiveMessages(db),
  };
}

async function reportCampaign(db: Db, workspaceId: string, campaignId: string): Promise<CampaignReport> {
  const campaign = await db
    .selectFrom('campaigns')
    .innerJoin('broadcast_jobs', 'broadcast_jobs.campaign_id', 'campaigns.id')
    .select(['campaigns.title', 'broadcast_jobs.id as jobId'])
    .where('campaigns.id', '=', campaignId)
    .where('campaigns.workspace_id', '=', workspaceId)
    .executeTakeFirst();
  const report = campaign && (await reportJob(db, workspaceId, campaign.jobId));
  if (!campaign || !report)
    throw new SambadError('not_found', 'There is no campaign with this id.', { field: 'id' });
  const waiting = (await whyWaiting(db, workspaceId, campaign.jobId)) ?? null;
  return { campaignId, title: campaign.title, ...report, actions: allowedActions(report.state), waiting };
}

async function listCampaigns(db: Db, workspaceId: string, limit: number): Promise<CampaignReport[]> {
  const ids = await db
    .selectFrom('campaigns')
    .select('id')
    .where('workspace_id', '=', workspaceId)
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();
  return await Promise.all(ids.map(({ id }) => reportCampaign(db, workspaceId, id)));
}
