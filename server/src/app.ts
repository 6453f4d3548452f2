import { EventEmitter } from 'node:events';
import { sql } from 'kysely';
import type { Leases } from './cluster/lease.ts';
import { createSoloLeases } from './cluster/leases/solo.ts';
import { type Config, secretKeySource } from './config/index.ts';
import { createDatabase, type DatabaseService, resolveRootKey } from './database/index.ts';
import { openWorkspace, type Workspace } from './domain/accounts/index.ts';
import { createCampaignReports } from './domain/campaigns/index.ts';
import { createDeviceDirectory, DeviceSessions } from './domain/devices/index.ts';
import { createMetrics, HttpServer, type Metrics } from './http/index.ts';
import { createJobs, type Jobs } from './jobs/index.ts';
import {
  auditLedger,
  defaultTimings,
  Engine,
  type EngineTimings,
  planJob,
  pruneNumberChecks,
  pruneSendCounts,
  type SettledMessage,
} from './outbox/index.ts';
import type { BackoffRule } from './platform/backoff.ts';
import { type Clock, systemClock } from './platform/clock.ts';
import { createEncryption } from './platform/encryption.ts';
import { idSource, type NewId } from './platform/ids.ts';
import { Lifecycle } from './platform/lifecycle.ts';
import { createLogger, type Logger } from './platform/logger.ts';
import { type Random, systemRandom } from './platform/random.ts';
import { createBaileysWhatsApp } from './whatsapp/baileys/index.ts';

/** What a caller may put in the place of the real thing: tests, the demo and the benchmarks do. */
export interface AppOverrides {
  clock?: Clock;
  random?: Random;
  logger?: Logger;
  timings?: Partial<EngineTimings>;
  reconnect?: BackoffRule;
  /** The workspace to work in; by default the only one, made at the first start. */
  workspace?: (database: DatabaseService, newId: NewId) => Promise<Workspace>;
}

/** Doorbells for whoever watches from inside the process; whatever they say is also in rows. */
export interface AppEvents {
  device: [deviceId: string];
  settled: [messages: SettledMessage[]];
  jobFinished: [jobId: string];
  /** Too many messages of a job fail; the most frequent reasons come first. */
  jobPaused: [jobId: string];
  /** The program cannot go on and should stop. */
  failed: [error: Error];
}

/** The running program. */
export interface App {
  readonly config: Config;
  readonly database: DatabaseService;
  readonly workspace: Workspace;
  readonly sessions: DeviceSessions;
  readonly engine: Engine;
  readonly jobs: Jobs;
  readonly newId: NewId;
  readonly events: EventEmitter<AppEvents>;
  readonly url: string;
  /** Lets written messages get their answers, closes everything, and resolves when nothing runs any more. Safe twice. */
  stop(): Promise<void>;
}

/** How many devices may log in at the same time; one login costs about 30 ms of computing. */
const loginsAtOnce = 8;

const defaultReconnect: BackoffRule = { firstMs: 1_000, maxMs: 60_000 };

interface Ground {
  config: Config;
  clock: Clock;
  random: Random;
  logger: Logger;
  newId: NewId;
  timings: EngineTimings;
  reconnect: BackoffRule;
  events: EventEmitter<AppEvents>;
  lifecycle: Lifecycle;
}

/**
 * Builds every part, starts them in order, and returns the running program. This is the only place that chooses
 * implementations. When a part does not start, those before it are stopped and the error travels on.
 */
export async function startApp(config: Config, overrides: AppOverrides = {}): Promise<App> {
  const ground = layGround(config, overrides);
  const { lifecycle, logger, newId, events } = ground;
  const database = createDatabase({
    dataDir: config.dataDir,
    uri: config.database.uri,
    logger,
    onUnexpectedEnd: (error) => events.emit('failed', error),
  });
  try {
    await lifecycle.begin(database);
    const encryption = createEncryption(await resolveRootKey(database.db, secretKeySource(config)));
    const workspace = await (overrides.workspace ?? ((opened, id) => openWorkspace(opened.db, id)))(
      database,
      newId,
    );
    const engine = createEngine(ground, database);
    const devices = createDeviceDirectory({ db: database.db, newId, engine, pacing: config.pacing });
    const campaigns = createCampaignReports(database.db);
    const metrics = createMetrics({ devices, campaigns });
    events.on('settled', (messages) => metrics.countSettled(messages));
    const jobs = createBackgroundJobs(ground, database, engine, metrics);
    const whatsapp = createBaileysWhatsApp({
      ...ground,
      db: database.db,
      encryption,
      deviceName: config.whatsapp.osName,
      server: config.whatsapp.server,
    });
    const sessions = createSessions(ground, database, { whatsapp, engine });
    const checkReady = async (): Promise<void> => void (await sql`select 1`.execute(database.db));
    const context = {
      workspaceId: workspace.id,
      devices,
      sessions,
      campaigns,
      metrics: metrics.registry,
      checkReady,
    };
    const http = new HttpServer({ ...config.http, logger, context });
    for (const part of [jobs, whatsapp, engine, sessions, http]) await lifecycle.begin(part);
    return {
      config,
      database,
      workspace,
      sessions,
      engine,
      jobs,
      newId,
      events,
      url: http.url,
      stop: () => lifecycle.stop(),
    };
  } catch (error) {
    await lifecycle
      .stop()
      .catch((stopError) => logger.warn({ err: stopError }, 'A part did not stop in order.'));
    throw error;
  }
}

function layGround(config: Config, overrides: AppOverrides): Ground {
  const clock = overrides.clock ?? systemClock;
  const random = overrides.random ?? systemRandom;
  return {
    config,
    clock,
    random,
    logger: overrides.logger ?? createLogger({ level: config.log.level }),
    newId: idSource(clock, systemRandom),
    timings: { ...defaultTimings, ...overrides.timings },
    reconnect: overrides.reconnect ?? defaultReconnect,
    events: new EventEmitter<AppEvents>(),
    lifecycle: new Lifecycle(),
  };
}

function createEngine(ground: Ground, database: DatabaseService): Engine {
  const { events, config, logger } = ground;
  return new Engine({
    ...ground,
    db: database.db,
    checkNumbers: config.whatsapp.checkNumbers,
    limits: config.limits,
    onJobPaused: ({ jobId }, reason) => {
      logger.warn({ jobId, reason }, 'A job was paused.');
      events.emit('jobPaused', jobId);
    },
    onSettled: (moved, finishedJobIds) => {
      events.emit('settled', moved);
      for (const jobId of finishedJobIds) events.emit('jobFinished', jobId);
    },
  });
}

function createBackgroundJobs(
  ground: Ground,
  database: DatabaseService,
  engine: Engine,
  metrics: Metrics,
): Jobs {
  const { logger } = ground;
  const jobs = createJobs({ connection: () => database.connection(), logger, alone: true });
  jobs.handle('plan_job', async ({ workspaceId, jobId }) => {
    await planJob(database.db, workspaceId, jobId, () => engine.ring());
  });
  jobs.handle('audit_ledger', async () => {
    const imbalances = await auditLedger(database.db);
    metrics.imbalances.set(imbalances.length);
    for (const imbalance of imbalances)
      logger.error(imbalance, 'The books of a job do not balance: this is a defect, please report it.');
  });
  jobs.handle('prune', async () => {
    await pruneSendCounts(database.db);
    await pruneNumberChecks(database.db);
  });
  return jobs;
}

function createSessions(
  ground: Ground,
  database: DatabaseService,
  parts: { whatsapp: ReturnType<typeof createBaileysWhatsApp>; engine: Engine },
): DeviceSessions {
  const leases: Leases = createSoloLeases({
    db: database.db,
    nodeId: ground.newId(),
    generation: () => database.generation(),
  });
  return new DeviceSessions({
    ...ground,
    ...parts,
    db: database.db,
    leases,
    network: ground.config.whatsapp.server?.rootKey.toString('hex') ?? 'whatsapp',
    stopDrainMs: ground.timings.stopDrainMs,
    loginsAtOnce,
    onMoved: (deviceId) => ground.events.emit('device', deviceId),
  });
}
