import type { Db } from '../../database/index.ts';
import type { ClaimedMessage } from '../claim.ts';
import type { SkipReason } from '../transition.ts';

/** A limit of WhatsApp's on writing to somebody new, and when it ends (wall clock, milliseconds). */
export interface RecipientWait {
  why: 'timelock' | 'new_chat_cap';
  untilMs: number;
}

/**
 * Asked before each message: may this device write to this recipient now? Undefined is yes. A message that must wait is given back
 * until then, and the device goes on with others: those who know it already.
 */
export interface RecipientGate {
  waitFor(
    device: { workspaceId: string; deviceId: string },
    recipient: { phone: string; jid: string },
  ): Promise<RecipientWait | undefined>;
}

/** Knows of no limit. */
export const openGate: RecipientGate = { waitFor: async () => undefined };

/** What a claimed batch is checked against right before sending: consent and the frequency cap, which may have changed since planning. */
export interface RecipientRules {
  /** Asks once for the whole batch; returns why messages must not be sent, by their ids. */
  skips(db: Db, batch: readonly ClaimedMessage[]): Promise<ReadonlyMap<number, SkipReason>>;
}

/** Skips nobody. */
export const noRules: RecipientRules = { skips: async () => new Map() };
