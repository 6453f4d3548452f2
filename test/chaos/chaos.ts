import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defaultTimings } from '../../server/src/outbox/index.ts';
import { systemClock } from '../../server/src/platform/clock.ts';
import { csvOf, environmentFor, Fleet } from '../support/fleet.ts';
import { steadyTimings } from '../support/quick-timings.ts';
import { type Books, compareBooks } from './books.ts';
import { FaultInjector } from './fault-injector.ts';
import { describeFault, planFaults, type Tempo } from './fault-plan.ts';
import { Overseer } from './overseer.ts';
import { SupervisedProgram } from './supervised-program.ts';

/** A program under test, and the campaign that suits its pace. */
interface Pace {
  command: readonly string[];
  tempo: Tempo;
  /** Of each device, between two messages. */
  delays: { minDelaySeconds: number; maxDelaySeconds: number };
  /** How long the last repetition may wait when the faults are over; what still waits then may all be with one number. */
  patienceMs: number;
}

const pathOf = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

const paces = {
  /** The product, with its own timings: an acknowledgement is awaited for 30 s. */
  product: {
    command: [pathOf('../../server/src/main.ts'), 'start'],
    tempo: defaultTimings,
    delays: { minDelaySeconds: 0.3, maxDelaySeconds: 0.7 },
    patienceMs: 600_000,
  },
  /** The same program with the waits of the scenarios: more happens in a minute. */
  quick: {
    command: [pathOf('../support/quick-program.ts')],
    tempo: steadyTimings,
    delays: { minDelaySeconds: 0.1, maxDelaySeconds: 0.3 },
    patienceMs: 60_000,
  },
} satisfies Record<string, Pace>;

/** The share of the time in which a device can send at all, between the faults. */
const shareOfTime = 0.5;

export interface ChaosOptions {
  seed: string;
  minutes: number;
  devices: number;
  pace: keyof typeof paces;
  /** Whether the folder stays when the run was right; of one that was not, it always does. */
  keep: boolean;
  /** Ends the run early: everything is stopped, and the books show what is missing. */
  signal: AbortSignal;
  /** The plan, told once. */
  plan: (line: string) => void;
  /** What happens, while it happens. */
  progress: (line: string) => void;
}

/** A run in figures, and what is wrong with it. The keys without the complaints are those of the line of JSON. */
export interface ChaosResult {
  seed: string;
  minutes: number;
  kills: number;
  cuts: number;
  dbRestarts: number;
  droppedAcks: number;
  lateAcks: number;
  ackErrors: number;
  messages: number;
  lost: number;
  duplicates: number;
  resends: number;
  failovers: number;
  ok: boolean;
  complaints: string[];
}

/** Runs a campaign on the simulator while a seed's faults happen, lets it finish, and compares the books. */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const folder = await mkdtemp(join(tmpdir(), 'sambad-chaos-'));
  // The account that runs PostgreSQL for root must be able to enter.
  await chmod(folder, 0o711);
  let keep = true;
  try {
    const result = await runIn(folder, options);
    keep = options.keep || !result.ok;
    if (keep) options.progress(`The data folder and program.log are kept in ${folder}.`);
    return result;
  } finally {
    if (!keep) await rm(folder, { recursive: true, force: true });
  }
}

async function runIn(folder: string, options: ChaosOptions): Promise<ChaosResult> {
  const { seed, minutes, devices, plan } = options;
  const { tempo, delays }: Pace = paces[options.pace];
  const seconds = minutes * 60;
  const perSecond = 2 / (delays.minDelaySeconds + delays.maxDelaySeconds);
  const recipients = Math.max(devices, Math.round(devices * seconds * perSecond * shareOfTime));
  const faults = planFaults({ seed, seconds, devices, tempo });
  plan(
    `${recipients} messages over ${devices} numbers, ${faults.length} faults in ${Math.round(seconds)} s:`,
  );
  for (const fault of faults) plan(describeFault(fault));

  const fleet = await Fleet.start({ seed, dataDir: folder });
  try {
    const phones = await fleet.link(devices, delays);
    const jobId = await fleet.launch(csvOf(recipients));
    const workspaceId = fleet.app.workspace.id;
    await fleet.stopApp();
    const { simulator } = fleet;
    const injector = await disturb(folder, { ...options, fleet, phones, faults, recipients });
    const books = await compareBooks({ dataDir: folder, workspaceId, jobId, recipients, simulator });
    return summarise(options, { injector, books, fleet, recipients });
  } finally {
    await fleet.stop();
  }
}

async function disturb(
  folder: string,
  run: ChaosOptions & {
    fleet: Fleet;
    phones: string[];
    faults: ReturnType<typeof planFaults>;
    recipients: number;
  },
): Promise<FaultInjector> {
  const { fleet, phones, faults, progress, recipients } = run;
  const { command, patienceMs, delays }: Pace = paces[run.pace];
  const program = new SupervisedProgram({
    command,
    environment: environmentFor(fleet.simulator, folder),
    log: join(folder, 'program.log'),
  });
  const injector = new FaultInjector({
    simulator: fleet.simulator,
    program,
    dataDir: folder,
    phones,
    progress,
  });
  const overseer = new Overseer({ program, simulator: fleet.simulator, recipients, progress });
  program.start();
  try {
    await overseer.untilUp(60_000);
    const watch = overseer.start();
    await injector.run(faults, run.signal);
    progress('The faults are over; the job goes on.');
    const over = new AbortController();
    const finishWithinMs = patienceMs + recipients * delays.maxDelaySeconds * 1000;
    await Promise.race([
      watch.finished,
      systemClock.wait(finishWithinMs, AbortSignal.any([over.signal, run.signal])),
    ]);
    over.abort();
    // A fault may have been the last thing that happened: an orderly stop is asked of a program that runs.
    if (!run.signal.aborted) await overseer.untilUp(60_000);
  } finally {
    await overseer.stop();
    await injector.end();
  }
  return injector;
}

function summarise(
  { seed, minutes, progress }: ChaosOptions,
  {
    injector,
    books,
    fleet,
    recipients,
  }: { injector: FaultInjector; books: Books; fleet: Fleet; recipients: number },
): ChaosResult {
  const { acksDropped, acksLate, acksWithError, messagesLost, repeatedIds, retryReceipts } =
    fleet.simulator.report();
  const complaints = [...injector.complaints(), ...books.complaints];
  progress(
    `Also: ${injector.done.stop} orderly stops, ${injector.done.streamError} stream errors, ${messagesLost} messages lost on the way, ${repeatedIds} repeated ids that phones dropped, ${retryReceipts} retry receipts.`,
  );
  return {
    seed,
    minutes,
    kills: injector.done.kill,
    cuts: injector.done.cut,
    dbRestarts: injector.done.database,
    droppedAcks: acksDropped,
    lateAcks: acksLate,
    ackErrors: acksWithError,
    messages: recipients,
    lost: books.lost,
    duplicates: books.duplicates,
    resends: books.report.resends,
    failovers: books.report.failovers,
    ok: complaints.length === 0,
    complaints,
  };
}
