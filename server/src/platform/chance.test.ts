import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { backoffMs } from './backoff.ts';
import { idSource, isId } from './ids.ts';
import { between, seededRandom, systemRandom } from './random.ts';

test('chance repeats for a seed, and differs for another', () => {
  const draw = (seed: string): unknown[] => {
    const random = seededRandom(seed);
    return [random.float(), random.bytes(70).toString('hex'), random.float()];
  };
  expect(draw('a')).toEqual(draw('a'));
  expect(draw('a')).not.toEqual(draw('b'));
});

test.each([
  ['the seeded', seededRandom('range')],
  ['the system', systemRandom],
])('%s chance stays in its range and fills it', (_name, random) => {
  const numbers = Array.from({ length: 2_000 }, () => between(random, 5, 15));
  expect(Math.min(...numbers)).toBeGreaterThanOrEqual(5);
  expect(Math.min(...numbers)).toBeLessThan(5.5);
  expect(Math.max(...numbers)).toBeLessThanOrEqual(15);
  expect(Math.max(...numbers)).toBeGreaterThan(14.5);
  for (const length of [0, 1, 32, 33, 100]) expect(random.bytes(length)).toHaveLength(length);
});

test('ids have the form of UUID version 7, carry the time, and sort by it', () => {
  const clock = new ManualClock(new Date('2026-03-02T04:00:00.123Z'));
  const newId = idSource(clock, seededRandom('ids'));
  const ids: string[] = [];
  for (let count = 0; count < 200; count++) {
    ids.push(newId());
    clock.advance(1);
  }
  for (const id of ids) {
    expect(isId(id)).toBe(true);
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  }
  expect(ids.toSorted()).toEqual(ids);
  expect(Number.parseInt(ids[0]?.replaceAll('-', '').slice(0, 12) ?? '', 16)).toBe(
    Date.parse('2026-03-02T04:00:00.123Z'),
  );
});

test('ids of one millisecond are all different', () => {
  const newId = idSource(new ManualClock(), systemRandom);
  expect(new Set(Array.from({ length: 5_000 }, newId)).size).toBe(5_000);
});

test.each(['', 'x', '../../etc/passwd', '0190f0e0-0000-7000-8000-00000000000g', "' or 1=1 --"])(
  '%j is no id',
  (text) => {
    expect(isId(text)).toBe(false);
  },
);

test('a backoff is at least half of what it doubled to, and never above its bound', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 10_000 }),
      fc.integer({ min: 1, max: 1_000_000 }),
      fc.integer({ min: -5, max: 5_000 }),
      fc.string(),
      (firstMs, maxMs, tries, seed) => {
        const waitMs = backoffMs({ firstMs, maxMs }, tries, seededRandom(seed));
        const ceiling = Math.min(maxMs, firstMs * 2 ** Math.min(Math.max(tries, 0), 30));
        expect(waitMs).toBeGreaterThanOrEqual(ceiling / 2);
        expect(waitMs).toBeLessThanOrEqual(ceiling);
      },
    ),
  );
});
