/** Bounds of a random delay in milliseconds, both inclusive. */
export type DelayRangeMs = readonly [min: number, max: number];

/** What the people on the network do with a message, and how fast its servers are. */
export interface Behaviour {
  /** Chance that a shown message is reported as delivered. Default 1. */
  readonly deliveredProbability: number;
  /** Chance that a delivered message is reported as read. Default 0.6. */
  readonly readProbability: number;
  /** From acknowledgement to delivery receipt. Default 20 to 80. */
  readonly receiptDelayMs: DelayRangeMs;
  /** From delivery receipt to read receipt. Default 100 to 400. */
  readonly readDelayMs: DelayRangeMs;
  /** From arrival at the server to its acknowledgement. Default 0. */
  readonly ackDelayMs: DelayRangeMs;
}

export interface SimulatorOptions {
  /** Address to listen on. Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly port?: number;
  /** Root key, identities and chance derive from it. Default `sambad`. */
  readonly seed?: string;
  readonly behaviour?: Partial<Behaviour>;
  /** Which numbers (digits only) are not on WhatsApp. Default: those that end in 0000. */
  readonly unregistered?: (phoneDigits: string) => boolean;
}

export const DEFAULT_SEED = 'sambad';

const UNREGISTERED_ENDING = '0000';

const DEFAULT_BEHAVIOUR: Behaviour = {
  deliveredProbability: 1,
  readProbability: 0.6,
  receiptDelayMs: [20, 80],
  readDelayMs: [100, 400],
  ackDelayMs: [0, 0],
};

/** The convention for numbers that are not on WhatsApp, in the manner of test card numbers. */
export function endsInFourZeros(phoneDigits: string): boolean {
  return phoneDigits.endsWith(UNREGISTERED_ENDING);
}

/** Fills in defaults. Throws a sentence that names the field when a value is out of range. */
export function completeBehaviour(behaviour: Partial<Behaviour> = {}): Behaviour {
  const complete = { ...DEFAULT_BEHAVIOUR, ...behaviour };
  for (const field of ['deliveredProbability', 'readProbability'] as const) {
    const value = complete[field];
    if (!(value >= 0 && value <= 1))
      throw new Error(`behaviour.${field} must be between 0 and 1, not ${value}`);
  }
  for (const field of ['receiptDelayMs', 'readDelayMs', 'ackDelayMs'] as const) {
    const [min, max] = complete[field];
    if (!(min >= 0 && max >= min)) {
      throw new Error(`behaviour.${field} must be [min, max] with 0 <= min <= max, not [${complete[field]}]`);
    }
  }
  return complete;
}
