/**
 * Bounds how many pieces of work run at once. When there are more, the keys (workspaces) take turns, so that one with a
 * thousand waiting devices holds up another's one device by a single turn. Each device waits with one piece at most.
 */
export class FairPool {
  #free: number;
  /** A key that has had its turn goes to the end. */
  readonly #waiting = new Map<string, (() => void)[]>();

  constructor(places: number) {
    this.#free = places;
  }

  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await this.#turn(key);
    try {
      return await work();
    } finally {
      this.#passOn();
    }
  }

  #turn(key: string): Promise<void> {
    return new Promise((resolve) => {
      const queue = this.#waiting.get(key);
      if (queue) queue.push(resolve);
      else this.#waiting.set(key, [resolve]);
    });
  }

  #passOn(): void {
    const [first] = this.#waiting;
    if (!first) {
      this.#free += 1;
      return;
    }
    const [key, queue] = first;
    const next = queue.shift();
    this.#waiting.delete(key);
    if (queue.length > 0) this.#waiting.set(key, queue);
    next?.();
  }
}
