import { expect, test } from 'vitest';
import { type ChaosResult, runChaos } from './chaos.ts';

const seed = process.env.CHAOS_SEED ?? 'short';

test(`faults of every kind for some seconds, and each recipient sees exactly one message (seed "${seed}")`, {
  timeout: 120_000,
}, async ({ signal }) => {
  const said: string[] = [];
  const result: ChaosResult = await runChaos({
    seed,
    minutes: 0.3,
    devices: 3,
    pace: 'quick',
    keep: false,
    signal,
    plan: (line) => said.push(line),
    progress: (line) => said.push(line),
  });
  expect(result.complaints, said.join('\n')).toEqual([]);
  expect(result).toMatchObject({ ok: true, lost: 0, duplicates: 0, kills: 1, dbRestarts: 1 });
  expect(result.cuts).toBeGreaterThan(0);
  expect(result.droppedAcks).toBeGreaterThan(0);
  expect(result.lateAcks).toBeGreaterThan(0);
});
