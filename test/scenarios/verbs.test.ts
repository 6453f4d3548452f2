import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import {
  type CampaignVerbs,
  createCampaignVerbs,
  startCampaign,
} from '../../server/src/domain/campaigns/index.ts';
import { listDevices } from '../../server/src/domain/devices/index.ts';
import { getMessage, sendDirect, whyWaiting } from '../../server/src/outbox/index.ts';
import { systemClock } from '../../server/src/platform/clock.ts';
import { cloneTemplate } from '../support/database.ts';
import { csvOf, Fleet } from '../support/fleet.ts';

let fleet: Fleet;
let verbs: CampaignVerbs;
const drops: (() => Promise<void>)[] = [];

beforeEach(async ({ task }) => {
  const { uri, drop } = await cloneTemplate();
  drops.push(drop);
  fleet = await Fleet.start({ seed: task.name, uri });
  const { database, newId, jobs, engine } = fleet.app;
  verbs = createCampaignVerbs({ db: database.db, newId, jobs, engine });
});
afterEach(() => fleet.stop());
afterAll(() => Promise.all(drops.map((drop) => drop())));

const slow = { minDelaySeconds: 0.02, maxDelaySeconds: 0.04 };

async function campaignOf(jobId: string): Promise<string> {
  const { campaign_id } = await fleet.app.database.db
    .selectFrom('broadcast_jobs')
    .select('campaign_id')
    .where('id', '=', jobId)
    .executeTakeFirstOrThrow();
  return campaign_id ?? '';
}

/** The upkeep's moves ring no bell, so the rows are asked until they show them. */
const askEveryMs = 20;

/** Resolves when the report of a job satisfies the condition. */
async function untilReport(jobId: string, holds: (report: Awaited<ReturnType<Fleet['report']>>) => boolean) {
  for (;;) {
    const report = await fleet.report(jobId);
    if (holds(report)) return report;
    await systemClock.wait(askEveryMs);
  }
}

/** Nothing is in a sender's hands or on its way any more. */
async function nothingInFlight(): Promise<void> {
  for (;;) {
    const rows = await fleet.app.database.db.selectFrom('device_in_flight').select('message_ids').execute();
    if (rows.every(({ message_ids }) => message_ids.length === 0)) return;
    await systemClock.wait(askEveryMs);
  }
}

test('a campaign that is paused in the middle sends nothing more, and after the resume it reaches everybody once', async () => {
  await fleet.link(2, slow);
  const jobId = await fleet.launch(csvOf(80));
  const campaignId = await campaignOf(jobId);
  await fleet.simulator.waitFor((report) => report.shown >= 20);
  await verbs.pause(fleet.app.workspace.id, campaignId, 'lunch');
  await nothingInFlight();
  const { shown } = fleet.simulator.report();
  const paused = await fleet.report(jobId);
  expect(paused.state).toBe('paused');
  expect(paused.messages.queued).toBe(80 - shown);
  expect(shown).toBeLessThan(80);
  expect(await whyWaiting(fleet.app.database.db, fleet.app.workspace.id, jobId)).toMatchObject({
    why: 'paused',
    reason: 'lunch',
  });
  // Several looks for due work pass, and a direct message that is claimed meanwhile shows that the devices do send.
  await direct('60129999999');
  await fleet.simulator.waitFor((report) => report.shown >= shown + 1);
  expect((await fleet.report(jobId)).messages.queued).toBe(80 - shown);
  await verbs.resume(fleet.app.workspace.id, campaignId);
  await fleet.finished(jobId);
  expect(fleet.simulator.report()).toMatchObject({
    shown: 81,
    recipientsReached: 81,
    duplicatesAtRecipients: 0,
  });
});

const direct = (phone: string) => {
  const { database, newId, workspace } = fleet.app;
  return sendDirect(database.db, newId, {
    workspaceId: workspace.id,
    phone,
    content: { text: 'Your order is ready' },
    idempotencyKey: newId(),
  });
};

test('a campaign that is cancelled in the middle balances, and nobody hears from it after the cancel has settled', async () => {
  await fleet.link(2, slow);
  const jobId = await fleet.launch(csvOf(80));
  await fleet.simulator.waitFor((report) => report.shown >= 20);
  await verbs.cancel(fleet.app.workspace.id, await campaignOf(jobId));
  expect((await fleet.report(jobId)).state).toBe('cancelled');
  const settled = await untilReport(jobId, ({ messages }) => messages.queued + messages.unconfirmed === 0);
  const { shown } = fleet.simulator.report();
  expect(settled.messages.cancelled).toBe(80 - shown);
  expect(settled.messages.cancelled).toBeGreaterThan(0);
  const { messageId } = await direct('60129999999');
  await fleet.simulator.waitFor((report) => report.shown >= shown + 1);
  expect(fleet.simulator.report().shown).toBe(shown + 1);
  const { database, workspace } = fleet.app;
  expect((await getMessage(database.db, workspace.id, messageId)).phone).toBe('60129999999');
  expect((await fleet.report(jobId)).messages.cancelled).toBe(settled.messages.cancelled);
});

test('a direct message during a large campaign arrives long before the campaign ends', async () => {
  await fleet.link(1, slow);
  const jobId = await fleet.launch(csvOf(100));
  await fleet.simulator.waitFor((report) => report.shown >= 10);
  await direct('60129999999');
  fleet.app.engine.ring();
  await fleet.simulator.waitFor(() => fleet.simulator.recipients({ limit: 200 }).some(isDirect));
  expect((await fleet.report(jobId)).messages.queued).toBeGreaterThan(30);
  await fleet.finished(jobId);
});

const isDirect = (recipient: { phone: string }): boolean => recipient.phone === '60129999999';

test('a campaign from one device waits for it, says so, and goes on when it is back', async () => {
  const phones = await fleet.link(2, slow);
  const { database, newId, jobs, workspace } = fleet.app;
  const [first] = await listDevices(database.db, workspace.id);
  await fleet.finished(await fleet.launch(csvOf(40), 'First {{ name }}'));
  const { jobId } = await startCampaign({ db: database.db, newId, jobs }, workspace.id, {
    title: 'From one device',
    message: 'Second',
    audience: { niche: null, targetStatus: 'all' },
    source: 'single',
    deviceIds: [first?.id ?? ''],
    minDelaySeconds: 0,
    maxDelaySeconds: 0,
  });
  await fleet.simulator.waitFor((report) => report.shown >= 50);
  fleet.simulator.cut(phones[0] ?? '', { refuseForMs: 60_000 });
  await fleet.untilDevices((states) => states[0] !== 'connected');
  const why = () => whyWaiting(database.db, workspace.id, jobId);
  expect(await why()).toMatchObject({ why: 'device_offline', devices: [{ deviceId: first?.id }] });
  fleet.simulator.cut(phones[0] ?? '', { refuseForMs: 0 });
  const report = await fleet.finished(jobId);
  expect(report).toMatchObject({ failovers: 0, planned: 40 });
  expect(report.perDevice.map(({ deviceId }) => deviceId)).toEqual([first?.id]);
  expect(await why()).toBeUndefined();
  expect(fleet.simulator.report()).toMatchObject({ shown: 80, duplicatesAtRecipients: 0 });
});

test('a device that comes back gets its share of what still waits', async () => {
  const phones = await fleet.link(3, { minDelaySeconds: 0.03, maxDelaySeconds: 0.06 });
  const jobId = await fleet.launch(csvOf(150));
  const [first] = await listDevices(fleet.app.database.db, fleet.app.workspace.id);
  const atFirst = (report: Awaited<ReturnType<Fleet['report']>>) =>
    report.perDevice.find(({ deviceId }) => deviceId === first?.id)?.messages.queued ?? 0;
  await fleet.simulator.waitFor((report) => report.shown >= 15);
  fleet.simulator.cut(phones[0] ?? '', { refuseForMs: 60_000 });
  await untilReport(jobId, (report) => report.failovers > 0 && atFirst(report) === 0);
  fleet.simulator.cut(phones[0] ?? '', { refuseForMs: 0 });
  const spread = await untilReport(jobId, (report) => atFirst(report) > 5);
  expect(spread.messages.queued).toBeGreaterThan(0);
  await fleet.finished(jobId);
  expect(await fleet.complaints(jobId)).toEqual([]);
});
