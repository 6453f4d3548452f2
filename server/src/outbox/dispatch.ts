import type { Db } from '../database/index.ts';
import { backoffMs } from '../platform/backoff.ts';
import type { Clock } from '../platform/clock.ts';
import type { Random } from '../platform/random.ts';
import type { Connection, NotWrittenReason } from '../whatsapp/client.ts';
import type { ClaimedMessage } from './claim.ts';
import type { Flight } from './flight.ts';
import { type Job, render } from './job-content.ts';
import { checkAhead } from './number-checks.ts';
import type { DevicePace } from './policy/device-pace.ts';
import { beginWarmUp } from './policy/device-policy.ts';
import type { Outcome } from './policy/outcomes.ts';
import type { RecipientGate, RecipientWait } from './policy/recipients.ts';
import type { Settler } from './settler.ts';
import type { EngineTimings } from './timings.ts';
import type { MessageEvent } from './transition.ts';

/** Whose message it is, and who writes down what became of it. */
interface Holder {
  device: { deviceId: string; workspaceId: string; lease: { epoch: number } };
  settler: Settler;
}

export interface DispatchOptions extends Holder {
  device: Holder['device'] & { connection: Connection };
  db: Db;
  flight: Flight;
  pace: DevicePace;
  gate: RecipientGate;
  clock: Clock;
  random: Random;
  timings: EngineTimings;
  checkNumbers: boolean;
  onOutcome: (message: ClaimedMessage, outcome: Outcome) => void;
  onRecipientWait: (message: ClaimedMessage, wait: RecipientWait) => void;
}

/** Takes one message of a device at a time from its hands to the socket: recipient, limits, content, write. */
export class Dispatch {
  readonly #options: DispatchOptions;
  /** Neither held nor in flight. */
  #preparing: ClaimedMessage | undefined;

  constructor(options: DispatchOptions) {
    this.#options = options;
  }

  /** The message that is being prepared, if there is one. */
  get preparing(): ClaimedMessage[] {
    return this.#preparing ? [this.#preparing] : [];
  }

  /** Rejects when the message could not be prepared; it is then still this one's until `letGo`. `held` share its number's answer. */
  async send(message: ClaimedMessage, job: Job, held: readonly ClaimedMessage[]): Promise<void> {
    this.#preparing = message;
    const givePlaceBack = this.#options.pace.takePlace();
    let written = false;
    try {
      const jid = await this.#recipientOf(message, held);
      if (jid && (await this.#mayBegin(message, jid))) written = await this.#write(message, jid, job);
    } finally {
      if (!written) givePlaceBack();
    }
  }

  /** Whether this message was being prepared; it is not any more. */
  letGo(message: ClaimedMessage): boolean {
    const isHere = this.#preparing === message;
    if (isHere) this.#preparing = undefined;
    return isHere;
  }

  /** Gives back what is being prepared. Should the work on it hang and ever go on, it writes nothing. */
  stop(): void {
    if (this.#preparing) this.#end(this.#preparing, { kind: 'given_back', retryInMs: 0 });
  }

  /** The recipient's canonical JID; undefined when the message was skipped because the number is not on WhatsApp. */
  async #recipientOf(message: ClaimedMessage, held: readonly ClaimedMessage[]): Promise<string | undefined> {
    const { db, device, checkNumbers } = this.#options;
    if (message.jid) return message.jid;
    if (!checkNumbers) return `${message.phone}@s.whatsapp.net`;
    const check = message.onWhatsApp ? await checkAhead(db, device.connection, message) : { jid: undefined };
    for (const other of held) if (other.phone === message.phone) other.jid = check.jid;
    if (!check.jid) this.#end(message, { kind: 'skipped', reason: 'not_on_whatsapp' });
    return check.jid;
  }

  /** The last questions before a message is written. */
  async #mayBegin(message: ClaimedMessage, jid: string): Promise<boolean> {
    const { db, device, gate, clock, pace, onRecipientWait } = this.#options;
    const limit = await gate.waitFor(device, { phone: message.phone, jid });
    if (limit) {
      onRecipientWait(message, limit);
      this.#end(message, {
        kind: 'given_back',
        retryInMs: Math.max(0, limit.untilMs - clock.now().getTime()),
      });
      return false;
    }
    if (pace.beginsWarmUp) pace.warmUpBegan(await beginWarmUp(db, device.deviceId));
    return true;
  }

  /** True when something went out, or may have. */
  async #write(message: ClaimedMessage, jid: string, job: Job): Promise<boolean> {
    const { device, flight, pace, onOutcome } = this.#options;
    let content: ReturnType<typeof render>;
    try {
      content = render(job, message);
    } catch {
      this.#end(message, { kind: 'failed', reason: 'content_invalid' });
      onOutcome(message, { ok: false, class: 'recipient', reason: 'content invalid' });
      return false;
    }
    if (!this.letGo(message)) return false;
    flight.departed(message);
    const result = await device.connection.send({ waMessageId: message.waMessageId, jid, content });
    if (result.kind === 'not_written') {
      if (flight.turnedBack(message)) this.#notWritten(message, result.reason);
      return false;
    }
    pace.sent(job.delay);
    flight.written(message);
    return true;
  }

  #notWritten(message: ClaimedMessage, reason: NotWrittenReason): void {
    const { timings, random, pace, onOutcome } = this.#options;
    if (reason === 'offline' || reason === 'lease_lost') {
      settleUnsent(this.#options, message, { kind: 'given_back', retryInMs: 0 });
    } else if (reason === 'rate_limited') {
      pace.standStill(timings.rateLimitPauseMs);
      settleUnsent(this.#options, message, { kind: 'given_back', retryInMs: timings.rateLimitPauseMs });
    } else {
      const retryInMs = backoffMs(timings.retry, message.attempts, random);
      settleUnsent(this.#options, message, { kind: 'refused_for_now', retryInMs });
      onOutcome(message, outcomesOfNoWrite[reason]);
    }
  }

  /** Settles the message that was being prepared, once. */
  #end(message: ClaimedMessage, event: MessageEvent): void {
    if (this.letGo(message)) settleUnsent(this.#options, message, event);
  }
}

/** Settles a message that its device did not write. */
export function settleUnsent(
  { device, settler }: Holder,
  message: ClaimedMessage,
  event: MessageEvent,
): void {
  settler.settle({
    deviceId: device.deviceId,
    epoch: device.lease.epoch,
    messageId: message.id,
    event,
    endsClaim: true,
    written: false,
    resend: false,
  });
}

const outcomesOfNoWrite = {
  media_upload: { ok: false, class: 'soft', reason: 'media could not be uploaded' },
  no_recipient_keys: { ok: false, class: 'recipient', reason: 'recipient has no keys' },
} as const;
