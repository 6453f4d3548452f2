import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { listDevices } from '../../server/src/domain/devices/index.ts';
import { resumeJob } from '../../server/src/outbox/index.ts';
import { cloneTemplate } from '../support/database.ts';
import { csvOf, Fleet } from '../support/fleet.ts';

let fleet: Fleet;
let drop: () => Promise<void>;

beforeEach(async () => {
  const clone = await cloneTemplate();
  drop = clone.drop;
  fleet = await Fleet.start({ seed: 'quarantine', uri: clone.uri });
});
afterEach(async () => {
  await fleet.stop();
  await drop();
});

test('a number that WhatsApp refuses rests with its reason, and the others finish its part of the job', async () => {
  const [refused = ''] = await fleet.link(3, { minDelaySeconds: 0.02, maxDelaySeconds: 0.04 });
  fleet.simulator.ackErrors({ phone: refused, code: 463, count: 1_000 });
  const jobId = await fleet.launch(csvOf(60));
  const report = await fleet.finished(jobId);
  const devices = await listDevices(fleet.app.database.db, fleet.app.workspace.id);
  const resting = devices.filter(({ quarantinedUntil }) => quarantinedUntil !== null);
  expect(resting.map(({ phone }) => phone)).toEqual([refused]);
  expect(resting[0]?.quarantineReason).toMatch(/refused by WhatsApp with 463/);
  expect(fleet.app.engine.whyWaiting(resting[0]?.id ?? '')?.why).toBe('quarantine');
  // Those that were refused before it rested have failed; everything else went out through the others.
  const { sent, delivered, read, failed } = report.messages;
  expect(failed).toBeGreaterThanOrEqual(3);
  expect(failed).toBeLessThan(10);
  expect(sent + delivered + read).toBe(60 - failed);
  expect(report.failovers).toBeGreaterThan(0);
  expect(await fleet.complaints(jobId)).toEqual([]);
});

test('a job of which too many messages fail is paused with the top reasons, and goes on when a person resumes it', async () => {
  await fleet.link(1);
  fleet.simulator.ackErrors({ code: 400, count: 60 });
  const paused = once(fleet.app.events, 'jobPaused');
  const jobId = await fleet.launch(csvOf(200));
  expect(await paused).toEqual([jobId]);
  const key = { workspaceId: fleet.app.workspace.id, jobId };
  const { state, messages } = await fleet.report(jobId);
  expect(state).toBe('paused');
  expect(messages.queued).toBeGreaterThan(0);
  fleet.simulator.clearFaults();
  await resumeJob(fleet.app.database.db, key);
  fleet.app.engine.ring();
  const report = await fleet.finished(jobId);
  expect(report.messages.failed).toBeGreaterThanOrEqual(50);
  expect(report.messages.failed).toBeLessThanOrEqual(60);
});
