import type { BinaryNode } from 'baileys';
import type { NetworkEvents } from './events.ts';
import type { FaultPlan } from './faults/fault-plan.ts';
import type { MediaStore } from './media/media-store.ts';
import type { MediaVerifier } from './media/media-verifier.ts';
import type { Behaviour, DelayRangeMs } from './options.ts';
import type { Directory } from './phones/directory.ts';
import type { LinkedDevice } from './phones/phone.ts';
import type { Clock } from './platform/clock.ts';
import type { Random } from './platform/random.ts';
import type { NetworkRecord } from './record/record.ts';
import type { ClientConnection } from './transport/client-connection.ts';

/** Everything that the parts of the network share. */
export interface Network {
  readonly clock: Clock;
  readonly random: Random;
  readonly behaviour: Behaviour;
  readonly directory: Directory;
  readonly record: NetworkRecord;
  readonly faults: FaultPlan;
  readonly media: MediaStore;
  readonly mediaVerifier: MediaVerifier;
  readonly events: NetworkEvents;
}

/** A stanza from a linked device on its current connection. */
export interface Incoming {
  readonly device: LinkedDevice;
  readonly connection: ClientConnection;
  readonly node: BinaryNode;
}

/** Runs `run` after a random delay; at once, in the same turn, when the range is zero. */
export function afterDelay({ clock, random }: Network, [min, max]: DelayRangeMs, run: () => void): void {
  const delayMs = random.between(min, max);
  if (delayMs === 0) run();
  else clock.after(delayMs, run);
}
