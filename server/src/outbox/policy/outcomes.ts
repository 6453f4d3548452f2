/**
 * What a failure says about. `hard`: WhatsApp restricts the number. `soft`: something on the way was busy or broken.
 * `recipient`: this one message or recipient; it never speaks against a device.
 */
export type FailureClass = 'hard' | 'soft' | 'recipient';

/** How one message ended for a device: sent, or failed with what people are told. */
export type Outcome = { ok: true } | { ok: false; class: FailureClass; reason: string };

/** Not linked any more (401), forbidden (403), new chats refused (463), status refused (479). */
const hardCodes = new Set([401, 403, 463, 479]);
/** Asked to slow down (429), busy (500, 503). */
const softCodes = new Set([429, 500, 503]);

export function outcomeOfRefusal(code: number): Outcome {
  const kind = hardCodes.has(code) ? 'hard' : softCodes.has(code) ? 'soft' : 'recipient';
  return { ok: false, class: kind, reason: `refused by WhatsApp with ${code}` };
}

/** The last outcomes, up to a bound; older ones are forgotten. */
export class OutcomeWindow {
  readonly #size: number;
  #outcomes: Outcome[] = [];

  constructor(size: number) {
    this.#size = size;
  }

  add(outcome: Outcome): void {
    this.#outcomes.push(outcome);
    if (this.#outcomes.length > this.#size) this.#outcomes.shift();
  }

  clear(): void {
    this.#outcomes = [];
  }

  get size(): number {
    return this.#outcomes.length;
  }

  failures(...classes: FailureClass[]): number {
    return this.#outcomes.filter((outcome) => !outcome.ok && classes.includes(outcome.class)).length;
  }

  /** Why messages failed, most frequent first. */
  topReasons(most = 3): FailureReasonCount[] {
    const counts = new Map<string, number>();
    for (const outcome of this.#outcomes)
      if (!outcome.ok) counts.set(outcome.reason, (counts.get(outcome.reason) ?? 0) + 1);
    return [...counts]
      .map(([reason, messages]) => ({ reason, messages }))
      .sort((a, b) => b.messages - a.messages || a.reason.localeCompare(b.reason))
      .slice(0, most);
  }
}

export interface FailureReasonCount {
  reason: string;
  messages: number;
}
