import { startApp } from '../../server/src/app.ts';
import { createConfig } from '../../server/src/config/index.ts';
import { messageOf } from '../../server/src/platform/errors.ts';
import { untilSignal } from '../../server/src/platform/signals.ts';
import { quickReconnect, steadyTimings } from './quick-timings.ts';

/** `start` of server/src/main.ts with the waits of the scenarios instead of the product's, so that a test of faults takes seconds. */
async function run(): Promise<number> {
  const app = await startApp(createConfig(), { timings: steadyTimings, reconnect: quickReconnect });
  const failed = new Promise<Error>((resolve) => app.events.once('failed', resolve));
  process.stdout.write(`Sambad is running at ${app.url}\n`);
  const ended = await Promise.race([untilSignal(), failed]);
  if (ended instanceof Error) process.stderr.write(`${ended.message}\n`);
  await app.stop();
  return ended instanceof Error ? 1 : 0;
}

// As main.ts ends: Baileys leaves timers behind.
process.exit(
  await run().catch((error: unknown) => {
    process.stderr.write(`${messageOf(error)}\n`);
    return 1;
  }),
);
