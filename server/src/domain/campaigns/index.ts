export {
  type CampaignReport,
  listCampaigns,
  type NewCampaign,
  reportCampaign,
  type StartedCampaign,
  startCampaign,
} from './campaigns.ts';
