import { defaultTimings, Engine, type EngineTimings } from '../server/src/outbox/index.ts';
import { systemClock } from '../server/src/platform/clock.ts';
import { createLogger } from '../server/src/platform/logger.ts';
import { systemRandom } from '../server/src/platform/random.ts';
import type {
  Connection,
  ConnectionEvent,
  NumberCheck,
  OutgoingMessage,
  WriteResult,
} from '../server/src/whatsapp/client.ts';
import type { JobStage } from './job-stage.ts';

/** A network without a wire: what is written is acknowledged at once, in the next turn of the event loop's queue of promises. */
class NullConnection implements Connection {
  readonly #hear: (event: ConnectionEvent) => void;
  readonly #onWrite: () => void;

  constructor(hear: (event: ConnectionEvent) => void, onWrite: () => void) {
    this.#hear = hear;
    this.#onWrite = onWrite;
  }

  send({ waMessageId }: OutgoingMessage): Promise<WriteResult> {
    this.#onWrite();
    queueMicrotask(() => this.#hear({ kind: 'acknowledged', waMessageId }));
    return Promise.resolve({ kind: 'written' });
  }

  async checkNumbers(phones: readonly string[]): Promise<NumberCheck[]> {
    return phones.map((phone) => ({ phone, onWhatsApp: true, jid: `${phone}@s.whatsapp.net` }));
  }

  async logout(): Promise<void> {}

  async close(): Promise<void> {}
}

/** The product's engine with nothing that paces it: the shortest interval is none, and the caps are out of reach. */
const unpaced: EngineTimings = { ...defaultTimings, shortestIntervalMs: 0 };

const noCaps = { perMinute: 1_000_000_000, perHour: 1_000_000_000, perDay: 1_000_000_000 };

/** The engine with every device of the stage connected to a null network. */
export class NullFleet {
  readonly engine: Engine;
  readonly #onWrite: (deviceId: string) => void;
  readonly #finished = new Map<string, PromiseWithResolvers<void>>();

  /** `onWrite` is told of each message as it is written. */
  constructor(db: JobStage['db'], onWrite: (deviceId: string) => void = () => undefined) {
    this.#onWrite = onWrite;
    this.engine = new Engine({
      db,
      clock: systemClock,
      random: systemRandom,
      logger: createLogger({ level: 'warn' }),
      timings: unpaced,
      checkNumbers: true,
      onSettled: (_moved, finishedJobIds) => {
        for (const jobId of finishedJobIds) this.#ending(jobId).resolve();
      },
    });
  }

  async start({ ledger }: JobStage): Promise<void> {
    await this.engine.start();
    for (const deviceId of ledger.deviceIds) {
      const lease = { deviceId, workspaceId: ledger.workspaceId, epoch: 1, isHeld: () => true };
      const connection = new NullConnection(
        (event) => this.engine.hear(lease, event),
        () => this.#onWrite(deviceId),
      );
      await this.engine.attach({
        deviceId,
        workspaceId: ledger.workspaceId,
        lease,
        connection,
        delay: { minMs: 0, maxMs: 0 },
        caps: noCaps,
      });
      this.engine.hear(lease, { kind: 'offline_drained' });
    }
  }

  /** Resolves when the job has ended. */
  finished(jobId: string): Promise<void> {
    return this.#ending(jobId).promise;
  }

  async stop(): Promise<void> {
    await this.engine.stop();
  }

  #ending(jobId: string): PromiseWithResolvers<void> {
    const known = this.#finished.get(jobId) ?? Promise.withResolvers<void>();
    this.#finished.set(jobId, known);
    return known;
  }
}
