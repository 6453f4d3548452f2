import { expect, test } from 'vitest';
import { systemClock } from './clock.ts';

test('a wait ends when its time has passed', async () => {
  const beganMs = systemClock.monotonicMs();
  await systemClock.wait(20);
  // Node's timers may fire up to a millisecond early by this measure.
  expect(systemClock.monotonicMs() - beganMs).toBeGreaterThanOrEqual(19);
});

test('a wait ends at once when its signal aborts, before or during it', async () => {
  const aborted = AbortSignal.abort();
  await systemClock.wait(3_600_000, aborted);
  const stopping = new AbortController();
  const waiting = systemClock.wait(3_600_000, stopping.signal);
  stopping.abort();
  await waiting;
});

test('a wait of months is not cut to nothing, as Node would do', async () => {
  const months = 200 * 86_400_000;
  const stopping = new AbortController();
  const winner = await Promise.race([
    systemClock.wait(months, stopping.signal).then(() => 'months'),
    systemClock.wait(20).then(() => 'milliseconds'),
  ]);
  stopping.abort();
  expect(winner).toBe('milliseconds');
});

test('a timer runs once, and not when it was cancelled; cancelling again does nothing', async () => {
  const ran: string[] = [];
  const cancelled = systemClock.after(1, () => ran.push('cancelled'));
  cancelled.cancel();
  cancelled.cancel();
  await new Promise<void>((resolve) => {
    const timer = systemClock.after(-5, () => {
      ran.push('kept');
      timer.cancel();
      systemClock.after(5, resolve);
    });
  });
  expect(ran).toEqual(['kept']);
});
