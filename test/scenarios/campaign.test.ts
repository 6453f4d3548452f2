import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { listDevices } from '../../server/src/domain/devices/index.ts';
import { startSimulator } from '../../simulator/src/index.ts';
import { cloneTemplate } from '../support/database.ts';
import { csvOf, Fleet } from '../support/fleet.ts';

let fleet: Fleet;
const drops: (() => Promise<void>)[] = [];

beforeEach(async ({ task }) => {
  const { uri, drop } = await cloneTemplate();
  drops.push(drop);
  fleet = await Fleet.start({ seed: task.name, uri });
});
afterEach(() => fleet.stop());
afterAll(() => Promise.all(drops.map((drop) => drop())));

test('a campaign in rotation reaches everybody who is on WhatsApp exactly once, and says who is not', async () => {
  await fleet.link(5);
  const csv = `${csvOf(50)}\nNot there,60123450000\nNot there either,60123460000`;
  const jobId = await fleet.launch(csv);
  const report = await fleet.finished(jobId);
  expect(report.planned).toBe(52);
  expect(report.messages.skipped).toBe(2);
  expect(report.reasons).toEqual([{ status: 'skipped', reason: 'not_on_whatsapp', messages: 2 }]);
  expect(await fleet.complaints(jobId)).toEqual([]);
  expect(fleet.simulator.recipients({ limit: 100 })).toHaveLength(50);
});

test('a number that drops hands what it never wrote to the others, and the job finishes', async () => {
  const phones = await fleet.link(3, { minDelaySeconds: 0.02, maxDelaySeconds: 0.04 });
  const jobId = await fleet.launch(csvOf(90));
  await fleet.simulator.waitFor((report) => report.shown >= 20);
  fleet.simulator.cut(phones[0] ?? '', { refuseForMs: 60_000 });
  // What it wrote without an answer stays with it, so the job ends only when it is back.
  await fleet.simulator.waitFor((report) => report.shown >= 85);
  expect((await fleet.report(jobId)).failovers).toBeGreaterThan(0);
  fleet.simulator.cut(phones[0] ?? '', { refuseForMs: 0 });
  await fleet.finished(jobId);
  expect(await fleet.complaints(jobId)).toEqual([]);
});

test('a message without an answer goes out again under the same id, and is seen once', async () => {
  await fleet.link(2);
  fleet.simulator.dropAcks({ count: 5 });
  const jobId = await fleet.launch(csvOf(20));
  const report = await fleet.finished(jobId);
  expect(report.resends).toBe(5);
  expect(report.messages.failed).toBe(0);
  expect(fleet.simulator.report().repeatedIds).toBe(5);
  expect(await fleet.complaints(jobId)).toEqual([]);
});

test('a message that the network lost goes out again', async () => {
  await fleet.link(2);
  fleet.simulator.loseMessages({ count: 4 });
  const jobId = await fleet.launch(csvOf(12));
  const report = await fleet.finished(jobId);
  expect(report.resends).toBe(4);
  expect(await fleet.complaints(jobId)).toEqual([]);
});

test('a refusal that passes is tried again, at most three times in all; a final one fails with its reason', async () => {
  await fleet.link(1);
  fleet.simulator.ackErrors({ code: 503, count: 3 });
  const first = await fleet.launch(csvOf(1));
  expect((await fleet.finished(first)).reasons).toEqual([
    { status: 'failed', reason: 'attempts_exhausted', messages: 1 },
  ]);
  fleet.simulator.ackErrors({ code: 503, count: 2 });
  const second = await fleet.launch(csvOf(1));
  expect((await fleet.finished(second)).messages.failed).toBe(0);
  fleet.simulator.ackErrors({ code: 463, count: 1 });
  const third = await fleet.launch(csvOf(1));
  expect((await fleet.finished(third)).reasons).toEqual([
    { status: 'failed', reason: 'refused', messages: 1 },
  ]);
});

test('an orderly stop in the middle leaves nothing unconfirmed, and a restart finishes the job without pairing', async () => {
  await fleet.link(2, { minDelaySeconds: 0.02, maxDelaySeconds: 0.04 });
  const jobId = await fleet.launch(csvOf(60));
  await fleet.simulator.waitFor((report) => report.shown >= 20);
  await fleet.stopApp();
  await fleet.startApp();
  const { messages } = await fleet.report(jobId);
  expect(messages.unconfirmed).toBe(0);
  expect(messages.queued).toBeGreaterThan(0);
  const report = await fleet.finished(jobId);
  expect(report.resends).toBe(0);
  expect(await fleet.complaints(jobId)).toEqual([]);
});

test('a number that the phone unlinks is not reconnected, and the others finish its part', async () => {
  const phones = await fleet.link(2, { minDelaySeconds: 0.02, maxDelaySeconds: 0.04 });
  const jobId = await fleet.launch(csvOf(40));
  await fleet.simulator.waitFor((report) => report.shown >= 10);
  fleet.simulator.streamError(phones[0] ?? '', 'device_removed');
  await fleet.untilDevices((states) => states.includes('logged_out'));
  const report = await fleet.finished(jobId);
  const unconfirmed = report.reasons
    .filter(({ reason }) => reason === 'unconfirmed')
    .reduce((sum, { messages }) => sum + messages, 0);
  expect(report.messages.failed).toBe(unconfirmed);
  expect(report.messages.sent + report.messages.delivered + report.messages.read + unconfirmed).toBe(40);
  expect(fleet.simulator.report().duplicatesAtRecipients).toBe(0);
});

test('a program that is pointed at another network leaves the numbers of the first alone', async () => {
  await fleet.link(1);
  await fleet.stopApp();
  const other = await startSimulator({ seed: 'another network' });
  try {
    await fleet.startApp({ WHATSAPP_SERVER_URL: other.url, WHATSAPP_SERVER_ROOT_KEY: other.rootPublicKey });
    const [device] = await listDevices(fleet.app.database.db, fleet.app.workspace.id);
    await expect(fleet.app.sessions.reconnect(fleet.app.workspace.id, device?.id ?? '')).rejects.toThrow(
      /another WhatsApp network/,
    );
    await fleet.stopApp();
  } finally {
    await other.stop();
  }
  await fleet.startApp();
  await fleet.untilDevices((states) => states[0] === 'connected');
});
