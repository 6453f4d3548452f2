import { between, type Random } from './random.ts';

export interface BackoffRule {
  firstMs: number;
  maxMs: number;
}

/**
 * The wait before try number `tries` + 1: doubles from `firstMs` up to `maxMs`, then between half and all of it by
 * chance, so that many clients that failed together do not come back together.
 */
export function backoffMs(rule: BackoffRule, tries: number, random: Random): number {
  const ceiling = Math.min(rule.maxMs, rule.firstMs * 2 ** Math.min(Math.max(tries, 0), 30));
  return between(random, ceiling / 2, ceiling);
}
