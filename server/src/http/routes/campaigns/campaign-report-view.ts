import { z } from 'zod';
import { type CampaignReport, messageStatuses, type StatusCounts } from '../../../domain/campaigns/index.ts';

const counts = z.record(z.enum(messageStatuses), z.int());

/** A campaign's report as the API shows it. */
export const campaignReportView = z.object({
  id: z.uuid(),
  title: z.string(),
  state: z.string(),
  planned: z.int(),
  messages: counts,
  failovers: z.int(),
  resends: z.int(),
  devices: z.array(
    z.object({
      deviceId: z.uuid(),
      name: z.string(),
      phone: z.string().nullable(),
      state: z.string(),
      total: z.int(),
      pending: z.int(),
      success: z.int(),
      failed: z.int(),
      skipped: z.int(),
      cancelled: z.int(),
      messages: counts,
    }),
  ),
  reasons: z.array(z.object({ status: z.enum(messageStatuses), reason: z.string(), messages: z.int() })),
});

/** Pending is what still waits or has no answer; success is what WhatsApp's server acknowledged. */
export function viewCampaignReport(report: CampaignReport): z.input<typeof campaignReportView> {
  return {
    id: report.campaignId,
    title: report.title,
    state: report.state,
    planned: report.planned,
    messages: report.messages,
    failovers: report.failovers,
    resends: report.resends,
    devices: report.perDevice.map((device) => ({ ...device, ...summarise(device.messages) })),
    reasons: report.reasons,
  };
}

function summarise(
  messages: StatusCounts,
): Record<'total' | 'pending' | 'success' | 'failed' | 'skipped' | 'cancelled', number> {
  return {
    total: Object.values(messages).reduce((sum, count) => sum + count, 0),
    pending: messages.queued + messages.unconfirmed,
    success: messages.sent + messages.delivered + messages.read,
    failed: messages.failed,
    skipped: messages.skipped,
    cancelled: messages.cancelled,
  };
}
