import pg from 'pg';
import { expect, test } from 'vitest';
import { silentLogger } from '../../server/src/platform/logger.ts';
import { cloneTemplate } from '../support/database.ts';
import { csvOf, Fleet } from '../support/fleet.ts';
import { quickReconnect, quickTimings } from '../support/quick-timings.ts';

const graceMs = 20_000;

/** As if the program had been stopped an hour ago. */
async function letAnHourPass(uri: string): Promise<void> {
  const client = new pg.Client({ connectionString: uri });
  await client.connect();
  await client.query("update user_devices set offline_since = offline_since - interval '1 hour'");
  await client.end();
}

test('after a long stop every number sends its own part: the first to come back does not take that of the others', async () => {
  const { uri, drop } = await cloneTemplate();
  const timings = { ...quickTimings, failoverGraceMs: graceMs };
  const overrides = { logger: silentLogger, timings, reconnect: quickReconnect };
  const fleet = await Fleet.start({ seed: 'a long stop', uri, overrides });
  try {
    await fleet.link(3, { minDelaySeconds: 0.02, maxDelaySeconds: 0.04 });
    const jobId = await fleet.launch(csvOf(60));
    await fleet.simulator.waitFor((report) => report.shown >= 12);
    await fleet.stopApp();
    await letAnHourPass(uri);
    await fleet.startApp();
    const report = await fleet.finished(jobId);
    expect(report.failovers).toBe(0);
    expect(await fleet.complaints(jobId)).toEqual([]);
  } finally {
    await fleet.stop();
    await drop();
  }
});
