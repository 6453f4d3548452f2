/**
 * One contract for everything that runs. `start` resolves when the part is ready for work. `stop` is safe before
 * start and safe twice, and resolves only when the part's work has ended.
 */
export interface Service {
  start(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts parts one after the other and stops them in the opposite order. Every part is stopped even when another's stop
 * fails, or when its own start failed half-way; the first failure is thrown last.
 */
export class Lifecycle {
  readonly #begun: Service[] = [];

  async begin(part: Service): Promise<void> {
    this.#begun.push(part);
    await part.start();
  }

  /** Safe twice. */
  async stop(): Promise<void> {
    const failures: unknown[] = [];
    for (let part = this.#begun.pop(); part; part = this.#begun.pop()) {
      try {
        await part.stop();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
