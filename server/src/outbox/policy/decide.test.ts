import fc from 'fast-check';
import { expect, test } from 'vitest';
import { seededRandom } from '../../platform/random.ts';
import {
  type Caps,
  countSend,
  emptyCounts,
  nextSendAtMs,
  periodLengthMs,
  periodStartMs,
  type Wait,
} from '../pacing.ts';
import { decide, type PolicyInputs } from './decide.ts';
import { GlobalCap } from './global-cap.ts';
import { nextOpeningMs, type SendWindow } from './send-window.ts';

const startsAt = Date.parse('2026-03-27T12:00:00Z');
const wide: Caps = { perMinute: 1_000, perHour: 10_000, perDay: 100_000 };

function inputs(changed: Partial<PolicyInputs> = {}): PolicyInputs {
  return {
    nowMs: startsAt,
    notBeforeMs: 0,
    caps: wide,
    counts: emptyCounts(startsAt),
    warmUp: undefined,
    quarantinedUntilMs: 0,
    globalWait: undefined,
    calendar: { timeZone: 'Europe/Berlin', windows: [] },
    ...changed,
  };
}

function counted(messages: number, nowMs = startsAt): PolicyInputs['counts'] {
  const counts = emptyCounts(nowMs);
  for (let sent = 0; sent < messages; sent++) countSend(counts, nowMs);
  return counts;
}

test('a new number waits at its step until the next day, and then has the next step', () => {
  const warmUp = { steps: [3, 6], sinceMs: startsAt };
  const midnight = Date.parse('2026-03-28T00:00:00Z');
  expect(decide(inputs({ warmUp, counts: counted(2) }))).toBeUndefined();
  expect(decide(inputs({ warmUp, counts: counted(3) }))).toEqual({ why: 'warm_up', untilMs: midnight });
  const tomorrow = { warmUp, nowMs: midnight };
  expect(decide(inputs({ ...tomorrow, counts: counted(5, midnight) }))).toBeUndefined();
  expect(decide(inputs({ ...tomorrow, counts: counted(6, midnight) }))?.why).toBe('warm_up');
  const later = midnight + periodLengthMs.day;
  expect(decide(inputs({ warmUp, nowMs: later, counts: counted(500, later) }))).toBeUndefined();
});

test('where the own cap is smaller than the step, the own cap is the reason', () => {
  const warmUp = { steps: [50], sinceMs: undefined };
  const caps = { ...wide, perDay: 10 };
  expect(decide(inputs({ warmUp, caps, counts: counted(10) }))?.why).toBe('cap_per_day');
});

test('of several reasons the one that lasts longest is told', () => {
  const calendar = {
    timeZone: 'Europe/Berlin',
    windows: [{ hours: { from: '14:00', to: '18:00' } }, { weekdays: [6] }],
  };
  const quarantinedUntilMs = startsAt + 60_000;
  expect(decide(inputs({ calendar, quarantinedUntilMs }))).toEqual({
    why: 'outside_window',
    untilMs: Date.parse('2026-03-28T13:00:00Z'),
  });
  expect(decide(inputs({ quarantinedUntilMs, notBeforeMs: startsAt + 5_000 }))).toEqual({
    why: 'quarantine',
    untilMs: quarantinedUntilMs,
  });
  const globalWait: Wait = { why: 'global_cap', untilMs: startsAt + 40_000 };
  expect(decide(inputs({ globalWait, notBeforeMs: startsAt + 5_000 }))).toEqual(globalWait);
});

test('windows that never meet are said to, and looked at again', () => {
  const calendar = { timeZone: 'UTC', windows: [{ weekdays: [1] }, { weekdays: [2] }] };
  expect(decide(inputs({ calendar }))).toEqual({ why: 'windows_never_meet', untilMs: startsAt + 3_600_000 });
});

const settings = fc.record({
  caps: fc.record({
    perMinute: fc.integer({ min: 1, max: 5 }),
    perHour: fc.integer({ min: 1, max: 12 }),
    perDay: fc.integer({ min: 1, max: 20 }),
  }),
  delay: fc.record({ minMs: fc.nat({ max: 30_000 }), maxMs: fc.constant(40_000) }),
  steps: fc.array(fc.integer({ min: 1, max: 15 }), { maxLength: 4 }),
  globalPerMinute: fc.integer({ min: 1, max: 4 }),
  windows: fc.array(
    fc.constantFrom<SendWindow>(
      { hours: { from: '01:30', to: '03:15' } },
      { hours: { from: '22:00', to: '04:00' } },
      { quietHours: { from: '12:00', to: '14:00' } },
      { weekdays: [1, 3, 5, 7] },
      { weekdays: [6, 7], hours: { from: '02:15', to: '09:00' } },
    ),
    { maxLength: 2 },
  ),
  timeZone: fc.constantFrom('Europe/Berlin', 'America/New_York', 'Asia/Kuala_Lumpur', 'Australia/Lord_Howe'),
  startsAtMs: fc.integer({
    min: Date.parse('2026-01-01T00:00:00Z'),
    max: Date.parse('2026-12-31T00:00:00Z'),
  }),
  seed: fc.string(),
});
type Settings = typeof settings extends fc.Arbitrary<infer T> ? T : never;

/** Two devices that send by the policy, and books of their own about what they did. */
class Devices {
  readonly #settings: Settings;
  readonly #random;
  readonly #globalCap: GlobalCap;
  readonly #devices;
  readonly #tally = new Map<string, number>();
  nowMs: number;

  constructor(given: Settings) {
    this.#settings = given;
    this.nowMs = given.startsAtMs;
    this.#random = seededRandom(given.seed);
    this.#globalCap = new GlobalCap(given.globalPerMinute);
    this.#devices = [0, 1].map(() => ({
      counts: emptyCounts(this.nowMs),
      notBeforeMs: 0,
      sinceMs: undefined as number | undefined,
      sentAtMs: Number.NEGATIVE_INFINITY,
    }));
  }

  /** Asks the policy and waits as told, a bounded number of times, then sends and checks every promise. */
  send(place: 0 | 1): void {
    const { caps, delay, steps, windows, timeZone } = this.#settings;
    const device = this.#devices[place]!;
    for (let waits = 0; ; waits++) {
      const { counts, notBeforeMs, sinceMs } = device;
      const wait = decide(
        inputs({
          nowMs: this.nowMs,
          notBeforeMs,
          caps,
          counts,
          warmUp: { steps, sinceMs },
          globalWait: this.#globalCap.waitBeforeSend(this.nowMs),
          calendar: { timeZone, windows },
        }),
      );
      if (!wait) break;
      expect(wait.untilMs).toBeGreaterThan(this.nowMs);
      // Windows of disjoint days: told as that, and nothing is ever sent.
      if (wait.why === 'windows_never_meet') return;
      expect(waits).toBeLessThan(60);
      this.nowMs = wait.untilMs;
    }
    this.#globalCap.take(this.nowMs);
    device.sinceMs ??= this.nowMs;
    expect(nextOpeningMs({ timeZone, windows }, this.nowMs)).toBe(this.nowMs);
    expect(this.nowMs - device.sentAtMs).toBeGreaterThanOrEqual(delay.minMs);
    const dayMs = periodStartMs('day', this.nowMs);
    const step = steps[(dayMs - periodStartMs('day', device.sinceMs)) / periodLengthMs.day] ?? caps.perDay;
    this.#count(`${place} day ${dayMs}`, Math.min(step, caps.perDay));
    this.#count(`${place} hour ${periodStartMs('hour', this.nowMs)}`, caps.perHour);
    this.#count(`${place} minute ${periodStartMs('minute', this.nowMs)}`, caps.perMinute);
    this.#count(`all ${periodStartMs('minute', this.nowMs)}`, this.#settings.globalPerMinute);
    countSend(device.counts, this.nowMs);
    device.sentAtMs = this.nowMs;
    device.notBeforeMs = nextSendAtMs(this.nowMs, delay, 200, this.#random);
  }

  #count(key: string, atMost: number): void {
    const sent = (this.#tally.get(key) ?? 0) + 1;
    this.#tally.set(key, sent);
    expect(sent).toBeLessThanOrEqual(atMost);
  }
}

test('for any settings, sends and steps of the clock no promise is broken, and every wait ends', () => {
  const act = fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom('first', 'second') },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 100_000_000 }) },
  );
  fc.assert(
    fc.property(settings, fc.array(act, { maxLength: 40 }), (given, acts) => {
      const devices = new Devices(given);
      for (const what of acts) {
        if (typeof what === 'number') devices.nowMs += what;
        else devices.send(what === 'first' ? 0 : 1);
      }
    }),
    { numRuns: 200 },
  );
});

test('the reason is the one that binds: alone it holds the message as long, and no other holds it longer', () => {
  const numbers = fc.tuple(fc.nat({ max: 30 }), fc.nat({ max: 90_000 }), fc.nat({ max: 90_000 }));
  fc.assert(
    fc.property(numbers, ([sent, delayMs, restMs]) => {
      const caps = { perMinute: 5, perHour: 20, perDay: 25 };
      const counts = counted(sent);
      const alone: Partial<Record<Wait['why'], Partial<PolicyInputs>>> = {
        delay: { notBeforeMs: startsAt + delayMs },
        quarantine: { quarantinedUntilMs: startsAt + restMs },
        warm_up: { counts, warmUp: { steps: [10], sinceMs: undefined } },
        cap_per_hour: { counts, caps: { ...wide, perHour: caps.perHour } },
        cap_per_minute: { counts, caps: { ...wide, perMinute: caps.perMinute } },
      };
      const all: Partial<PolicyInputs> = Object.assign({}, ...Object.values(alone));
      const wait = decide(inputs({ ...all, counts, caps }));
      const each = Object.values(alone).map((one) => decide(inputs(one))?.untilMs ?? 0);
      expect(wait?.untilMs ?? 0).toBe(Math.max(...each));
      if (wait) expect(decide(inputs(alone[wait.why]))).toEqual(wait);
    }),
  );
});
