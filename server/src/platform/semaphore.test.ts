import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Semaphore } from './semaphore.ts';

test('never more at once than places, in the order in which they came, whatever fails', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.record({ turns: fc.integer({ min: 1, max: 5 }), fails: fc.boolean() }), { maxLength: 20 }),
      async (places, pieces) => {
        const semaphore = new Semaphore(places);
        const begun: number[] = [];
        let running = 0;
        let most = 0;
        const results = await Promise.allSettled(
          pieces.map(({ turns, fails }, place) =>
            semaphore.run(async () => {
              begun.push(place);
              running += 1;
              most = Math.max(most, running);
              for (let turn = 0; turn < turns; turn++) await undefined;
              running -= 1;
              if (fails) throw new Error('no');
              return place;
            }),
          ),
        );
        expect(most).toBe(Math.min(places, pieces.length));
        expect(begun).toEqual(pieces.map((_, place) => place));
        expect(results.map((result) => result.status)).toEqual(
          pieces.map(({ fails }) => (fails ? 'rejected' : 'fulfilled')),
        );
      },
    ),
  );
});
