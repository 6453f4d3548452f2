import { LRUCache } from 'lru-cache';
import { type FailureReasonCount, type Outcome, OutcomeWindow } from './outcomes.ts';

/** When a device's failures put it into quarantine. */
const deviceRule = { window: 20, hardMin: 3, hardShare: 0.25, outcomesMin: 10, share: 0.5 };

/** When a job's failures pause it: half of the last hundred, and not before fifty are known. */
const jobRule = { window: 100, outcomesMin: 50, share: 0.5 };

/** Jobs whose outcomes are remembered; a job that falls out of memory starts again from nothing. */
const jobsRemembered = 1_000;

/**
 * Watches what WhatsApp says to one device. Three hard failures that make a quarter of the last twenty are enough, since each further message to a
 * restricted number makes it worse; with soft ones it takes half of at least ten. In memory: a restart forgets the window, not the quarantine.
 */
export class DeviceHealth {
  readonly #window = new OutcomeWindow(deviceRule.window);

  /** Why the device must rest, or undefined when it may go on. The window then begins anew. */
  record(outcome: Outcome): string | undefined {
    if (!outcome.ok && outcome.class === 'recipient') return undefined;
    this.#window.add(outcome);
    const hard = this.#window.failures('hard');
    const all = this.#window.failures('hard', 'soft');
    const { size } = this.#window;
    const tooHard = hard >= deviceRule.hardMin && hard >= size * deviceRule.hardShare;
    const tooMany = size >= deviceRule.outcomesMin && all >= size * deviceRule.share;
    if (!tooHard && !tooMany) return undefined;
    const why = describeFailures(this.#window.topReasons());
    this.#window.clear();
    return `${all} of the last ${size} messages failed: ${why}`;
  }
}

/** Watches the jobs of this process. In memory: a restart or another owner counts anew. */
export class JobHealth {
  readonly #windows = new LRUCache<string, OutcomeWindow>({ max: jobsRemembered });

  /** The top reasons, when the job fails too often to go on; undefined otherwise. Its window then begins anew. */
  record(jobId: string, outcome: Outcome): FailureReasonCount[] | undefined {
    const window = this.#windows.get(jobId) ?? new OutcomeWindow(jobRule.window);
    this.#windows.set(jobId, window);
    window.add(outcome);
    const failed = window.failures('hard', 'soft', 'recipient');
    if (window.size < jobRule.outcomesMin || failed < window.size * jobRule.share) return undefined;
    const reasons = window.topReasons();
    window.clear();
    return reasons;
  }
}

/** `12 refused by WhatsApp with 463, 2 media could not be uploaded` */
export function describeFailures(reasons: readonly FailureReasonCount[]): string {
  return reasons.map(({ reason, messages }) => `${messages} ${reason}`).join(', ');
}
