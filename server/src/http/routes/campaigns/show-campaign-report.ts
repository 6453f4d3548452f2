import { z } from 'zod';
import { reportCampaign } from '../../../domain/campaigns/index.ts';
import type { Route } from '../../route.ts';
import { campaignReportView, viewCampaignReport } from './campaign-report-view.ts';

export const showCampaignReport: Route = (server, { db, workspaceId }) => {
  const params = z.object({ id: z.uuid() });
  server.get(
    '/api/campaigns/:id/device-report',
    { schema: { params, response: { 200: campaignReportView } } },
    async (request) => viewCampaignReport(await reportCampaign(db, workspaceId, request.params.id)),
  );
};
