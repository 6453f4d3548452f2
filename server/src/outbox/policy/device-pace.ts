import type { Clock } from '../../platform/clock.ts';
import type { Random } from '../../platform/random.ts';
import {
  type Caps,
  countSend,
  type DelayRule,
  messagesToHold,
  nextSendAtMs,
  type SendCounts,
  slowerOf,
  type Wait,
} from '../pacing.ts';
import type { EngineTimings } from '../timings.ts';
import { decide } from './decide.ts';
import type { GlobalCap } from './global-cap.ts';
import type { SendCalendar } from './send-window.ts';
import type { WarmUp } from './warm-up.ts';

export interface DevicePaceOptions {
  clock: Clock;
  random: Random;
  timings: EngineTimings;
  delay: DelayRule;
  caps: Caps;
  counts: SendCounts;
  warmUp: WarmUp | undefined;
  globalCap: GlobalCap;
}

/** What one device has sent and what that allows it next. */
export class DevicePace {
  readonly #options: DevicePaceOptions;
  #rule: DelayRule;
  /** When the pace allows the next message, on the monotonic clock: setting the machine's clock neither hurries nor holds a device. */
  #notBeforeMs = 0;
  #quarantinedUntilMs = 0;
  #warmUp: WarmUp | undefined;

  constructor(options: DevicePaceOptions) {
    this.#options = options;
    this.#rule = options.delay;
    this.#warmUp = options.warmUp;
    // An earlier connection may have written a moment ago: a number that reconnects often must not send a message each time.
    const { counts, clock, timings, random } = options;
    if (counts.hour.sent > 0)
      this.#notBeforeMs = nextSendAtMs(clock.monotonicMs(), this.#rule, timings.shortestIntervalMs, random);
  }

  /** How many messages are worth holding. */
  get hold(): number {
    const { shortestIntervalMs, holdHorizonMs, heldMax } = this.#options.timings;
    if (this.isQuarantined) return 0;
    return messagesToHold(this.#rule, shortestIntervalMs, holdHorizonMs, heldMax);
  }

  get isQuarantined(): boolean {
    return this.#quarantinedUntilMs > this.#options.clock.monotonicMs();
  }

  /** The wait that a quarantine imposes, whatever there is to send. */
  get quarantine(): Wait | undefined {
    if (!this.isQuarantined) return undefined;
    return { why: 'quarantine', untilMs: this.#onTheWall(this.#quarantinedUntilMs) };
  }

  /** Whether the next message would be the one that begins the warm-up. */
  get beginsWarmUp(): boolean {
    return this.#warmUp !== undefined && this.#warmUp.sinceMs === undefined;
  }

  warmUpBegan(sinceMs: number): void {
    if (this.#warmUp) this.#warmUp = { ...this.#warmUp, sinceMs };
  }

  /** What a message must still wait for; undefined when it may go now. */
  waitBeforeSend(calendar: SendCalendar): Wait | undefined {
    const { clock, caps, counts, globalCap } = this.#options;
    const nowMs = clock.now().getTime();
    return decide({
      nowMs,
      notBeforeMs: this.#onTheWall(this.#notBeforeMs),
      caps,
      counts,
      warmUp: this.#warmUp,
      quarantinedUntilMs: this.#onTheWall(this.#quarantinedUntilMs),
      globalWait: globalCap.waitBeforeSend(nowMs),
      calendar,
    });
  }

  /** Takes a place under the global cap; the returned function gives it back. */
  takePlace(): () => void {
    return this.#options.globalCap.take(this.#options.clock.now().getTime());
  }

  /** A message went out, or may have: the next follows by the slower of the job's rule and the device's. */
  sent(jobDelay: DelayRule): void {
    const { clock, counts, delay, timings, random } = this.#options;
    countSend(counts, clock.now().getTime());
    this.#rule = slowerOf(jobDelay, delay);
    this.#notBeforeMs = nextSendAtMs(clock.monotonicMs(), this.#rule, timings.shortestIntervalMs, random);
  }

  standStill(forMs: number): void {
    this.#notBeforeMs = this.#options.clock.monotonicMs() + forMs;
  }

  setQuarantine(forMs: number): void {
    this.#quarantinedUntilMs = this.#options.clock.monotonicMs() + forMs;
  }

  #onTheWall(monotonicMs: number): number {
    const { clock } = this.#options;
    return clock.now().getTime() + monotonicMs - clock.monotonicMs();
  }
}
