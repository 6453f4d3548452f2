import type { Benchmark } from './bench.ts';
import { ledgerBench } from './ledger.ts';
import { planBench } from './plan.ts';

/** Every benchmark that `npm run bench -- NAME` knows. */
export const benches: readonly Benchmark[] = [planBench, ledgerBench];
