import { createReadStream } from 'node:fs';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { type App, startApp } from '../app.ts';
import { type Config, createConfig, readEnvironment } from '../config/index.ts';
import { startCampaign } from '../domain/campaigns/index.ts';
import { createDevice, type Device, listDevices } from '../domain/devices/index.ts';
import { importLeads } from '../domain/leads/index.ts';
import { storeImage } from '../domain/media/index.ts';
import { reportJob } from '../outbox/index.ts';
import { systemClock } from '../platform/clock.ts';
import { messageOf, SambadError } from '../platform/errors.ts';
import { createLogger } from '../platform/logger.ts';
import { seededRandom } from '../platform/random.ts';
import type { DemoOptions } from './demo-flags.ts';
import { demoKey, openDemoWorkspace, removeDemoWorkspaces } from './demo-workspace.ts';
import { leadRows } from './lead-rows.ts';
import type { Progress } from './progress.ts';
import { SimulatorChild } from './simulator-child.ts';

const examples = new URL('../../../examples/', import.meta.url);
const exampleLeads = 500;

const raisedCaps = { capPerMinute: 10_000, capPerHour: 100_000, capPerDay: 1_000_000, warmUp: false };

/** Impatient times, so that an outage of seconds shows everything that an outage of hours would. */
const timings = { ackTimeoutMs: 3_000, failoverGraceMs: 1_000, retry: { firstMs: 500, maxMs: 2_000 } };
const outageMs = 8_000;

const caption = `Hi {{ name | default: "friend" }}! The weekend market opens on Saturday at nine{% if attributes.city %} in {{ attributes.city }}{% endif %}. Reply STOP and we will not write again.`;

/** The parts of a running demo. */
export interface Stage {
  app: App;
  simulator: SimulatorChild;
  /** Stops both and removes what they kept. */
  close(): Promise<void>;
}

/** Starts the network and Sambad on it, on a throw-away data folder or on the database that DB_URI names. */
export async function openStage(options: DemoOptions, progress: Progress): Promise<Stage> {
  const simulator = new SimulatorChild(options.seed);
  const folder = await mkdtemp(join(tmpdir(), 'sambad-demo-'));
  // As root the database runs under another account, which must be able to pass through; it cannot list what is inside.
  await chmod(folder, 0o711);
  let app: App | undefined;
  const close = async (): Promise<void> => {
    if (app?.config.database.uri !== undefined) {
      await removeDemoWorkspaces(app.database).catch((error) =>
        progress.tell(`What the demo stored could not be removed: ${messageOf(error)}`),
      );
    }
    await app?.stop();
    await simulator.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await simulator.start();
    progress.tell(
      `A WhatsApp network of its own runs at ${simulator.server.url}; nothing leaves this machine.`,
    );
    app = await startApp(demoConfig(folder, simulator), {
      logger: createLogger({ level: 'error' }),
      random: seededRandom(options.seed),
      timings,
      reconnect: { firstMs: 500, maxMs: 2_000 },
      workspace: openDemoWorkspace,
    });
    progress.tell(`Sambad runs at ${app.url} on ${app.database.describe()}.`);
    return { app, simulator, close };
  } catch (error) {
    await close();
    throw error instanceof SambadError && error.code === 'key_wrong'
      ? new SambadError(
          'conflict',
          'This database holds numbers that are linked for real: give the demo a database of its own.',
        )
      : error;
  }
}

function demoConfig(folder: string, simulator: SimulatorChild): Config {
  const environment = { ...readEnvironment(), SAMBAD_SECRET_KEY: demoKey.toString('hex') };
  const config = createConfig({ APP_PORT: '0', ...environment });
  return {
    ...config,
    dataDir: folder,
    secretKey: demoKey,
    whatsapp: { ...config.whatsapp, server: simulator.server, checkNumbers: true },
  };
}

/** Links numbers by scanning their codes with simulated phones, all at once. */
export async function linkNumbers(
  { app, simulator }: Stage,
  options: DemoOptions,
  progress: Progress,
): Promise<Device[]> {
  const { database, workspace, newId, sessions } = app;
  const delays = { minDelaySeconds: options.delayMs.min / 1000, maxDelaySeconds: options.delayMs.max / 1000 };
  for (let place = 1; place <= options.devices; place++) {
    const device = await createDevice(database.db, newId, workspace.id, { ...delays, ...raisedCaps });
    const { code } = await sessions.pairingCode(workspace.id, device.id);
    const phone = await simulator.scanQr(code);
    progress.tell(`Linked ${device.name} to ${phone}.`);
  }
  return await untilAllConnected(app);
}

async function untilAllConnected({ database, workspace, events }: App): Promise<Device[]> {
  for (;;) {
    const moved = new Promise<void>((resolve) => events.once('device', () => resolve()));
    const devices = await listDevices(database.db, workspace.id);
    if (devices.every((device) => device.state === 'connected')) return devices;
    await moved;
  }
}

/** Imports the example leads, or the file that was named, and tells what was in it. */
export async function importContacts(
  { app }: Stage,
  options: DemoOptions,
  progress: Progress,
): Promise<void> {
  const name = options.csv ?? 'examples/leads.csv';
  const result = await importLeads(app.database.db, app.workspace, await openLeads(options)).catch(
    (error: unknown) => {
      if (error instanceof SambadError || !(error instanceof Error)) throw error;
      throw new SambadError('bad_input', `${name} cannot be read: ${messageOf(error)}.`, { cause: error });
    },
  );
  progress.tell(
    `Imported ${result.added} leads from ${name}: ${result.rows} rows, ${result.duplicates} duplicates, ${result.invalid} that are no leads.`,
  );
  for (const { line, error } of result.invalidRows.slice(0, 10)) progress.tell(`  line ${line}: ${error}`);
  if (result.added === 0) throw new SambadError('bad_input', `${name} has no lead to write to.`);
}

async function openLeads(options: DemoOptions): Promise<Readable> {
  if (options.csv !== undefined) return createReadStream(options.csv);
  if (options.leads === exampleLeads) return createReadStream(fileURLToPath(new URL('leads.csv', examples)));
  return Readable.from([leadRows(options.leads)]);
}

/** Starts the campaign, in rotation over all numbers, with an image and a caption for each lead. Returns its job. */
export async function launchCampaign(
  { app }: Stage,
  options: DemoOptions,
  progress: Progress,
): Promise<string> {
  const { database, workspace, newId, jobs } = app;
  const image = await readFile(fileURLToPath(new URL('weekend-market.jpg', examples)));
  const mediaId = await storeImage(database.db, newId, workspace.id, image);
  const { jobId } = await startCampaign({ db: database.db, newId, jobs }, workspace.id, {
    title: 'Weekend market',
    message: caption,
    mediaId,
    audience: { niche: null, targetStatus: 'all' },
    minDelaySeconds: options.delayMs.min / 1000,
    maxDelaySeconds: options.delayMs.max / 1000,
  });
  progress.tell(
    `Campaign started: an image and a caption for each lead, in rotation over ${options.devices} numbers. For the demo the pauses are ${options.delayMs.min}-${options.delayMs.max} ms, the caps are raised and there is no warm-up; real numbers need seconds, caps and a warm-up.`,
  );
  return jobId;
}

/** Watches the campaign to its end, and cuts the second number's connection when a third is done. */
export async function watchCampaign(
  stage: Stage,
  jobId: string,
  numbers: readonly Device[],
  progress: Progress,
): Promise<void> {
  const { app, simulator } = stage;
  const victim = numbers[1] ?? numbers[0];
  let cutDone = false;
  for (let running = true; running; ) {
    const report = await reportJob(app.database.db, app.workspace.id, jobId);
    if (!report) throw new SambadError('internal', 'The campaign has no report.');
    const devices = await listDevices(app.database.db, app.workspace.id);
    progress.draw(
      report,
      devices.map((device) => ({ device, status: app.engine.statusOf(device.id) })),
    );
    const open = report.messages.queued + report.messages.unconfirmed;
    if (!cutDone && report.planned > 0 && report.planned - open >= report.planned / 3 && victim?.phone) {
      cutDone = true;
      progress.tell(`Cutting the connection of ${victim.name} for ${outageMs / 1000} s.`);
      await simulator.cut(victim.phone, outageMs);
    }
    running = report.state !== 'finished';
    if (running) await systemClock.wait(200);
  }
}

/** Waits, for some seconds at most, until the ledger knows of every delivery. */
export async function awaitReceipts({ app }: Stage, jobId: string): Promise<void> {
  for (let looks = 0; looks < 50; looks++) {
    const report = await reportJob(app.database.db, app.workspace.id, jobId);
    if (report?.messages.sent === 0) break;
    await systemClock.wait(200);
  }
  // Whoever reads a message does so within the next half second.
  await systemClock.wait(600);
}
