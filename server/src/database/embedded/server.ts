import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type pg from 'pg';
import type { Clock } from '../../platform/clock.ts';
import { SambadError } from '../../platform/errors.ts';
import type { Logger } from '../../platform/logger.ts';
import { serverAccount, serverEnvironment } from './account.ts';
import { type Binaries, findBinaries } from './binaries.ts';
import { embeddedName, prepareCluster } from './cluster.ts';
import { folderErrorFromOutput } from './folder-errors.ts';
import { type Layout, layOut, rememberLocation } from './layout.ts';
import { endServerOfDeadProgram } from './running-server.ts';
import type { SupervisorEvent, SupervisorOrder } from './supervisor.ts';

export interface EmbeddedOptions {
  dataDir: string;
  clock: Clock;
  logger: Logger;
  /** Called once when the server ends although nobody stopped it. */
  onUnexpectedEnd: (error: SambadError) => void;
  /** More settings of PostgreSQL, over ours. */
  settings?: Record<string, string>;
}

/** A PostgreSQL server that runs in the data folder, and only while this program does. */
export interface EmbeddedServer {
  readonly layout: Layout;
  /** How to connect: a Unix socket in a folder that only its account may enter. */
  readonly connection: pg.ClientConfig;
  /** Shuts the server down and resolves when it is gone. Safe twice. */
  stop(): Promise<void>;
}

const readyTimeoutMs = 120_000;

/** Memory for a small machine; durability as PostgreSQL has it, said out loud; nothing listens on the network. */
const defaultSettings: Record<string, string> = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  max_connections: '100',
  shared_buffers: '256MB',
  fsync: 'on',
  full_page_writes: 'on',
  synchronous_commit: 'on',
  wal_compression: 'on',
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_wal_size: '2GB',
  // A dead program's query must not hold its locks until it finishes.
  client_connection_check_interval: '2s',
  timezone: 'UTC',
  log_timezone: 'UTC',
  lc_messages: 'C',
  log_min_messages: 'warning',
  log_checkpoints: 'off',
  log_line_prefix: '%m [%p] ',
};

/** Prepares the data folder, ends the server of a dead program, starts our own and resolves when it takes connections. */
export async function startEmbeddedServer(options: EmbeddedOptions): Promise<EmbeddedServer> {
  const account = serverAccount();
  const layout = layOut(options.dataDir, account);
  const binaries = findBinaries(layout.account);
  await prepareCluster(layout, binaries);
  rememberLocation(options.dataDir, layout);
  if (layout.elsewhere) {
    options.logger.info(
      `The account ${layout.account.name} cannot enter ${options.dataDir}, so its database is kept in ${layout.home}.`,
    );
  }
  await endServerOfDeadProgram(layout, options.clock);
  const child = spawnSupervisor(layout, binaries, { ...defaultSettings, ...options.settings });
  return new SupervisedServer(child, layout, options).ready();
}

function spawnSupervisor(layout: Layout, binaries: Binaries, settings: Record<string, string>): ChildProcess {
  const all = { ...settings, unix_socket_directories: layout.socketFolder };
  const order: SupervisorOrder = {
    postgres: binaries.postgres,
    args: [
      '-D',
      layout.cluster,
      ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    env: serverEnvironment,
    ids: layout.account.ids,
    log: layout.log,
  };
  const script = fileURLToPath(new URL('supervisor.ts', import.meta.url));
  // A session of its own: Ctrl-C in the terminal reaches the program, which still needs its database to end well.
  return spawn(process.execPath, [script, JSON.stringify(order)], {
    detached: true,
    cwd: '/',
    stdio: ['pipe', 'pipe', 'inherit'],
  });
}

class SupervisedServer implements EmbeddedServer {
  readonly layout: Layout;
  readonly connection: pg.ClientConfig;
  readonly #child: ChildProcess;
  readonly #options: EmbeddedOptions;
  readonly #ended = Promise.withResolvers<Extract<SupervisorEvent, { kind: 'ended' }>>();
  readonly #ready = Promise.withResolvers<void>();
  #isReady = false;
  #stopping = false;

  constructor(child: ChildProcess, layout: Layout, options: EmbeddedOptions) {
    this.#child = child;
    this.layout = layout;
    this.#options = options;
    this.connection = { host: layout.socketFolder, user: embeddedName, database: embeddedName };
    child.stdin!.on('error', () => undefined);
    createInterface({ input: child.stdout! }).on('line', (line) => this.#heard(JSON.parse(line)));
    child.once('error', (error) => this.#endedWith([error.message], null));
    child.once('close', (code) => this.#endedWith(['the supervisor ended'], code));
  }

  async ready(): Promise<EmbeddedServer> {
    const timer = this.#options.clock.after(readyTimeoutMs, () => this.#ready.reject(this.#tooSlow()));
    try {
      await this.#ready.promise;
    } catch (error) {
      await this.stop();
      throw error;
    } finally {
      timer.cancel();
    }
    this.#isReady = true;
    // The pipe to the supervisor alone must not keep a program alive that has nothing else to do.
    this.#child.unref();
    (this.#child.stdout as unknown as { unref(): void }).unref();
    (this.#child.stdin as unknown as { unref(): void }).unref();
    return this;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#child.ref();
    this.#child.stdin!.end();
    await this.#ended.promise;
  }

  #heard(event: SupervisorEvent): void {
    if (event.kind === 'ready') this.#ready.resolve();
    else this.#endedWith(event.lastLines, event.code);
  }

  #endedWith(lastLines: string[], code: number | null): void {
    this.#ended.resolve({ kind: 'ended', code, lastLines });
    if (this.#stopping) return;
    this.#stopping = true;
    const reason = reasonIn(lastLines);
    const error = folderErrorFromOutput(
      this.layout.home,
      lastLines.join('\n'),
      `The PostgreSQL in ${this.layout.home} ended: ${reason}. Its log is ${this.layout.log}.`,
    );
    if (this.#isReady) this.#options.onUnexpectedEnd(error);
    else this.#ready.reject(error);
  }

  #tooSlow(): SambadError {
    return new SambadError(
      'data_folder_unusable',
      `The PostgreSQL in ${this.layout.home} was not ready after ${readyTimeoutMs / 1000} s: see its log, ${this.layout.log}.`,
    );
  }
}

/** The line that says why: the first fatal one, else the last. */
function reasonIn(lines: string[]): string {
  const line = lines.find((each) => each.includes('FATAL:')) ?? lines.at(-1) ?? 'it gave no reason';
  return line.replace(/^.*?(FATAL|PANIC):\s*/, '');
}
