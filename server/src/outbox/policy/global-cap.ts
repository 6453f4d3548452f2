import {
  type CountedPeriod,
  countOne,
  isPresent,
  periodLengthMs,
  periodStartMs,
  type Wait,
} from '../pacing.ts';

/** The most that all devices together send in a minute. */
export class GlobalCap {
  readonly #perMinute: number;
  #minute: CountedPeriod = { startsAtMs: 0, sent: 0 };

  constructor(perMinute = Number.POSITIVE_INFINITY) {
    this.#perMinute = perMinute;
  }

  /** Counts what was sent in this minute before this process knew of it. */
  add(nowMs: number, sent: number): void {
    if (!isPresent('minute', this.#minute.startsAtMs, nowMs))
      this.#minute = { startsAtMs: periodStartMs('minute', nowMs), sent: 0 };
    this.#minute.sent += sent;
  }

  waitBeforeSend(nowMs: number): Wait | undefined {
    const { startsAtMs, sent } = this.#minute;
    if (sent < this.#perMinute || !isPresent('minute', startsAtMs, nowMs)) return undefined;
    return { why: 'global_cap', untilMs: startsAtMs + periodLengthMs.minute };
  }

  /**
   * Takes one message's place before the device begins to send it, since others decide in the meantime. The returned
   * function gives the place back when nothing was written.
   */
  take(nowMs: number): () => void {
    this.#minute = countOne('minute', this.#minute, nowMs);
    const { startsAtMs } = this.#minute;
    return () => {
      if (this.#minute.startsAtMs === startsAtMs) this.#minute.sent -= 1;
    };
  }
}
