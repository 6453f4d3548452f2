/**
 * One contract for everything that runs. `start` resolves when the part is ready for work. `stop` is safe before
 * start and safe twice, and resolves only when the part's work has ended.
 */
export interface Service {
  start(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts parts in order and stops them in the opposite order. When one fails to start, those before it are stopped
 * and its error travels on. Every part is stopped even when another's stop fails; the first failure is thrown last.
 */
export class Lifecycle implements Service {
  readonly #parts: Service[] = [];
  readonly #started: Service[] = [];

  add<T extends Service>(part: T): T {
    this.#parts.push(part);
    return part;
  }

  async start(): Promise<void> {
    for (const part of this.#parts) {
      try {
        this.#started.push(part);
        await part.start();
      } catch (error) {
        await this.stop().catch(() => undefined);
        throw error;
      }
    }
  }

  async stop(): Promise<void> {
    const failures: unknown[] = [];
    for (let part = this.#started.pop(); part; part = this.#started.pop()) {
      try {
        await part.stop();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
