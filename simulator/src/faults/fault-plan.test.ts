import { expect, test } from 'vitest';
import { FaultPlan } from './fault-plan.ts';

test('an order applies to as many messages as it says, of its number only, oldest order first', () => {
  const plan = new FaultPlan();
  plan.add({ count: 1, phone: '1' }, { kind: 'lose' });
  plan.add({ count: 2 }, { kind: 'refuse', code: 429 });
  expect(plan.take('2', 'A')).toEqual({ kind: 'refuse', code: 429 });
  expect(plan.take('1', 'B')).toEqual({ kind: 'lose' });
  expect(plan.take('1', 'C')).toEqual({ kind: 'refuse', code: 429 });
  expect(plan.take('1', 'D')).toBeUndefined();
});

test('cleared orders do not happen', () => {
  const plan = new FaultPlan();
  plan.add({ count: 5 }, { kind: 'lose' });
  plan.clear();
  expect(plan.take('1', 'A')).toBeUndefined();
});

test('a refusal that spares waits for a message that was never refused', () => {
  const plan = new FaultPlan();
  plan.add({ count: 1 }, { kind: 'refuse', code: 500 });
  plan.add({ count: 1, spareRefused: true }, { kind: 'refuse', code: 503 });
  expect(plan.take('1', 'A')).toEqual({ kind: 'refuse', code: 500 });
  expect(plan.take('1', 'A')).toBeUndefined();
  expect(plan.take('1', 'B')).toEqual({ kind: 'refuse', code: 503 });
});
