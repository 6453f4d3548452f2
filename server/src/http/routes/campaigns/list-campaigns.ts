import { z } from 'zod';
import type { Route } from '../../route.ts';
import { campaignReportView, viewCampaignReport } from './campaign-report-view.ts';

export const listCampaignsRoute: Route = (server, { campaigns, workspaceId }) => {
  const querystring = z.strictObject({ limit: z.coerce.number().int().min(1).max(100).default(20) });
  const response = { 200: z.object({ campaigns: z.array(campaignReportView) }) };
  server.get('/api/campaigns', { schema: { querystring, response } }, async (request) => {
    const reports = await campaigns.list(workspaceId, request.query.limit);
    return { campaigns: reports.map(viewCampaignReport) };
  });
};
