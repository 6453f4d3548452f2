import { expect, test } from 'vitest';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { seededRandom } from '../../platform/random.ts';
import { emptyCounts } from '../pacing.ts';
import { defaultTimings } from '../timings.ts';
import { DevicePace } from './device-pace.ts';
import { GlobalCap } from './global-cap.ts';

const caps = { perMinute: 20, perHour: 500, perDay: 5000 };

function paceOf(clock: ManualClock, sentThisHour: number): DevicePace {
  const counts = emptyCounts(clock.now().getTime());
  counts.hour.sent = sentThisHour;
  const rule = { delay: { minMs: 5_000, maxMs: 15_000 }, caps, counts, warmUp: undefined };
  const globalCap = new GlobalCap(undefined);
  return new DevicePace({ clock, random: seededRandom('pace'), timings: defaultTimings, ...rule, globalCap });
}

const always = { timeZone: 'UTC', windows: [] };

test('a number that has sent within the hour waits a pause after it has connected again; a quiet one does not', () => {
  const clock = new ManualClock();
  expect(paceOf(clock, 0).waitBeforeSend(always)).toBeUndefined();
  const wait = paceOf(clock, 1).waitBeforeSend(always);
  expect(wait?.why).toBe('delay');
  const forMs = (wait?.untilMs ?? 0) - clock.now().getTime();
  expect(forMs).toBeGreaterThanOrEqual(5_000);
  expect(forMs).toBeLessThanOrEqual(15_000);
});
