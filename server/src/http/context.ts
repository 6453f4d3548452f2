import type { Registry } from 'prom-client';
import type { CampaignReports } from '../domain/campaigns/index.ts';
import type { DeviceDirectory, DeviceSessions } from '../domain/devices/index.ts';

/** What routes may use. */
export interface HttpContext {
  /** The one workspace of a program without accounts. */
  workspaceId: string;
  devices: DeviceDirectory;
  sessions: DeviceSessions;
  campaigns: CampaignReports;
  metrics: Registry;
  /** Rejects when the program cannot work, because its database does not answer. */
  checkReady(): Promise<void>;
}
