/**
 * What a device may send and when: warm-up of new numbers, sending windows, and quarantine of numbers that WhatsApp refuses.
 * A number that is already there counts as warmed up.
 */
export const devicePolicy = `
alter table user_devices
  add column warm_up boolean not null default false,
  -- Set right before the device's first message; the warm-up counts its days from here.
  add column warm_up_since timestamptz,
  add column quarantined_until timestamptz,
  add column quarantine_reason text,
  add constraint user_devices_quarantine_has_reason check ((quarantined_until is null) = (quarantine_reason is null));

-- JSON of outbox/policy/send-window.ts; null allows every time of the week.
alter table workspaces add column send_window jsonb;

alter table broadcast_jobs
  add column send_window jsonb,
  -- While it is in the future, no device claims from this job.
  add column waits_until timestamptz,
  add column waits_why text,
  add constraint broadcast_jobs_wait_has_reason check ((waits_until is null) = (waits_why is null));
`;
