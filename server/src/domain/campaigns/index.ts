export { messageStatuses, type StatusCounts } from '../../outbox/index.ts';
export { type NewCampaign, type StartedCampaign, startCampaign } from './campaigns.ts';
export { type CampaignReport, type CampaignReports, createCampaignReports } from './reports.ts';
export { type CampaignVerbs, createCampaignVerbs } from './verbs.ts';
