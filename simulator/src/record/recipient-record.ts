import type { CiphertextType } from '../phones/signal-party.ts';

/** The arrivals kept per recipient; counts and what was shown go on beyond it. */
export const ARRIVALS_KEPT_MAX = 2_000;

/**
 * `shown`: appeared on the screen. `repeat`: its sender had already shown this id there, so the phone dropped it.
 * `undecryptable`: the phone asked for it again. `invisible`: decrypted, but nothing for a person to see.
 */
export type ArrivalOutcome = 'shown' | 'repeat' | 'undecryptable' | 'invisible';

/** One message that reached a recipient's phone. */
export interface Arrival {
  readonly id: string;
  /** The sender's number, digits only. */
  readonly from: string;
  /** Wall-clock milliseconds. */
  readonly at: number;
  readonly stanzaType: CiphertextType;
  /** Absent when it could not be decrypted. */
  readonly kind?: string;
  readonly text?: string;
  readonly caption?: string;
  /** Base64 of the hash the message names. */
  readonly mediaSha256?: string;
  /** The bytes on the media host decrypted with the message's key and matched its hashes. */
  readonly mediaVerified?: boolean;
  readonly outcome: ArrivalOutcome;
}

/** What arrived at one recipient's phone and what its owner saw. */
export interface RecipientView {
  readonly phone: string;
  readonly lid: string;
  readonly arrivals: Arrival[];
  readonly shown: Arrival[];
  readonly repeatedIds: number;
  /** Shown messages beyond the first with the same content. */
  readonly duplicates: number;
}

/** The record of one recipient while the network runs. */
export class RecipientRecord {
  readonly phone: string;
  readonly lid: string;
  repeatedIds = 0;
  duplicates = 0;
  shownCount = 0;
  readonly #arrivals: Arrival[] = [];
  readonly #shownIds = new Set<string>();
  readonly #timesSeen = new Map<string, number>();
  readonly #retries = new Map<string, number>();

  constructor(phone: string, lid: string) {
    this.phone = phone;
    this.lid = lid;
  }

  hasShown(from: string, id: string): boolean {
    return this.#shownIds.has(`${from} ${id}`);
  }

  keep(arrival: Arrival): void {
    this.#arrivals.push(arrival);
    if (this.#arrivals.length > ARRIVALS_KEPT_MAX) this.#arrivals.shift();
    if (arrival.outcome === 'repeat') this.repeatedIds += 1;
  }

  /** Marks a message as shown. Returns whether its owner had seen the same content before. */
  show(from: string, id: string, fingerprint: string): boolean {
    this.#shownIds.add(`${from} ${id}`);
    this.#retries.delete(`${from} ${id}`);
    const seen = this.#timesSeen.get(fingerprint) ?? 0;
    this.#timesSeen.set(fingerprint, seen + 1);
    this.shownCount += 1;
    if (seen > 0) this.duplicates += 1;
    return seen > 0;
  }

  /** How often the phone has now asked for this message, this time included. */
  countRetry(from: string, id: string): number {
    const count = (this.#retries.get(`${from} ${id}`) ?? 0) + 1;
    this.#retries.set(`${from} ${id}`, count);
    return count;
  }

  view(): RecipientView {
    return {
      phone: this.phone,
      lid: this.lid,
      arrivals: [...this.#arrivals],
      shown: this.#arrivals.filter((arrival) => arrival.outcome === 'shown'),
      repeatedIds: this.repeatedIds,
      duplicates: this.duplicates,
    };
  }
}
