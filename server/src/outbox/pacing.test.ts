import fc from 'fast-check';
import { expect, test } from 'vitest';
import { seededRandom } from '../platform/random.ts';
import {
  type Caps,
  capPeriods,
  countSend,
  emptyCounts,
  messagesToHold,
  nextSendAtMs,
  periodLengthMs,
  periodStartMs,
  shortestIntervalMs,
  slowerOf,
  waitBeforeSend,
} from './pacing.ts';

const rule = fc
  .tuple(fc.integer({ min: 0, max: 60_000 }), fc.integer({ min: 0, max: 60_000 }))
  .map(([minMs, spreadMs]) => ({ minMs, maxMs: minMs + spreadMs }));

test('a message follows the one before it after a time of the rule, and never after less than the shortest interval', () => {
  fc.assert(
    fc.property(rule, fc.integer({ min: 0, max: 2 ** 41 }), fc.string(), (delay, writtenAtMs, seed) => {
      const waitMs = nextSendAtMs(writtenAtMs, delay, shortestIntervalMs, seededRandom(seed)) - writtenAtMs;
      expect(waitMs).toBeGreaterThanOrEqual(Math.max(shortestIntervalMs, delay.minMs));
      expect(waitMs).toBeLessThanOrEqual(Math.max(shortestIntervalMs, delay.maxMs));
    }),
  );
});

test('the slower of two rules is at least as slow as each, end by end, whatever their order', () => {
  fc.assert(
    fc.property(rule, rule, (a, b) => {
      const slower = slowerOf(a, b);
      expect(slower).toEqual({ minMs: Math.max(a.minMs, b.minMs), maxMs: Math.max(a.maxMs, b.maxMs) });
      expect(slowerOf(b, a)).toEqual(slower);
      expect(slower.minMs).toBeLessThanOrEqual(slower.maxMs);
    }),
  );
  expect(slowerOf({ minMs: 10_000, maxMs: 30_000 }, { minMs: 5_000, maxMs: 45_000 })).toEqual({
    minMs: 10_000,
    maxMs: 45_000,
  });
});

const smallCaps = fc.record({
  perMinute: fc.integer({ min: 1, max: 4 }),
  perHour: fc.integer({ min: 1, max: 9 }),
  perDay: fc.integer({ min: 1, max: 15 }),
});
const capOf = { minute: 'perMinute', hour: 'perHour', day: 'perDay' } as const;

/** Sends as a device does, and counts for itself what fell into each period, by the latest time at which it sent. */
class SendingDevice {
  readonly #caps: Caps;
  readonly #counts;
  readonly #tally = new Map<string, number>();
  #nowMs: number;
  /** The latest the clock ever showed, and the latest it showed at a send. */
  #latestMs: number;
  #sentAtMs = 0;

  constructor(caps: Caps, startsAtMs: number) {
    this.#caps = caps;
    this.#nowMs = startsAtMs;
    this.#latestMs = startsAtMs;
    this.#counts = emptyCounts(startsAtMs);
  }

  /** Waits as told, a bounded number of times, and sends. */
  send(): void {
    for (let waits = 0; ; waits++) {
      const wait = waitBeforeSend(this.#nowMs, 0, this.#caps, this.#counts);
      if (!wait) break;
      expect(wait.untilMs).toBeGreaterThan(this.#nowMs);
      expect(wait.untilMs - this.#nowMs).toBeLessThanOrEqual(2 * periodLengthMs.day);
      expect(waits).toBeLessThan(capPeriods.length);
      this.step(wait.untilMs - this.#nowMs);
    }
    countSend(this.#counts, this.#nowMs);
    this.#sentAtMs = Math.max(this.#sentAtMs, this.#nowMs);
    for (const period of capPeriods) {
      const key = `${period} ${periodStartMs(period, this.#sentAtMs)}`;
      const sent = (this.#tally.get(key) ?? 0) + 1;
      this.#tally.set(key, sent);
      expect(sent).toBeLessThanOrEqual(this.#caps[capOf[period]]);
    }
  }

  step(byMs: number): void {
    this.#nowMs += byMs;
    this.#latestMs = Math.max(this.#latestMs, this.#nowMs);
  }

  /** Sets the clock back, never more than a minute behind where it had been. */
  setBack(byMs: number): void {
    this.#nowMs = Math.max(this.#nowMs - byMs, this.#latestMs - 60_000);
  }
}

const act = fc.oneof(
  { weight: 6, arbitrary: fc.constant({ kind: 'send' as const, ms: 0 }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('step' as const), ms: fc.nat({ max: 100_000 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('step' as const), ms: fc.nat({ max: 200_000_000 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('back' as const), ms: fc.nat({ max: 60_000 }) }) },
);

test('no cap is ever exceeded, and every wait ends, for any sends and any steps of the clock', () => {
  fc.assert(
    fc.property(
      smallCaps,
      fc.integer({ min: 0, max: 2 ** 41 }),
      fc.array(act, { maxLength: 60 }),
      (caps, startsAtMs, acts) => {
        const device = new SendingDevice(caps, startsAtMs);
        for (const { kind, ms } of acts) {
          if (kind === 'send') device.send();
          else if (kind === 'step') device.step(ms);
          else device.setBack(ms);
        }
      },
    ),
    { numRuns: 500 },
  );
});

test('a clock that stood in the future and is set right does not hold a device until then', () => {
  const right = Date.parse('2026-03-02T04:00:00Z');
  const counts = emptyCounts(right + 10 * periodLengthMs.day);
  const caps = { perMinute: 1, perHour: 1, perDay: 1 };
  countSend(counts, right + 10 * periodLengthMs.day);
  expect(waitBeforeSend(right, 0, caps, counts)).toBeUndefined();
  countSend(counts, right);
  expect(waitBeforeSend(right, 0, caps, counts)).toEqual({
    why: 'cap_per_day',
    untilMs: Date.parse('2026-03-03T00:00:00Z'),
  });
});

test('the wait that lasts longest is the one that is told', () => {
  const nowMs = Date.parse('2026-03-02T04:00:30Z');
  const counts = emptyCounts(nowMs);
  countSend(counts, nowMs);
  const wide = { perMinute: 9, perHour: 9, perDay: 9 };
  expect(waitBeforeSend(nowMs, nowMs + 5_000, wide, counts)).toEqual({
    why: 'delay',
    untilMs: nowMs + 5_000,
  });
  expect(waitBeforeSend(nowMs, nowMs + 5_000, { ...wide, perMinute: 1 }, counts)).toEqual({
    why: 'cap_per_minute',
    untilMs: Date.parse('2026-03-02T04:01:00Z'),
  });
  expect(waitBeforeSend(nowMs, nowMs + 45_000, { ...wide, perMinute: 1 }, counts)?.why).toBe('delay');
  expect(waitBeforeSend(nowMs, 0, { perMinute: 1, perHour: 1, perDay: 9 }, counts)?.why).toBe('cap_per_hour');
});

test('a device holds what its pace uses in the time ahead, at least one and at most the bound', () => {
  expect(messagesToHold({ minMs: 10_000, maxMs: 30_000 }, 200, 2_000, 20)).toBe(1);
  expect(messagesToHold({ minMs: 0, maxMs: 0 }, 200, 2_000, 20)).toBe(10);
  expect(messagesToHold({ minMs: 0, maxMs: 0 }, 0, 2_000, 20)).toBe(20);
});
