import { access, constants } from 'node:fs/promises';
import { reportJob } from '../outbox/index.ts';
import { systemClock } from '../platform/clock.ts';
import { messageOf, SambadError } from '../platform/errors.ts';
import { untilSignal } from '../platform/signals.ts';
import {
  awaitReceipts,
  importContacts,
  launchCampaign,
  linkNumbers,
  openStage,
  type Stage,
  watchCampaign,
} from './demo.ts';
import { type DemoOptions, demoHelp, readDemoFlags } from './demo-flags.ts';
import { complaintsAbout, describeOutcome, type Outcome, outcomeOf } from './outcome.ts';
import { Progress } from './progress.ts';

/** `npm run demo`. Returns the exit code: 0 only if the ledger and the network agree. */
export async function runDemo(args: readonly string[]): Promise<number> {
  const options = readDemoFlags(args);
  if (!options) {
    process.stdout.write(demoHelp);
    return 0;
  }
  await checkReadable(options.csv);
  const progress = new Progress({ stream: options.json ? process.stderr : process.stdout });
  const stopped = untilSignal();
  const stage = await openStage(options, progress);
  const failed = new Promise<Error>((resolve) => stage.app.events.once('failed', resolve));
  try {
    const ended = await Promise.race([play(stage, options, progress), stopped, failed]);
    if (ended instanceof Error) throw ended;
    if (typeof ended === 'string') return 130;
    if (!options.exit) {
      progress.tell(
        `\nStill serving: ${stage.app.url}/api/campaigns and ${stage.app.url}/api/devices. Stop with Ctrl-C.`,
      );
      await Promise.race([stopped, failed]);
    }
    return ended.balances ? 0 : 1;
  } finally {
    await stage.close();
  }
}

/** A file that is not there should not cost the time of linking numbers first. */
async function checkReadable(file: string | undefined): Promise<void> {
  if (file === undefined) return;
  try {
    await access(file, constants.R_OK);
  } catch (error) {
    throw new SambadError('bad_input', `${file} cannot be read: ${messageOf(error)}.`, { cause: error });
  }
}

async function play(
  stage: Stage,
  options: DemoOptions,
  progress: Progress,
): Promise<{ outcome: Outcome; balances: boolean }> {
  const { app, simulator } = stage;
  const startedAtMs = systemClock.monotonicMs();
  const numbers = await linkNumbers(stage, options, progress);
  await importContacts(stage, options, progress);
  const jobId = await launchCampaign(stage, options, progress);
  await watchCampaign(stage, jobId, numbers, progress);
  await awaitReceipts(stage, jobId);
  const report = await reportJob(app.database.db, app.workspace.id, jobId);
  if (!report) throw new SambadError('internal', 'The campaign has no report.');
  const outcome = outcomeOf(
    report,
    await simulator.report(),
    (systemClock.monotonicMs() - startedAtMs) / 1000,
  );
  progress.tell(describeOutcome(outcome, report));
  if (options.json) process.stdout.write(`${JSON.stringify(outcome)}\n`);
  return { outcome, balances: complaintsAbout(outcome, report).length === 0 };
}
