import { z } from 'zod';
import type { Route } from '../../route.ts';
import { campaignReportView, viewCampaignReport } from './campaign-report-view.ts';

export const showCampaignReport: Route = (server, { campaigns, workspaceId }) => {
  const params = z.object({ id: z.uuid() });
  server.get(
    '/api/campaigns/:id/device-report',
    { schema: { params, response: { 200: campaignReportView } } },
    async (request) => viewCampaignReport(await campaigns.get(workspaceId, request.params.id)),
  );
};
