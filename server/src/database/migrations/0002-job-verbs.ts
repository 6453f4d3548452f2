/**
 * What people may do with a job (pause, resume, cancel, stop everything), where its devices come from, and direct sends:
 * messages with content of their own, in one standing job for each workspace.
 */
export const jobVerbs = `
-- The emergency stop: while it is set, nothing of this workspace is claimed.
alter table workspaces add column sending_stopped_at timestamptz;

alter table broadcast_jobs
  add column kind text not null default 'campaign' check (kind in ('campaign', 'direct')),
  add column source text not null default 'round_robin' check (source in ('single', 'round_robin', 'random', 'sticky')),
  add column paused_at timestamptz,
  add column pause_reason text,
  -- Cancelled, and queued messages of it are left to cancel.
  add column winding_down boolean not null default false,
  -- When what waits was last spread anew over returned devices.
  add column spread_at timestamptz,
  drop constraint broadcast_jobs_state_check,
  drop constraint broadcast_jobs_device_ids_check,
  drop constraint broadcast_jobs_check1,
  drop constraint broadcast_jobs_check2,
  add constraint broadcast_jobs_state_check check (state in ('planning', 'running', 'paused', 'finished', 'cancelled')),
  add constraint broadcast_jobs_device_ids_check check (kind = 'direct' or cardinality(device_ids) > 0),
  add constraint broadcast_jobs_single_check check (source <> 'single' or cardinality(device_ids) = 1),
  -- A job may be paused or cancelled while it is still planned.
  add constraint broadcast_jobs_planned_check check ((state = 'planning') = (planned_at is null) or state in ('paused', 'cancelled')),
  add constraint broadcast_jobs_paused_check check ((state = 'paused') = (paused_at is not null and pause_reason is not null)),
  add constraint broadcast_jobs_finished_check check ((state in ('finished', 'cancelled')) = (finished_at is not null)),
  add constraint broadcast_jobs_winding_down_check check (not winding_down or state = 'cancelled');
drop index if exists broadcast_jobs_live;
create index broadcast_jobs_live on broadcast_jobs (workspace_id) where state not in ('finished', 'cancelled');
create index broadcast_jobs_winding_down on broadcast_jobs (id) where winding_down;
create unique index broadcast_jobs_direct on broadcast_jobs (workspace_id) where kind = 'direct';

alter table broadcast_messages
  -- What a direct message says; null where the job's template does.
  add column content jsonb,
  alter column lead_id drop not null,
  add constraint broadcast_messages_content_check check (lead_id is not null or content is not null);

-- Few rows at any time: what is given up after a day, or when its device is gone, is found without reading what waits.
create index broadcast_messages_unconfirmed on broadcast_messages (device_id, unconfirmed_at) where status = 'unconfirmed';

-- The device that a lead was last written from; a sticky job keeps to it. Written for every message that is sent, so it has no
-- foreign keys: a row of a lead or device that is gone is never asked for.
create table lead_devices (
  lead_id bigint primary key,
  workspace_id uuid not null,
  device_id uuid not null
) with (fillfactor = 80);
`;
