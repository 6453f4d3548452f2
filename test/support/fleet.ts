import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { type App, type AppOverrides, startApp } from '../../server/src/app.ts';
import { createConfig } from '../../server/src/config/index.ts';
import { startCampaign } from '../../server/src/domain/campaigns/index.ts';
import { createDevice, listDevices } from '../../server/src/domain/devices/index.ts';
import { importLeads } from '../../server/src/domain/leads/index.ts';
import { auditLedger, type EngineTimings, type JobReport, reportJob } from '../../server/src/outbox/index.ts';
import { silentLogger } from '../../server/src/platform/logger.ts';
import { seededRandom } from '../../server/src/platform/random.ts';
import { type Simulator, startSimulator } from '../../simulator/src/index.ts';

/** Nothing waits longer than it must: a scenario takes seconds, and no result depends on how many. */
const quickTimings: Partial<EngineTimings> = {
  ackTimeoutMs: 1_000,
  failoverGraceMs: 300,
  failoverEveryMs: 100,
  returnSteadyMs: 200,
  spreadEveryMs: 500,
  lookEveryMs: 200,
  retry: { firstMs: 50, maxMs: 200 },
  shortestIntervalMs: 5,
};

const wideCaps = { capPerMinute: 100_000, capPerHour: 1_000_000, capPerDay: 10_000_000 };

/** The settings of a program on a simulator, as environment variables. */
export function environmentFor(simulator: Simulator, dataDir: string, uri?: string): Record<string, string> {
  return {
    APP_PORT: '0',
    DATA_DIR: dataDir,
    WHATSAPP_SERVER_URL: simulator.url,
    WHATSAPP_SERVER_ROOT_KEY: simulator.rootPublicKey,
    ...(uri === undefined ? {} : { DB_URI: uri, SAMBAD_SECRET_KEY: '5a'.repeat(32) }),
  };
}

/** A simulator and Sambad on it, in this process, for scenarios. */
export class Fleet {
  readonly simulator: Simulator;
  readonly #environment: Record<string, string>;
  readonly #overrides: AppOverrides;
  #app: App | undefined;

  private constructor(simulator: Simulator, environment: Record<string, string>, overrides: AppOverrides) {
    this.simulator = simulator;
    this.#environment = environment;
    this.#overrides = overrides;
  }

  /** Starts both. With a `uri` the program works on that database, else on an embedded one in `dataDir`. */
  static async start(options: {
    seed: string;
    dataDir?: string;
    uri?: string;
    overrides?: AppOverrides;
  }): Promise<Fleet> {
    const simulator = await startSimulator({
      seed: options.seed,
      behaviour: { receiptDelayMs: [0, 5], readDelayMs: [0, 5] },
    });
    const environment = environmentFor(
      simulator,
      options.dataDir ?? join(tmpdir(), 'sambad-unused'),
      options.uri,
    );
    const overrides: AppOverrides = {
      logger: silentLogger,
      random: seededRandom(options.seed),
      timings: quickTimings,
      reconnect: { firstMs: 50, maxMs: 200 },
      ...options.overrides,
    };
    const fleet = new Fleet(simulator, environment, overrides);
    await fleet.startApp();
    return fleet;
  }

  get app(): App {
    if (!this.#app) throw new Error('The program is stopped.');
    return this.#app;
  }

  /** Starts the program, as it was started first or with some settings changed. */
  async startApp(changed: Record<string, string> = {}): Promise<void> {
    this.#app = await startApp(createConfig({ ...this.#environment, ...changed }), this.#overrides);
  }

  async stopApp(): Promise<void> {
    const app = this.#app;
    this.#app = undefined;
    await app?.stop();
  }

  async stop(): Promise<void> {
    await this.stopApp();
    await this.simulator.stop();
  }

  /** Links new numbers and waits until all of them are connected. Returns their phones in rotation order. */
  async link(devices: number, delays = { minDelaySeconds: 0, maxDelaySeconds: 0 }): Promise<string[]> {
    const { database, newId, workspace, sessions } = this.app;
    const phones: string[] = [];
    for (let place = 0; place < devices; place++) {
      const device = await createDevice(database.db, newId, workspace.id, { ...delays, ...wideCaps });
      const { code } = await sessions.pairingCode(workspace.id, device.id);
      phones.push((await this.simulator.scanQr(code)).phone);
    }
    await this.untilDevices((states) => states.every((state) => state === 'connected'));
    return phones;
  }

  /** Resolves when the devices' states satisfy the condition; looks after each move of a device. */
  async untilDevices(condition: (states: string[]) => boolean): Promise<void> {
    const { database, workspace, events } = this.app;
    for (;;) {
      const moved = new Promise<void>((resolve) => events.once('device', () => resolve()));
      const devices = await listDevices(database.db, workspace.id);
      if (condition(devices.map((device) => device.state))) return;
      await moved;
    }
  }

  /** Imports a CSV and starts a text campaign for everybody. Returns its job. */
  async launch(csv: string, message = 'Hi {{ name }}'): Promise<string> {
    const { database, newId, workspace, jobs } = this.app;
    await importLeads(database.db, workspace, Readable.from([csv]));
    const campaign = {
      title: 'Scenario',
      message,
      audience: { niche: null, targetStatus: 'all' as const },
      minDelaySeconds: 0,
      maxDelaySeconds: 0,
    };
    const { jobId } = await startCampaign({ db: database.db, newId, jobs }, workspace.id, campaign);
    return jobId;
  }

  /** Resolves with the report when the job has finished. */
  async finished(jobId: string): Promise<JobReport> {
    const { events } = this.app;
    const ended = new Promise<void>((resolve) => {
      const look = (id: string): void => {
        if (id !== jobId) return;
        events.off('jobFinished', look);
        resolve();
      };
      events.on('jobFinished', look);
    });
    if ((await this.report(jobId)).state !== 'finished') await ended;
    return await this.report(jobId);
  }

  async report(jobId: string): Promise<JobReport> {
    const report = await reportJob(this.app.database.db, this.app.workspace.id, jobId);
    if (!report) throw new Error('There is no such job.');
    return report;
  }

  /** Every sentence in which the ledger's and the network's books differ; an empty list when every recipient saw exactly one message. */
  async complaints(jobId: string): Promise<string[]> {
    const { planned, messages } = await this.report(jobId);
    const { recipientsReached, duplicatesAtRecipients, shown } = this.simulator.report();
    const sent = messages.sent + messages.delivered + messages.read;
    const sum = Object.values(messages).reduce((total, count) => total + count, 0);
    const imbalances = await auditLedger(this.app.database.db);
    return [
      planned === sum ? '' : `planned ${planned}, sum of all states ${sum}`,
      sent === recipientsReached ? '' : `sent ${sent}, reached ${recipientsReached}`,
      shown === recipientsReached ? '' : `${shown} messages shown to ${recipientsReached} recipients`,
      duplicatesAtRecipients === 0 ? '' : `${duplicatesAtRecipients} seen twice`,
      ...imbalances.map((imbalance) => JSON.stringify(imbalance)),
    ].filter((complaint) => complaint !== '');
  }
}

/** Runs a scenario with a folder of its own, which the database's account can reach, and removes it afterwards. */
export async function withFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'sambad-test-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** `count` leads with numbers that are on WhatsApp, as CSV. */
export function csvOf(count: number): string {
  const rows = Array.from(
    { length: count },
    (_, place) => `Lead ${place},6012${(2_000_001 + place).toString()}`,
  );
  return ['name,phone', ...rows].join('\n');
}
