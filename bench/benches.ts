import type { Benchmark } from './bench.ts';
import { dispatchBench } from './dispatch.ts';
import { ledgerBench } from './ledger.ts';
import { planBench } from './plan.ts';
import { reportBench } from './report.ts';
import { switchBench } from './switch.ts';

/** Every benchmark that `npm run bench -- NAME` knows. */
export const benches: readonly Benchmark[] = [
  planBench,
  ledgerBench,
  dispatchBench,
  switchBench,
  reportBench,
];
