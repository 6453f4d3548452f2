import type { Clock, Timer } from '../../server/src/platform/clock.ts';

interface Alarm {
  atMs: number;
  ring: () => void;
}

/** A clock that moves only when it is told to, so that a test says what happened when. */
export class ManualClock implements Clock {
  #monotonicMs = 0;
  #wallMs: number;
  readonly #alarms = new Set<Alarm>();
  #set = Promise.withResolvers<void>();

  constructor(startsAt = new Date('2026-03-02T04:00:00Z')) {
    this.#wallMs = startsAt.getTime();
  }

  /** Timers that have not run. */
  get pending(): number {
    return this.#alarms.size;
  }

  /** Resolves when the next timer is set. */
  timerSet(): Promise<void> {
    return this.#set.promise;
  }

  now(): Date {
    return new Date(this.#wallMs);
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  after(delayMs: number, work: () => void): Timer {
    const alarm = { atMs: this.#monotonicMs + Math.max(0, delayMs), ring: work };
    this.#alarms.add(alarm);
    this.#set.resolve();
    this.#set = Promise.withResolvers();
    return { cancel: () => void this.#alarms.delete(alarm) };
  }

  wait(delayMs: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.after(delayMs, resolve);
      signal?.addEventListener('abort', () => {
        timer.cancel();
        resolve();
      });
    });
  }

  /** Lets time pass; due timers run in order, those set on the way too. */
  advance(byMs: number): void {
    const untilMs = this.#monotonicMs + byMs;
    for (let next = this.#nextBefore(untilMs); next; next = this.#nextBefore(untilMs)) {
      this.#moveTo(next.atMs);
      this.#alarms.delete(next);
      next.ring();
    }
    this.#moveTo(untilMs);
  }

  /** Lets time pass until the next timer and runs it; false when there is none. */
  advanceToNext(): boolean {
    const next = this.#nextBefore(Number.POSITIVE_INFINITY);
    if (next) this.advance(next.atMs - this.#monotonicMs);
    return next !== undefined;
  }

  /** Somebody sets the machine's clock: the wall clock jumps, and nothing else. */
  setWall(byMs: number): void {
    this.#wallMs += byMs;
  }

  #nextBefore(untilMs: number): Alarm | undefined {
    return [...this.#alarms].filter(({ atMs }) => atMs <= untilMs).toSorted((a, b) => a.atMs - b.atMs)[0];
  }

  #moveTo(atMs: number): void {
    this.#wallMs += atMs - this.#monotonicMs;
    this.#monotonicMs = atMs;
  }
}
