import { between, type Random, seededRandom } from '../../server/src/platform/random.ts';

/** How the database is made to start anew: by the end of its server, or by the crash of one backend, after which the server recovers by itself. */
export type DatabaseRestart = 'server killed' | 'server interrupted' | 'backend killed';

type OnDevice =
  | { kind: 'cut'; refuseForMs: number }
  | { kind: 'dropAcks'; count: number; withReceipts: boolean }
  | { kind: 'lateAcks'; count: number; delayMs: number }
  | { kind: 'loseMessages'; count: number }
  | { kind: 'ackErrors'; count: number; code: number }
  | { kind: 'streamError'; end: 503 | 515 | 'replaced' };

/** One thing that goes wrong. `device` is a place in the list of linked numbers. */
export type Fault = { atMs: number } & (
  | (OnDevice & { device: number })
  | { kind: 'database'; how: DatabaseRestart }
  /** The database ends every connection of the program and goes on. */
  | { kind: 'disconnect' }
  /** kill -9 of the program. */
  | { kind: 'kill' }
  /** SIGTERM, as a service manager stops it. */
  | { kind: 'stop' }
);

export type FaultKind = Fault['kind'];

/** What the faults must outlast or stay below to be felt. */
export interface Tempo {
  ackTimeoutMs: number;
  failoverGraceMs: number;
}

export interface PlanOptions {
  seed: string;
  seconds: number;
  devices: number;
  tempo: Tempo;
}

/** How often each kind happens in a minute; every kind happens at least once, so that a short run has all of them. */
const perMinute: Record<FaultKind, number> = {
  cut: 8,
  dropAcks: 8,
  lateAcks: 6,
  loseMessages: 6,
  ackErrors: 6,
  streamError: 5,
  database: 2,
  disconnect: 1,
  kill: 2,
  stop: 1,
};

/** Codes that are worth another attempt: every recipient can still be reached. */
const passingCodes = [429, 500, 503] as const;
const streamEnds = [503, 515, 'replaced'] as const;
const databaseRestarts: readonly DatabaseRestart[] = [
  'server killed',
  'backend killed',
  'server interrupted',
];

/** The faults of a seed in the order of their times. The same options give the same plan. */
export function planFaults(options: PlanOptions): Fault[] {
  const plan: Fault[] = [];
  for (const kind of Object.keys(perMinute) as FaultKind[]) {
    // A stream of its own for each kind: another rate for one leaves the others where they were.
    const random = seededRandom(`faults ${kind} ${options.seed}`);
    const count = Math.max(1, Math.round((perMinute[kind] * options.seconds) / 60));
    const firstRestart = whole(random, 0, databaseRestarts.length - 1);
    for (let place = 0; place < count; place++) {
      // One in each part of the run, so that they neither crowd nor leave it alone.
      const atMs = Math.round(between(random, place, place + 1) * ((options.seconds * 1000) / count));
      if (kind === 'kill' || kind === 'stop' || kind === 'disconnect') plan.push({ atMs, kind });
      else if (kind === 'database')
        plan.push({ atMs, kind, how: databaseRestarts[(firstRestart + place) % databaseRestarts.length]! });
      else
        plan.push({ atMs, device: whole(random, 0, options.devices - 1), ...drawn(kind, random, options) });
    }
  }
  return plan.toSorted((a, b) => a.atMs - b.atMs);
}

function drawn(kind: OnDevice['kind'], random: Random, { tempo, seconds }: PlanOptions): OnDevice {
  switch (kind) {
    case 'cut': {
      // One in three is long enough for failover, as far as the run is.
      const longMs = Math.min(tempo.failoverGraceMs * 1.5, seconds * 500);
      const refuseForMs = Math.round(
        random.float() < 1 / 3 ? between(random, longMs / 2, longMs) : between(random, 0, 4_000),
      );
      return { kind, refuseForMs };
    }
    case 'dropAcks':
      return { kind, count: whole(random, 1, 4), withReceipts: random.float() < 0.3 };
    case 'lateAcks':
      return {
        kind,
        count: whole(random, 1, 4),
        delayMs: Math.round(tempo.ackTimeoutMs * between(random, 1.02, 1.6)),
      };
    case 'loseMessages':
      return { kind, count: whole(random, 1, 3) };
    case 'ackErrors':
      return { kind, count: whole(random, 1, 3), code: pick(random, passingCodes) };
    case 'streamError':
      return { kind, end: pick(random, streamEnds) };
  }
}

function whole(random: Random, min: number, max: number): number {
  return min + Math.floor(random.float() * (max - min + 1));
}

function pick<T>(random: Random, values: readonly T[]): T {
  return values[whole(random, 0, values.length - 1)]!;
}

/** A fault as a line of the printed plan. */
export function describeFault({ atMs, kind, ...details }: Fault): string {
  const rest = Object.entries(details).map(([name, value]) => `${name} ${value}`);
  return `${(atMs / 1000).toFixed(1).padStart(7)} s  ${[kind, ...rest].join(', ')}`;
}
