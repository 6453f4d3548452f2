import type { Registry } from 'prom-client';
import type { Db } from '../database/index.ts';
import type { DevicePacing, DeviceSessions } from '../domain/devices/index.ts';
import type { SenderStatus } from '../outbox/index.ts';
import type { NewId } from '../platform/ids.ts';

/** What routes may use. */
export interface HttpContext {
  db: Db;
  newId: NewId;
  /** The one workspace of a program without accounts. */
  workspaceId: string;
  sessions: DeviceSessions;
  /** What a new device starts with. */
  pacing: DevicePacing;
  metrics: Registry;
  senderStatusOf(deviceId: string): SenderStatus | undefined;
}
