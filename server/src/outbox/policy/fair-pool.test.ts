import { expect, test } from 'vitest';
import { FairPool } from './fair-pool.ts';

test('a workspace with many waiting devices holds another one up by a turn', async () => {
  const pool = new FairPool(1);
  const first = Promise.withResolvers<void>();
  const order: string[] = [];
  const busy = pool.run('large', () => first.promise);
  const note = (key: string) => pool.run(key, async () => void order.push(key));
  const waiting = [note('large'), note('large'), note('large'), note('small'), note('other')];
  first.resolve();
  await Promise.all([busy, ...waiting]);
  expect(order).toEqual(['large', 'small', 'other', 'large', 'large']);
});

test('no more run at once than there are places, and a place comes back when work fails', async () => {
  const pool = new FairPool(2);
  let running = 0;
  let most = 0;
  const work = async (place: number): Promise<void> => {
    running += 1;
    most = Math.max(most, running);
    await Promise.resolve();
    running -= 1;
    if (place % 3 === 0) throw new Error('failed');
  };
  const all = Array.from({ length: 20 }, (_, place) => pool.run(`workspace ${place % 4}`, () => work(place)));
  const results = await Promise.allSettled(all);
  expect(most).toBe(2);
  expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(7);
});
