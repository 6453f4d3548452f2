import type pg from 'pg';
import { fromKysely, type JobWithMetadata, PgBoss } from 'pg-boss';
import type { Transactor } from '../database/index.ts';
import { SambadError } from '../platform/errors.ts';
import type { Service } from '../platform/lifecycle.ts';
import type { Logger } from '../platform/logger.ts';
import { type JobName, type JobPayloads, jobKinds } from './job-types.ts';
import { schedule } from './schedule.ts';

/** Does one job. Throwing has it repeated later; the signal aborts when the program stops waiting for it. */
export type JobHandler<Name extends JobName> = (
  payload: JobPayloads[Name],
  signal: AbortSignal,
) => Promise<void>;

export interface EnqueueOptions {
  /** Jobs of a kind that runs once are told apart by it. */
  key?: string;
  notBefore?: Date;
}

/** Background work that survives a restart, because a row says that it is to be done. */
export interface Jobs extends Service {
  /** Says who does the jobs of this name. To be called before `start`, once for each name. */
  handle<Name extends JobName>(name: Name, handler: JobHandler<Name>): void;
  /** Queues a job that exists if, and only if, the transaction commits. */
  enqueue<Name extends JobName>(
    tx: Transactor,
    name: Name,
    payload: JobPayloads[Name],
    options?: EnqueueOptions,
  ): Promise<void>;
}

export interface JobsOptions {
  /** Settings for connections to the program's database; asked when starting. */
  connection(): pg.ClientConfig;
  logger: Logger;
  /**
   * Whether no other program works on this database: then a job that is found running at the start was cut off by a
   * crash and begins anew at once, instead of after its heartbeat has been missed.
   */
  alone: boolean;
}

/** The jobs of the program, on pg-boss in the same database. */
export function createJobs(options: JobsOptions): Jobs {
  return new BossJobs(options);
}

const schema = 'pgboss';
const connectionsMax = 3;
const heartbeatSeconds = 10;
const retryPause = { retryDelay: 1, retryBackoff: true, retryDelayMax: 60 };
const keepFinishedSeconds = 86_400;
/** A new job is notified of; a repetition, which falls due by itself, is found by looking. */
const lookEverySeconds = 2;
const workOptions = {
  includeMetadata: true,
  batchSize: 1,
  pollingIntervalSeconds: lookEverySeconds,
  notifyPollingIntervalSeconds: lookEverySeconds,
} as const;
const stopTimeoutMs = 15_000;

class BossJobs implements Jobs {
  readonly #options: JobsOptions;
  readonly #handlers = new Map<JobName, (payload: never, signal: AbortSignal) => Promise<void>>();
  #boss: PgBoss | undefined;

  constructor(options: JobsOptions) {
    this.#options = options;
  }

  handle<Name extends JobName>(name: Name, handler: JobHandler<Name>): void {
    if (this.#boss || this.#handlers.has(name)) {
      throw new SambadError('internal', `The job ${name} has a handler, or the jobs have started.`);
    }
    this.#handlers.set(name, handler);
  }

  async enqueue<Name extends JobName>(
    tx: Transactor,
    name: Name,
    payload: JobPayloads[Name],
    options: EnqueueOptions = {},
  ): Promise<void> {
    if (!this.#boss) throw new SambadError('internal', 'The jobs are not started.');
    await this.#boss.send(name, payload, {
      db: fromKysely(tx.db),
      ...(options.key === undefined ? {} : { singletonKey: options.key }),
      ...(options.notBefore ? { startAfter: options.notBefore } : {}),
    });
  }

  async start(): Promise<void> {
    const boss = this.#createBoss();
    this.#boss = boss;
    await boss.start();
    for (const name of Object.keys(jobKinds) as JobName[]) await this.#createQueue(boss, name);
    if (this.#options.alone) await this.#restartCutOff(boss);
    await this.#writeSchedule(boss);
    for (const name of this.#handlers.keys()) {
      await boss.work<object, void, typeof workOptions>(name, workOptions, async ([job]) =>
        this.#run(name, job!),
      );
    }
  }

  async stop(): Promise<void> {
    const boss = this.#boss;
    this.#boss = undefined;
    await boss?.stop({ graceful: true, timeout: stopTimeoutMs });
  }

  #createBoss(): PgBoss {
    const { logger } = this.#options;
    // pg-boss reads what it stores with the parsers that it was made with, not with ours.
    const { types: _ours, ...connection } = this.#options.connection();
    const boss = new PgBoss({
      ...(connection as Record<string, unknown>),
      schema,
      max: connectionsMax,
      application_name: 'sambad jobs',
      useListenNotify: true,
      // Together with the heartbeat: how soon a job of a dead program is noticed by another that lives.
      superviseIntervalSeconds: heartbeatSeconds,
      monitorIntervalSeconds: heartbeatSeconds,
    });
    boss.on('error', (error) => logger.warn({ err: error }, 'The job queue met an error and goes on.'));
    boss.on('warning', (warning) => logger.warn({ warning }, 'The job queue has a warning.'));
    return boss;
  }

  async #createQueue(boss: PgBoss, name: JobName): Promise<void> {
    const { once, retriesMax } = jobKinds[name];
    const options = {
      retryLimit: retriesMax,
      ...retryPause,
      heartbeatSeconds,
      deleteAfterSeconds: keepFinishedSeconds,
      notify: true,
    };
    await boss.createQueue(name, { policy: once ? 'exclusive' : 'standard', ...options });
    // A queue that an earlier version created takes today's options.
    await boss.updateQueue(name, options);
  }

  /** Only reads pg-boss's table; the change goes through its own call, which counts the retry. */
  async #restartCutOff(boss: PgBoss): Promise<void> {
    const { rows } = await boss
      .getDb()
      .executeSql(`select name, id from ${schema}.job where state = 'active'`);
    const cutOff = rows as { name: string; id: string }[];
    for (const { name, id } of cutOff)
      await boss.fail(name, id, { message: 'The program ended while it ran.' });
    if (cutOff.length > 0)
      this.#options.logger.info({ jobs: cutOff.length }, 'Jobs that a crash cut off begin anew.');
  }

  async #writeSchedule(boss: PgBoss): Promise<void> {
    const listed = new Set<string>(schedule.map((entry) => entry.name));
    for (const { name } of await boss.getSchedules()) {
      if (!listed.has(name)) await boss.unschedule(name);
    }
    for (const { name, cron } of schedule) await boss.schedule(name, cron, {}, { tz: 'UTC' });
  }

  async #run(name: JobName, job: JobWithMetadata<object>): Promise<void> {
    const handler = this.#handlers.get(name)!;
    try {
      await handler(job.data as never, job.signal);
    } catch (error) {
      const isLast = job.retryCount >= job.retryLimit;
      const line = { err: error, job: name, id: job.id, retry: job.retryCount };
      if (isLast) this.#options.logger.error(line, 'A job failed for good.');
      else this.#options.logger.warn(line, 'A job failed and will be repeated.');
      throw error;
    }
  }
}
