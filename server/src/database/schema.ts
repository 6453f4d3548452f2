import type { ColumnType, Generated, GeneratedAlways } from 'kysely';

/** Written as a date or by the database's own clock; read as a date. */
type Timestamp = ColumnType<Date, Date | string, Date | string>;
type OptionalTimestamp = ColumnType<Date | null, Date | string | null | undefined, Date | string | null>;
type DefaultTimestamp = ColumnType<Date, Date | string | undefined, Date | string>;
type Optional<T> = ColumnType<T | null, T | null | undefined, T | null>;

export type DeviceState =
  | 'unpaired'
  | 'pairing'
  | 'connecting'
  | 'connected'
  | 'waiting'
  | 'logged_out'
  | 'replaced'
  | 'forbidden';
export type JobState = 'planning' | 'running' | 'paused' | 'finished' | 'cancelled';
/** How a job's messages get their devices. */
export type DeviceSource = 'single' | 'round_robin' | 'random' | 'sticky';
export type MessageStatus =
  | 'queued'
  | 'unconfirmed'
  | 'sent'
  | 'delivered'
  | 'read'
  | 'failed'
  | 'skipped'
  | 'cancelled';
export type LeadTargetStatus = 'prospect' | 'customer';
export type Period = 'minute' | 'hour' | 'day';

/** Every table as Kysely sees it, and as the migrations leave it. Ids are UUIDs, or counting numbers where noted. */
export interface Schema {
  workspaces: WorkspaceTable;
  user_devices: DeviceTable;
  device_leases: DeviceLeaseTable;
  device_credentials: DeviceCredentialsTable;
  device_keys: DeviceKeyTable;
  leads: LeadTable;
  number_checks: NumberCheckTable;
  media: MediaTable;
  device_media_uploads: DeviceMediaUploadTable;
  campaigns: CampaignTable;
  broadcast_jobs: BroadcastJobTable;
  broadcast_messages: BroadcastMessageTable;
  device_in_flight: DeviceInFlightTable;
  device_send_counts: DeviceSendCountTable;
  broadcast_job_stats: BroadcastJobStatsTable;
  lead_devices: LeadDeviceTable;
  installation: InstallationTable;
}

export interface WorkspaceTable {
  id: string;
  name: string;
  time_zone: string;
  default_country: string;
  is_demo: Generated<boolean>;
  sending_stopped_at: OptionalTimestamp;
  /** JSON; its shape belongs to the outbox. */
  send_window: Optional<unknown>;
  created_at: DefaultTimestamp;
}

export interface DeviceTable {
  id: string;
  workspace_id: string;
  name: string;
  rotation_order: number;
  is_active: Generated<boolean>;
  state: Generated<DeviceState>;
  state_reason: Optional<string>;
  state_since: DefaultTimestamp;
  offline_since: ColumnType<Date | null, Date | string | null | undefined, Date | string | null>;
  phone: Optional<string>;
  jid: Optional<string>;
  lid: Optional<string>;
  push_name: Optional<string>;
  network: Optional<string>;
  min_delay_seconds: number;
  max_delay_seconds: number;
  cap_per_minute: number;
  cap_per_hour: number;
  cap_per_day: number;
  warm_up: Generated<boolean>;
  warm_up_since: OptionalTimestamp;
  quarantined_until: OptionalTimestamp;
  quarantine_reason: Optional<string>;
  created_at: DefaultTimestamp;
}

export interface DeviceLeaseTable {
  device_id: string;
  workspace_id: string;
  node_id: Optional<string>;
  epoch: number;
  expires_at: OptionalTimestamp;
}

export interface DeviceCredentialsTable {
  device_id: string;
  workspace_id: string;
  sealed: Buffer;
  epoch: number;
  updated_at: DefaultTimestamp;
}

export interface DeviceKeyTable {
  device_id: string;
  type: string;
  key: string;
  workspace_id: string;
  sealed: Buffer;
}

export interface LeadTable {
  /** Counts up. */
  id: GeneratedAlways<number>;
  workspace_id: string;
  phone: string;
  name: string;
  niches: Generated<string[]>;
  target_status: Generated<LeadTargetStatus>;
  additional_note: Generated<string>;
  status: Generated<string>;
  attributes: Generated<Record<string, string>>;
  created_at: DefaultTimestamp;
  updated_at: DefaultTimestamp;
}

export interface NumberCheckTable {
  workspace_id: string;
  phone: string;
  on_whatsapp: boolean;
  jid: Optional<string>;
  checked_at: DefaultTimestamp;
}

export interface MediaTable {
  id: string;
  workspace_id: string;
  sha256: Buffer;
  mime_type: string;
  bytes: Buffer;
  created_at: DefaultTimestamp;
}

export interface DeviceMediaUploadTable {
  device_id: string;
  media_id: string;
  workspace_id: string;
  sealed: Buffer;
  uploaded_at: DefaultTimestamp;
}

export interface CampaignTable {
  id: string;
  workspace_id: string;
  title: string;
  niche: Optional<string>;
  target_status: LeadTargetStatus | 'all';
  message: string;
  media_id: Optional<string>;
  min_delay_seconds: number;
  max_delay_seconds: number;
  created_at: DefaultTimestamp;
}

export interface BroadcastJobTable {
  id: string;
  workspace_id: string;
  campaign_id: Optional<string>;
  state: JobState;
  /** JSON; its shape belongs to the outbox. */
  content: unknown;
  /** JSON; its shape belongs to the outbox. */
  audience: unknown;
  device_ids: string[];
  min_delay_ms: number;
  max_delay_ms: number;
  plan_cursor: Generated<number>;
  planned: Generated<number>;
  failovers: Generated<number>;
  resends: Generated<number>;
  kind: Generated<'campaign' | 'direct'>;
  source: Generated<DeviceSource>;
  paused_at: OptionalTimestamp;
  pause_reason: Optional<string>;
  winding_down: Generated<boolean>;
  spread_at: OptionalTimestamp;
  /** JSON; its shape belongs to the outbox. */
  send_window: Optional<unknown>;
  waits_until: OptionalTimestamp;
  waits_why: Optional<string>;
  created_at: DefaultTimestamp;
  planned_at: OptionalTimestamp;
  finished_at: OptionalTimestamp;
}

export interface BroadcastMessageTable {
  /** Counts up. */
  id: GeneratedAlways<number>;
  workspace_id: string;
  job_id: string;
  origin: string;
  lead_id: Optional<number>;
  phone: string;
  device_id: string;
  wa_message_id: string;
  /** JSON; its shape belongs to the outbox. */
  content: unknown;
  status: Generated<MessageStatus>;
  reason: Optional<string>;
  attempts: Generated<number>;
  resends: Generated<number>;
  not_before: OptionalTimestamp;
  unconfirmed_at: OptionalTimestamp;
  sent_at: OptionalTimestamp;
  delivered_at: OptionalTimestamp;
  read_at: OptionalTimestamp;
  ended_at: OptionalTimestamp;
  created_at: DefaultTimestamp;
}

export interface DeviceInFlightTable {
  device_id: string;
  workspace_id: string;
  epoch: number;
  message_ids: Generated<number[]>;
}

export interface DeviceSendCountTable {
  device_id: string;
  period: Period;
  starts_at: Timestamp;
  workspace_id: string;
  sent: number;
}

export interface BroadcastJobStatsTable {
  job_id: string;
  device_id: string;
  status: MessageStatus;
  workspace_id: string;
  messages: number;
}

export interface LeadDeviceTable {
  lead_id: number;
  workspace_id: string;
  device_id: string;
}

/** One row: what this installation knows about itself. */
export interface InstallationTable {
  only_row: Generated<true>;
  key_id: string;
  created_at: DefaultTimestamp;
}
