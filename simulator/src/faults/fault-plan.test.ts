import { expect, test } from 'vitest';
import { FaultPlan } from './fault-plan.ts';

test('an order applies to as many messages as it says, of its number only, oldest order first', () => {
  const plan = new FaultPlan();
  plan.add({ count: 1, phone: '1' }, { kind: 'lose' });
  plan.add({ count: 2 }, { kind: 'refuse', code: 429 });
  expect(plan.take('2')).toEqual({ kind: 'refuse', code: 429 });
  expect(plan.take('1')).toEqual({ kind: 'lose' });
  expect(plan.take('1')).toEqual({ kind: 'refuse', code: 429 });
  expect(plan.take('1')).toBeUndefined();
});

test('cleared orders do not happen', () => {
  const plan = new FaultPlan();
  plan.add({ count: 5 }, { kind: 'lose' });
  plan.clear();
  expect(plan.take('1')).toBeUndefined();
});
