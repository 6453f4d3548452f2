/** Cancels a waiting timer; harmless when the timer has already run. */
export type CancelTimer = () => void;

/** Every reading of time and every timer of the simulator goes through here. */
export interface Clock {
  /** Wall-clock time in milliseconds since the epoch, for what goes on the wire or into a record. */
  now(): number;
  /** Time that never jumps, in milliseconds, for deadlines. */
  monotonicMs(): number;
  /** Runs `run` once after `delayMs`. */
  after(delayMs: number, run: () => void): CancelTimer;
  /** Cancels every timer that still waits. */
  cancelAll(): void;
}

/** The machine's own clock. Its timers are remembered so that stopping leaves none behind. */
export function createSystemClock(): Clock {
  const waiting = new Set<NodeJS.Timeout>();
  return {
    now: () => Date.now(),
    monotonicMs: () => performance.now(),
    after(delayMs, run) {
      const timer = setTimeout(() => {
        waiting.delete(timer);
        run();
      }, delayMs);
      waiting.add(timer);
      return () => {
        clearTimeout(timer);
        waiting.delete(timer);
      };
    },
    cancelAll() {
      for (const timer of waiting) clearTimeout(timer);
      waiting.clear();
    },
  };
}

/** The outcome of `promise`, or `fallback` when it takes longer than `waitMs`. */
export async function within<T>(clock: Clock, waitMs: number, promise: Promise<T>, fallback: T): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(waitMs, () => resolve(fallback));
    promise.then(resolve, reject).finally(cancel);
  });
}

/** Seconds since the epoch as the protocol writes them in `t` attributes. */
export function secondsText(clock: Clock): string {
  return String(Math.floor(clock.now() / 1000));
}
