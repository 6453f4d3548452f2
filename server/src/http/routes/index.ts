import type { Route } from '../route.ts';
import { listCampaignsRoute } from './campaigns/list-campaigns.ts';
import { showCampaignReport } from './campaigns/show-campaign-report.ts';
import { createDeviceRoute } from './devices/create-device.ts';
import { listDevicesRoute } from './devices/list-devices.ts';
import { reconnectDevice } from './devices/reconnect-device.ts';
import { showDevice } from './devices/show-device.ts';
import { showPairingCode } from './devices/show-pairing-code.ts';
import { showHealth } from './system/show-health.ts';
import { showMetrics } from './system/show-metrics.ts';
import { showStart } from './system/show-start.ts';

/** Every route of the server. */
export const routes: readonly Route[] = [
  showStart,
  showHealth,
  showMetrics,
  listDevicesRoute,
  createDeviceRoute,
  showDevice,
  showPairingCode,
  reconnectDevice,
  listCampaignsRoute,
  showCampaignReport,
];
