import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { listDevices } from '../../server/src/domain/devices/index.ts';
import { cloneTemplate } from '../support/database.ts';
import { csvOf, Fleet } from '../support/fleet.ts';

let fleet: Fleet;
let drop: () => Promise<void>;

beforeAll(async () => {
  const clone = await cloneTemplate();
  drop = clone.drop;
  fleet = await Fleet.start({ seed: 'quarantine', uri: clone.uri });
});
afterEach(() => fleet.stop());
afterAll(() => drop());

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
