import { expect, test } from 'vitest';
import { DeviceHealth, JobHealth } from './health.ts';
import { type Outcome, outcomeOfRefusal } from './outcomes.ts';

const sent: Outcome = { ok: true };

/** The number of the outcome that put the device into quarantine; undefined when none did. */
function quarantinedAfter(outcomes: Outcome[]): number | undefined {
  const health = new DeviceHealth();
  const place = outcomes.findIndex((outcome) => health.record(outcome) !== undefined);
  return place === -1 ? undefined : place + 1;
}
const times = (count: number, outcome: Outcome): Outcome[] => Array.from({ length: count }, () => outcome);

test('three refusals of the account are enough, two among many sent are not', () => {
  expect(quarantinedAfter(times(5, outcomeOfRefusal(463)))).toBe(3);
  expect(quarantinedAfter([...times(18, sent), ...times(2, outcomeOfRefusal(463)), ...times(20, sent)])).toBe(
    undefined,
  );
});

test('a busy server puts a device into quarantine when half of its messages fail', () => {
  expect(quarantinedAfter(times(30, outcomeOfRefusal(503)))).toBe(10);
  const mixed = Array.from({ length: 60 }, (_, place) => (place % 3 === 0 ? outcomeOfRefusal(503) : sent));
  expect(quarantinedAfter(mixed)).toBe(undefined);
});

test('what only says something about recipients never does', () => {
  expect(quarantinedAfter(times(200, outcomeOfRefusal(404)))).toBe(undefined);
});

test('after a quarantine a device is judged by what it does then', () => {
  const health = new DeviceHealth();
  for (const outcome of times(2, outcomeOfRefusal(403))) expect(health.record(outcome)).toBeUndefined();
  expect(health.record(outcomeOfRefusal(403))).toBe(
    '3 of the last 3 messages failed: 3 refused by WhatsApp with 403',
  );
  expect(health.record(outcomeOfRefusal(403))).toBeUndefined();
});

test('a job fails when half of its last messages do, and says why, most frequent first', () => {
  const health = new JobHealth();
  const outcomes = Array.from({ length: 60 }, (_, place) =>
    place % 2 === 0 ? sent : outcomeOfRefusal(place % 6 === 5 ? 403 : 404),
  );
  const answers = outcomes.map((outcome) => health.record('job', outcome));
  expect(answers.findIndex(Boolean)).toBe(49);
  expect(answers[49]).toEqual([
    { reason: 'refused by WhatsApp with 404', messages: 17 },
    { reason: 'refused by WhatsApp with 403', messages: 8 },
  ]);
  expect(answers.filter(Boolean)).toHaveLength(1);
});
