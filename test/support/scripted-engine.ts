import { sql } from 'kysely';
import type { Lease } from '../../server/src/cluster/lease.ts';
import type { Db } from '../../server/src/database/index.ts';
import { defaultTimings, Engine, type EngineOptions } from '../../server/src/outbox/index.ts';
import { silentLogger } from '../../server/src/platform/logger.ts';
import { seededRandom } from '../../server/src/platform/random.ts';
import { ManualClock } from './manual-clock.ts';
import { ScriptedConnection } from './scripted-whatsapp.ts';

/** The engine between a real database and connections on which the test plays the network. */
export class ScriptedEngine {
  readonly clock = new ManualClock();
  readonly engine: Engine;
  readonly #db: Db;
  readonly #connections = new Map<string, ScriptedConnection>();

  constructor(db: Db, options: Partial<EngineOptions> = {}) {
    this.#db = db;
    this.engine = new Engine({
      db,
      clock: this.clock,
      random: seededRandom('scripted engine'),
      logger: silentLogger,
      timings: { ...defaultTimings, shortestIntervalMs: 0, settleGatherMs: 0 },
      checkNumbers: false,
      ...options,
    });
  }

  /** A connected device that sends as fast as its caps allow. */
  async attach(
    device: { workspaceId: string; deviceId: string },
    perDay = 1_000,
  ): Promise<ScriptedConnection> {
    const lease: Lease = { ...device, epoch: 1, isHeld: () => true };
    const connection = new ScriptedConnection((event) => {
      if (event.kind !== 'closed') this.engine.hear(lease, event);
    });
    this.#connections.set(device.deviceId, connection);
    const caps = { perMinute: 1_000, perHour: 1_000, perDay };
    await this.engine.attach({ ...device, lease, connection, delay: { minMs: 0, maxMs: 0 }, caps });
    this.engine.hear(lease, { kind: 'offline_drained' });
    return connection;
  }

  /** Lets the engine work, second by second, until the condition holds; bounded, so that a test fails instead of hanging. */
  async until(condition: () => boolean | Promise<boolean>, stepMs = 1_000): Promise<void> {
    for (let looks = 0; looks < 2_000; looks++) {
      if (await condition()) return;
      this.clock.advance(stepMs);
      await sql`select 1`.execute(this.#db).catch(() => undefined);
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    throw new Error('What the test waits for did not come.');
  }

  /** How many messages of a device are in each status. */
  async statuses(deviceId: string): Promise<Record<string, number>> {
    const { rows } = await sql<{ status: string; messages: number }>`
      select status, count(*)::integer as messages from broadcast_messages where device_id = ${deviceId} group by status`.execute(
      this.#db,
    );
    return Object.fromEntries(rows.map((row) => [row.status, row.messages]));
  }

  async stop(): Promise<void> {
    for (const [deviceId, connection] of this.#connections) {
      connection.result = { kind: 'not_written', reason: 'offline' };
      await this.engine.detach(deviceId);
    }
    await this.engine.stop();
  }
}
