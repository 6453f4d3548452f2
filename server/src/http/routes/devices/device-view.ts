import { z } from 'zod';
import type { DeviceNow, SenderStatus } from '../../../domain/devices/index.ts';

/** A device as the API shows it. */
export const deviceView = z.object({
  id: z.uuid(),
  name: z.string(),
  rotationOrder: z.int(),
  isActive: z.boolean(),
  state: z.string(),
  stateReason: z.string().nullable(),
  stateSince: z.iso.datetime(),
  phone: z.string().nullable(),
  pushName: z.string().nullable(),
  minDelaySeconds: z.number(),
  maxDelaySeconds: z.number(),
  capPerMinute: z.int(),
  capPerHour: z.int(),
  capPerDay: z.int(),
  warmUp: z.boolean(),
  warmUpSince: z.iso.datetime().nullable(),
  /** Until when it rests because WhatsApp refused too much, and why. */
  quarantinedUntil: z.iso.datetime().nullable(),
  quarantineReason: z.string().nullable(),
  /** What it is doing now; null while it is not connected. */
  sending: z
    .object({ activity: z.string(), why: z.string().optional(), until: z.iso.datetime().optional() })
    .nullable(),
});

/** A device's row, and what the engine says of it, in the API's shape. */
export function viewDevice(device: DeviceNow): z.input<typeof deviceView> {
  return {
    ...device,
    stateSince: device.stateSince.toISOString(),
    warmUpSince: device.warmUpSince?.toISOString() ?? null,
    quarantinedUntil: device.quarantinedUntil?.toISOString() ?? null,
    sending: device.sending ? viewSending(device.sending) : null,
  };
}

function viewSending(status: SenderStatus): NonNullable<z.input<typeof deviceView>['sending']> {
  if (status.activity !== 'waiting') return { activity: status.activity };
  const until = 'untilMs' in status ? { until: new Date(status.untilMs).toISOString() } : {};
  return { activity: status.activity, why: status.why, ...until };
}
