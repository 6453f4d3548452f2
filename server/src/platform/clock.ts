/**
 * Time as the program sees it. Everything that waits or reads the time takes a Clock, so that a test can stand still.
 * `now` is the wall clock, for people and for rows; `monotonicMs` never jumps and is what deadlines are made of.
 */
export interface Clock {
  now(): Date;
  /** Milliseconds since an arbitrary start; only differences mean something. */
  monotonicMs(): number;
  /** Runs `work` once after `delayMs`. Cancelling twice, or after it ran, does nothing. */
  after(delayMs: number, work: () => void): Timer;
  /** Resolves after `delayMs`, or at once when `signal` aborts; the caller looks at the signal to tell which. */
  wait(delayMs: number, signal?: AbortSignal): Promise<void>;
}

export interface Timer {
  cancel(): void;
}

/** Node turns longer timers into 1 ms ones, so longer waits are cut to this and taken again by whoever asked. */
const longestTimerMs = 2 ** 31 - 1;

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  after(delayMs, work) {
    const handle = setTimeout(work, Math.min(Math.max(delayMs, 0), longestTimerMs));
    return { cancel: () => clearTimeout(handle) };
  },
  wait(delayMs, signal) {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(handle);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const handle = setTimeout(done, Math.min(Math.max(delayMs, 0), longestTimerMs));
      signal?.addEventListener('abort', done, { once: true });
    });
  },
};
