/**
 * The first schema: tenants, devices with their sealed credentials and leases, leads, and the ledger that is also the queue.
 * Every table carries workspace_id. docs/state-machines.md draws the states that the CHECK constraints name.
 */
export const foundation = `
create table workspaces (
  id uuid primary key,
  name text not null,
  time_zone text not null,
  default_country char(2) not null,
  -- Made by npm run demo, which removes it again.
  is_demo boolean not null default false,
  created_at timestamptz not null default now()
);

create table user_devices (
  id uuid primary key,
  workspace_id uuid not null references workspaces (id),
  name text not null,
  rotation_order integer not null,
  is_active boolean not null default true,
  state text not null default 'unpaired'
    check (state in ('unpaired', 'pairing', 'connecting', 'connected', 'waiting', 'logged_out', 'replaced', 'forbidden')),
  state_reason text,
  state_since timestamptz not null default now(),
  -- Null while connected; failover counts its grace time from here.
  offline_since timestamptz default now(),
  phone text,
  jid text,
  lid text,
  push_name text,
  -- Which WhatsApp network it was linked on; another one would refuse its credentials.
  network text,
  min_delay_seconds double precision not null check (min_delay_seconds >= 0),
  max_delay_seconds double precision not null,
  cap_per_minute integer not null check (cap_per_minute > 0),
  cap_per_hour integer not null check (cap_per_hour > 0),
  cap_per_day integer not null check (cap_per_day > 0),
  created_at timestamptz not null default now(),
  check (min_delay_seconds <= max_delay_seconds),
  check ((state = 'connected') = (offline_since is null)),
  unique (workspace_id, rotation_order)
);

-- The holder's epoch fences every claim, settlement and key write; expires_at is null where one process owns all devices.
create table device_leases (
  device_id uuid primary key references user_devices (id) on delete cascade,
  workspace_id uuid not null,
  node_id text,
  epoch bigint not null,
  expires_at timestamptz
);

create table device_credentials (
  device_id uuid primary key references user_devices (id) on delete cascade,
  workspace_id uuid not null,
  sealed bytea not null,
  epoch bigint not null,
  updated_at timestamptz not null default now()
);

create table device_keys (
  device_id uuid not null references user_devices (id) on delete cascade,
  type text not null,
  key text not null,
  workspace_id uuid not null,
  sealed bytea not null,
  primary key (device_id, type, key)
) with (fillfactor = 80);

create table leads (
  id bigint generated always as identity primary key,
  workspace_id uuid not null references workspaces (id),
  phone text not null check (phone ~ '^[0-9]{7,15}$'),
  name text not null,
  niches text[] not null default '{}',
  target_status text not null default 'prospect' check (target_status in ('prospect', 'customer')),
  additional_note text not null default '',
  status text not null default 'new',
  attributes jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (workspace_id, phone)
);
-- The cursor of planning walks a workspace's leads in this order.
create index leads_in_order on leads (workspace_id, id);

-- What the network said about a number: whether it is on WhatsApp, and under which canonical JID.
create table number_checks (
  workspace_id uuid not null references workspaces (id),
  phone text not null,
  on_whatsapp boolean not null,
  jid text,
  checked_at timestamptz not null default now(),
  primary key (workspace_id, phone),
  check (on_whatsapp = (jid is not null))
);

create table media (
  id uuid primary key,
  workspace_id uuid not null references workspaces (id),
  sha256 bytea not null,
  mime_type text not null,
  bytes bytea not null,
  created_at timestamptz not null default now(),
  unique (workspace_id, sha256)
);

-- WhatsApp's answer to an upload, sealed because it holds the media key; reused by the device that uploaded.
create table device_media_uploads (
  device_id uuid not null references user_devices (id) on delete cascade,
  media_id uuid not null references media (id) on delete cascade,
  workspace_id uuid not null,
  sealed bytea not null,
  uploaded_at timestamptz not null default now(),
  primary key (device_id, media_id)
);

create table campaigns (
  id uuid primary key,
  workspace_id uuid not null references workspaces (id),
  title text not null,
  niche text,
  target_status text not null check (target_status in ('prospect', 'customer', 'all')),
  message text not null,
  media_id uuid references media (id),
  min_delay_seconds double precision not null check (min_delay_seconds >= 0),
  max_delay_seconds double precision not null,
  created_at timestamptz not null default now(),
  check (min_delay_seconds <= max_delay_seconds)
);

create table broadcast_jobs (
  id uuid primary key,
  workspace_id uuid not null references workspaces (id),
  campaign_id uuid references campaigns (id),
  state text not null check (state in ('planning', 'running', 'finished')),
  content jsonb not null,
  audience jsonb not null,
  device_ids uuid[] not null check (cardinality(device_ids) > 0),
  min_delay_ms integer not null check (min_delay_ms >= 0),
  max_delay_ms integer not null,
  plan_cursor bigint not null default 0,
  planned integer not null default 0,
  failovers integer not null default 0,
  resends integer not null default 0,
  created_at timestamptz not null default now(),
  planned_at timestamptz,
  finished_at timestamptz,
  check (min_delay_ms <= max_delay_ms),
  check ((state = 'planning') = (planned_at is null)),
  check ((state = 'finished') = (finished_at is not null))
);
create index broadcast_jobs_live on broadcast_jobs (workspace_id) where state <> 'finished';

-- One row per recipient: the ledger and, while queued or unconfirmed, the queue. Origin makes planning idempotent. Its job and device are
-- checked by the foreign keys of broadcast_job_stats, where a trigger counts every row: once for a job, device and status, not once for a message.
create table broadcast_messages (
  id bigint generated always as identity primary key,
  workspace_id uuid not null,
  job_id uuid not null,
  origin uuid not null,
  lead_id bigint not null,
  phone text not null,
  device_id uuid not null,
  wa_message_id text not null,
  status text not null default 'queued'
    check (status in ('queued', 'unconfirmed', 'sent', 'delivered', 'read', 'failed', 'skipped', 'cancelled')),
  reason text,
  attempts smallint not null default 0 check (attempts between 0 and 3),
  resends integer not null default 0,
  not_before timestamptz,
  unconfirmed_at timestamptz,
  sent_at timestamptz,
  delivered_at timestamptz,
  read_at timestamptz,
  ended_at timestamptz,
  created_at timestamptz not null default now(),
  check ((status in ('failed', 'skipped', 'cancelled')) = (ended_at is not null)),
  check (status not in ('failed', 'skipped') or reason is not null),
  check (status <> 'unconfirmed' or unconfirmed_at is not null),
  check (status not in ('sent', 'delivered', 'read') or sent_at is not null),
  check (status not in ('delivered', 'read') or delivered_at is not null),
  check (status <> 'read' or read_at is not null),
  unique (origin, phone),
  unique (device_id, wa_message_id, phone)
) with (fillfactor = 80);
-- Reports and first pages, and what is due: a claim reads it once for each status that waits.
create index broadcast_messages_report on broadcast_messages (job_id, device_id, status, id);
create index broadcast_messages_reasons on broadcast_messages (job_id, status, reason) where status in ('failed', 'skipped');

-- What a device's owner has taken and not yet settled: the write-ahead record of sending (docs/adr/0002).
create table device_in_flight (
  device_id uuid primary key references user_devices (id) on delete cascade,
  workspace_id uuid not null,
  epoch bigint not null,
  message_ids bigint[] not null default '{}'
) with (fillfactor = 50);

-- How much a device has sent in each minute, hour and day; the caps read it, so a restart knows them.
create table device_send_counts (
  device_id uuid not null references user_devices (id) on delete cascade,
  period text not null check (period in ('minute', 'hour', 'day')),
  starts_at timestamptz not null,
  workspace_id uuid not null,
  sent integer not null,
  primary key (device_id, period, starts_at)
) with (fillfactor = 50);

-- How many messages of a job each device has in each status. The keys stand for those of the messages, so nothing cascades.
create table broadcast_job_stats (
  job_id uuid not null references broadcast_jobs (id),
  device_id uuid not null references user_devices (id),
  status text not null,
  workspace_id uuid not null,
  messages integer not null,
  primary key (job_id, device_id, status)
) with (fillfactor = 50);

-- Counters move with the rows, whatever statement moves them. Keys are taken in order, so two statements cannot deadlock here.
create function count_inserted_messages() returns trigger language plpgsql as $$
begin
  insert into broadcast_job_stats as s (job_id, device_id, status, workspace_id, messages)
  select job_id, device_id, status, workspace_id, count(*) from inserted
  group by job_id, device_id, status, workspace_id order by job_id, device_id, status
  on conflict (job_id, device_id, status) do update set messages = s.messages + excluded.messages;
  return null;
end $$;

create function count_changed_messages() returns trigger language plpgsql as $$
begin
  insert into broadcast_job_stats as s (job_id, device_id, status, workspace_id, messages)
  select job_id, device_id, status, workspace_id, sum(change)
  from (select job_id, device_id, status, workspace_id, -1 as change from before_change
        union all
        select job_id, device_id, status, workspace_id, 1 from after_change) as moves
  group by job_id, device_id, status, workspace_id having sum(change) <> 0 order by job_id, device_id, status
  on conflict (job_id, device_id, status) do update set messages = s.messages + excluded.messages;
  return null;
end $$;

create trigger messages_inserted after insert on broadcast_messages
  referencing new table as inserted for each statement execute function count_inserted_messages();
create trigger messages_changed after update on broadcast_messages
  referencing old table as before_change new table as after_change for each statement execute function count_changed_messages();

-- One row. key_id names the root key that sealed what is in device_credentials and device_keys, without giving it away.
create table installation (
  only_row boolean primary key default true check (only_row),
  key_id text not null,
  created_at timestamptz not null default now()
);
`;
