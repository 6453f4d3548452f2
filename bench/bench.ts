import type { Flag, Flags } from '../server/src/platform/flags.ts';

/** Named numbers; the unit is at the end of the name, as in `maxLoopBlockMs`. */
export type Numbers = Record<string, number>;

/** What one benchmark found. */
export interface Measurement {
  /**
   * Our time divided by the time of a floor that was measured in the same run: 1 is as fast as the floor, 2 takes twice as long. The one exception
   * is `bullmqRedis`, a rival and no floor: our rate divided by its rate, so 2 is twice as fast.
   */
  ratios: Numbers;
  /** Ours in absolute terms; they depend on the machine. */
  figures: Numbers;
  /** The floor in absolute terms. */
  floor: Numbers;
}

/** Tells a person how far a benchmark is. */
export type Progress = (line: string) => void;

/** One thing worth measuring. */
export interface Benchmark<Name extends string = string> {
  name: string;
  /** One line: what is measured, and against which floor. */
  summary: string;
  /** The flags of this benchmark alone. */
  flags: Record<Name, Flag>;
  /** Throws `bad_input` with a sentence before anything is started when an option is wrong. */
  run(options: Flags<Name>, progress: Progress): Promise<Measurement>;
}

/** A measurement with its name and the whole run's time, preparation included. The keys are those of the line of JSON. */
export interface Report extends Measurement {
  bench: string;
  seconds: number;
}

/** Runs a benchmark and rounds what it found. */
export async function runBenchmark(
  benchmark: Benchmark,
  options: Flags<string>,
  progress: Progress,
): Promise<Report> {
  const startedMs = performance.now();
  const { ratios, figures, floor } = await benchmark.run(options, progress);
  return {
    bench: benchmark.name,
    ratios: rounded(ratios),
    figures: rounded(figures),
    floor: rounded(floor),
    seconds: fourDigits((performance.now() - startedMs) / 1000),
  };
}

/** The report for people. */
export function describeReport({ bench, ratios, figures, floor, seconds }: Report): string {
  const sections = [
    { heading: 'ratios (ours / floor)', numbers: ratios },
    { heading: 'figures (ours)', numbers: figures },
    { heading: 'floor', numbers: floor },
  ];
  const names = sections.flatMap(({ numbers }) => Object.keys(numbers));
  const width = Math.max(...names.map((name) => name.length));
  const lines = sections.flatMap(({ heading, numbers }) => [
    heading,
    ...Object.entries(numbers).map(([name, number]) => `  ${name.padEnd(width)}  ${number}`),
  ]);
  return [`${bench}, in ${seconds} s`, ...lines].join('\n');
}

function rounded(numbers: Numbers): Numbers {
  return Object.fromEntries(Object.entries(numbers).map(([name, number]) => [name, fourDigits(number)]));
}

/** Four significant digits are more than any repeat agrees on; whole numbers keep all of theirs. */
function fourDigits(number: number): number {
  return Math.abs(number) >= 1000 ? Math.round(number) : Number(number.toPrecision(4));
}
