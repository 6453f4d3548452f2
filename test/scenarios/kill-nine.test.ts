import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { between, seededRandom } from '../../server/src/platform/random.ts';
import type { Simulator } from '../../simulator/src/index.ts';
import { csvOf, environmentFor, Fleet, withFolder } from '../support/fleet.ts';

const program = fileURLToPath(new URL('../../server/src/main.ts', import.meta.url));
const seed = process.env.KILL_SEED ?? 'five kills';
const recipients = 300;
const kills = 5;

/** Runs the real program until the network has seen so many more messages, then kills it as a power cut would. */
async function runAndKill(simulator: Simulator, dataDir: string, moreMessages: number): Promise<void> {
  const target = simulator.report().arrivals + moreMessages;
  const environment = { PATH: process.env.PATH, ...environmentFor(simulator, dataDir) };
  const child = spawn(process.execPath, [program, 'start'], {
    env: environment,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exited = once(child, 'exit');
  let said = '';
  child.stderr.on('data', (chunk) => {
    said += chunk;
  });
  const died = exited.then(() => Promise.reject(new Error(`The program ended by itself: ${said}`)));
  died.catch(() => undefined);
  await Promise.race([simulator.waitFor((report) => report.arrivals >= target), died]);
  child.kill('SIGKILL');
  await exited;
}

test(`killed ${kills} times in a campaign of ${recipients}, every recipient sees exactly one message and the ledger balances (seed "${seed}")`, {
  timeout: 180_000,
}, async () => {
  await withFolder(async (folder) => {
    await chmod(folder, 0o711);
    const random = seededRandom(seed);
    const fleet = await Fleet.start({ seed, dataDir: folder });
    try {
      await fleet.link(5);
      const jobId = await fleet.launch(csvOf(recipients));
      await fleet.stopApp();
      for (let kill = 0; kill < kills; kill++) {
        await runAndKill(fleet.simulator, folder, Math.round(between(random, 10, 50)));
      }
      await fleet.startApp();
      const report = await fleet.finished(jobId);
      expect(await fleet.complaints(jobId)).toEqual([]);
      expect(report.messages.failed).toBe(0);
      expect(fleet.simulator.report().recipientsReached).toBe(recipients);
    } finally {
      await fleet.stop();
    }
  });
});
