import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { SupervisorOrder } from './supervisor.ts';

const supervisor = fileURLToPath(new URL('supervisor.ts', import.meta.url));
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sambad-supervisor-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A server that says that it is ready and then treats signals as `handlers` say. */
function orderFor(handlers: string, patienceMs: number): SupervisorOrder {
  const script = `${handlers}; setInterval(() => {}, 1000); console.error('database system is ready to accept connections')`;
  return {
    postgres: process.execPath,
    args: ['-e', script],
    env: {},
    ids: undefined,
    log: join(folder, 'log'),
    patienceMs,
  };
}

/** Runs a supervisor, ends its input once the server is ready, as the end of the program does, and returns how the server ended. */
async function endedAfterReady(order: SupervisorOrder): Promise<unknown> {
  const child = spawn(process.execPath, [supervisor, JSON.stringify(order)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const gone = new Promise<number | null>((resolve) => child.once('close', resolve));
  let ended: unknown;
  for await (const line of createInterface({ input: child.stdout })) {
    const event = JSON.parse(line);
    if (event.kind === 'ready') child.stdin.end();
    else ended = event;
  }
  expect(await gone).toBe(0);
  return ended;
}

test('a server that shuts down when it is told is left to it', async () => {
  const order = orderFor("process.on('SIGINT', () => process.exit(7))", 60_000);
  expect(await endedAfterReady(order)).toMatchObject({ kind: 'ended', code: 7 });
});

test('a server that does not shut down is ended at once when patience is over', async () => {
  const handlers =
    "process.on('SIGINT', () => console.error('waiting for ever')); process.on('SIGQUIT', () => process.exit(3))";
  const ended = await endedAfterReady(orderFor(handlers, 100));
  expect(ended).toMatchObject({ kind: 'ended', code: 3 });
  expect((ended as { lastLines: string[] }).lastLines).toContain('waiting for ever');
});
