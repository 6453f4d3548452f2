import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type FaultKind, type PlanOptions, planFaults } from './fault-plan.ts';

const options: PlanOptions = {
  seed: 'a',
  seconds: 120,
  devices: 5,
  tempo: { ackTimeoutMs: 30_000, failoverGraceMs: 60_000 },
};

test('the same seed gives the same plan, another seed another one', () => {
  expect(planFaults(options)).toEqual(planFaults({ ...options }));
  expect(planFaults(options)).not.toEqual(planFaults({ ...options, seed: 'b' }));
});

const kinds: FaultKind[] = [
  'ackErrors',
  'cut',
  'database',
  'disconnect',
  'dropAcks',
  'kill',
  'lateAcks',
  'loseMessages',
  'stop',
  'streamError',
];

test('every plan, however short, has every kind of fault, in order, within its time and on its devices', () => {
  fc.assert(
    fc.property(
      fc.string(),
      fc.integer({ min: 1, max: 300 }),
      fc.integer({ min: 1, max: 50 }),
      (seed, seconds, devices) => {
        const plan = planFaults({ ...options, seed, seconds, devices });
        expect([...new Set(plan.map(({ kind }) => kind))].toSorted()).toEqual(kinds);
        const times = plan.map(({ atMs }) => atMs);
        expect(times).toEqual(times.toSorted((a, b) => a - b));
        expect(times.every((atMs) => atMs >= 0 && atMs <= seconds * 1000)).toBe(true);
        for (const fault of plan) if ('device' in fault) expect(fault.device).toBeLessThan(devices);
      },
    ),
    { numRuns: 200 },
  );
});

test('a late acknowledgement comes after the wait for it has ended, and refusals are those that pass', () => {
  for (const fault of planFaults({ ...options, seconds: 3_600 })) {
    if (fault.kind === 'lateAcks') expect(fault.delayMs).toBeGreaterThan(options.tempo.ackTimeoutMs);
    if (fault.kind === 'ackErrors') expect([429, 500, 503]).toContain(fault.code);
  }
});

test('every way to restart the database has its turn', () => {
  const ways = planFaults(options).flatMap((fault) => (fault.kind === 'database' ? [fault.how] : []));
  expect(ways.length).toBeGreaterThanOrEqual(3);
  expect(new Set(ways)).toEqual(new Set(['server killed', 'backend killed', 'server interrupted']));
});
