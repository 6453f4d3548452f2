import { backoffMs } from '../platform/backoff.ts';
import type { Clock, Timer } from '../platform/clock.ts';
import type { Random } from '../platform/random.ts';
import type { ClaimedMessage } from './claim.ts';
import { type Outcome, outcomeOfRefusal } from './policy/outcomes.ts';
import { eventOfRefusal } from './refusals.ts';
import type { Report, Settler } from './settler.ts';
import type { EngineTimings } from './timings.ts';
import type { MessageEvent } from './transition.ts';

export interface FlightOptions {
  device: { deviceId: string; lease: { epoch: number } };
  settler: Settler;
  clock: Clock;
  random: Random;
  timings: EngineTimings;
  /** Called when a message has got its answer, or the wait for it ended. */
  onLanded: () => void;
  /** Told what WhatsApp said to a message; silence is no outcome. */
  onOutcome: (message: ClaimedMessage, outcome: Outcome) => void;
}

interface Airborne {
  message: ClaimedMessage;
  timer: Timer | undefined;
}

/**
 * One device's messages between the write and WhatsApp's answer. A message is entered before it is written, since the
 * answer can come before the write is reported.
 */
export class Flight {
  readonly #options: FlightOptions;
  readonly #airborne = new Map<string, Airborne>();
  #drained: AbortController | undefined;

  constructor(options: FlightOptions) {
    this.#options = options;
  }

  get isFull(): boolean {
    return this.#airborne.size >= this.#options.timings.unansweredMax;
  }

  get messageIds(): number[] {
    return [...this.#airborne.values()].map(({ message }) => message.id);
  }

  departed(message: ClaimedMessage): void {
    this.#airborne.set(message.waMessageId, { message, timer: undefined });
  }

  /** The bytes are out, or may be: from here the wait for the answer counts. */
  written(message: ClaimedMessage): void {
    const entry = this.#airborne.get(message.waMessageId);
    if (!entry) return;
    const { clock, timings } = this.#options;
    entry.timer = clock.after(timings.ackTimeoutMs, () =>
      this.#land(message.waMessageId, this.#unanswered(message, true)),
    );
  }

  /** Nothing was written after all. False when an answer came nonetheless. */
  turnedBack(message: ClaimedMessage): boolean {
    return this.#airborne.delete(message.waMessageId);
  }

  refused(waMessageId: string, code: number): void {
    const entry = this.#airborne.get(waMessageId);
    if (!entry) return;
    const { timings, random, onOutcome } = this.#options;
    this.#land(waMessageId, eventOfRefusal(code, backoffMs(timings.retry, entry.message.attempts, random)));
    onOutcome(entry.message, outcomeOfRefusal(code));
  }

  /** An acknowledgement or a receipt: settles the message in the air, or else reports it by its id. */
  answered(waMessageId: string, event: Report['event']): void {
    const { device, settler, onOutcome } = this.#options;
    const entry = this.#airborne.get(waMessageId);
    if (this.#land(waMessageId, event)) {
      if (entry) onOutcome(entry.message, { ok: true });
      return;
    }
    settler.report({ deviceId: device.deviceId, epoch: device.lease.epoch, waMessageId, event });
  }

  /** Resolves when every written message has its answer, or after `waitMs`. */
  async landed(waitMs: number): Promise<void> {
    const { clock } = this.#options;
    const over = new AbortController();
    const timer = clock.after(waitMs, () => over.abort());
    this.#drained = over;
    if (this.#airborne.size > 0)
      await new Promise<void>((resolve) => over.signal.addEventListener('abort', () => resolve()));
    timer.cancel();
  }

  /** The connection has ended: whatever is still in the air is unconfirmed, and due again as soon as the device is back. */
  abandon(): void {
    for (const [waMessageId, { message }] of this.#airborne)
      this.#land(waMessageId, this.#unanswered(message, false));
  }

  #unanswered(message: ClaimedMessage, backOff: boolean): MessageEvent {
    const { timings, random } = this.#options;
    return { kind: 'unanswered', retryInMs: backOff ? backoffMs(timings.retry, message.resends, random) : 0 };
  }

  #land(waMessageId: string, event: MessageEvent): boolean {
    const entry = this.#airborne.get(waMessageId);
    if (!entry) return false;
    this.#airborne.delete(waMessageId);
    entry.timer?.cancel();
    const { device, settler, onLanded } = this.#options;
    const { id: messageId, unconfirmed: resend } = entry.message;
    settler.settle({
      deviceId: device.deviceId,
      epoch: device.lease.epoch,
      messageId,
      event,
      endsClaim: true,
      written: true,
      resend,
    });
    if (this.#airborne.size === 0) this.#drained?.abort();
    onLanded();
    return true;
  }
}
