import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../server/src/platform/clock.ts';
import { SambadError, systemCodeOf } from '../server/src/platform/errors.ts';

const readyTimeoutMs = 10_000;

/**
 * Runs `work` beside a Redis of its own that writes its log to disk once a second (AOF, everysec), on a Unix socket in a folder
 * that is removed at the end. Throws `bad_input` with a sentence when the machine has no redis-server.
 */
export async function withRedis<Result>(work: (socketPath: string) => Promise<Result>): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), 'sambad-redis-'));
  const socketPath = join(folder, 'socket');
  let server: ChildProcess | undefined;
  try {
    server = await startServer(folder, socketPath);
    return await work(socketPath);
  } finally {
    await ended(server);
    await rm(folder, { recursive: true, force: true });
  }
}

async function startServer(folder: string, socketPath: string): Promise<ChildProcess> {
  const durability = ['--appendonly', 'yes', '--appendfsync', 'everysec', '--save', ''];
  const args = ['--port', '0', '--unixsocket', socketPath, '--dir', folder, ...durability];
  const server = spawn('redis-server', args, { stdio: 'ignore' });
  // An exception that nobody catches must not leave a server behind.
  process.once('exit', () => server.kill('SIGKILL'));
  const failed = new Promise<never>((_resolve, reject) => {
    server.once('error', (error) => reject(cannotRun(error)));
    server.once('exit', (code) => reject(new Error(`redis-server ended with exit code ${code}.`)));
  });
  // It is also the end of a server that did its work.
  failed.catch(() => undefined);
  await Promise.race([untilItAnswers(socketPath), failed]);
  return server;
}

async function untilItAnswers(socketPath: string): Promise<void> {
  const startedMs = systemClock.monotonicMs();
  while (!(await answers(socketPath))) {
    if (systemClock.monotonicMs() - startedMs > readyTimeoutMs)
      throw new Error(`redis-server was not ready after ${readyTimeoutMs / 1000} s.`);
    await systemClock.wait(20);
  }
}

function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    socket.once('connect', () => socket.write('PING\r\n'));
    socket.once('data', (data) => {
      socket.destroy();
      resolve(data.toString().startsWith('+PONG'));
    });
    socket.once('error', () => resolve(false));
  });
}

async function ended(server: ChildProcess | undefined): Promise<void> {
  if (!server || server.exitCode !== null || server.signalCode !== null) return;
  const exit = new Promise((resolve) => server.once('exit', resolve));
  server.kill('SIGTERM');
  await exit;
}

function cannotRun(error: Error): Error {
  if (systemCodeOf(error) !== 'ENOENT') return error;
  return new SambadError(
    'bad_input',
    'This benchmark compares with BullMQ on Redis and finds no redis-server: install it (npm run setup does so on Debian and Ubuntu as root) and run again.',
  );
}
