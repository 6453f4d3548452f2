import { expect, test } from 'vitest';
import { type Clock, systemClock } from '../../platform/clock.ts';
import { BoundedCache } from './bounded-cache.ts';

test('the entry used longest ago is forgotten at the bound', () => {
  const cache = new BoundedCache<number>(systemClock, { entriesMax: 2 });
  cache.set('a', 1);
  cache.set('b', 2);
  expect(cache.get('a')).toBe(1);
  cache.set('c', 3);
  expect(cache.get('b')).toBeUndefined();
  expect([cache.get('a'), cache.get('c')]).toEqual([1, 3]);
});

test('the sum of weights stays under its bound, and replaced or deleted entries weigh nothing', () => {
  const cache = new BoundedCache<string>(systemClock, {
    entriesMax: 100,
    weightMax: 10,
    weightOf: (text) => text.length,
  });
  cache.set('a', '12345');
  cache.set('a', '1');
  cache.set('b', '123456');
  expect(cache.get('a')).toBe('1');
  cache.set('c', '1234');
  expect(cache.get('b')).toBeUndefined();
  expect(cache.get('a')).toBe('1');
  cache.delete('c');
  cache.set('d', '123456789');
  expect(cache.get('a')).toBe('1');
});

test('an entry ends with its time to live', () => {
  let nowMs = 0;
  const clock: Clock = { ...systemClock, monotonicMs: () => nowMs };
  const cache = new BoundedCache<number>(clock, { entriesMax: 2, ttlMs: 100 });
  cache.set('a', 1);
  nowMs = 99;
  expect(cache.get('a')).toBe(1);
  nowMs = 100;
  expect(cache.get('a')).toBeUndefined();
});

test('entries are dropped by name and all at once', () => {
  const cache = new BoundedCache<number>(systemClock, { entriesMax: 9 });
  for (const name of ['x 1', 'x 2', 'y 1']) cache.set(name, 1);
  cache.deleteWhere((name) => name.startsWith('x '));
  expect([cache.get('x 1'), cache.get('y 1')]).toEqual([undefined, 1]);
  cache.clear();
  expect(cache.get('y 1')).toBeUndefined();
});
