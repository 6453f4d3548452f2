import type { Cipher } from '../../platform/encryption.ts';

/** Whose key it is, and under which fencing epoch it may be written. */
export interface KeyOwner {
  deviceId: string;
  epoch: number;
}

/** One key to write; `text` null deletes it. */
export interface KeyChange extends KeyOwner {
  type: string;
  key: string;
  text: string | null;
  cipher: Cipher;
}

/** Why the changes of an owner are not in the database. */
export type WriteFailure = { kind: 'fenced' } | { kind: 'failed'; error: unknown };

interface Outcome {
  promise: Promise<WriteFailure | undefined>;
  resolve(failure: WriteFailure | undefined): void;
}

/**
 * Changes that go to the database in one statement. A later change of the same key replaces an earlier one; each owner
 * has one outcome, because its changes are stored together or not at all.
 */
export class KeyGroup {
  readonly #changes = new Map<string, KeyChange>();
  readonly #outcomes = new Map<string, Outcome>();

  get size(): number {
    return this.#changes.size;
  }

  get changes(): KeyChange[] {
    return [...this.#changes.values()];
  }

  /** Adds the changes of one owner; resolves to undefined when they are stored, or to why they are not. */
  add(owner: KeyOwner, changes: readonly KeyChange[]): Promise<WriteFailure | undefined> {
    for (const change of changes) this.#changes.set(nameOfKey(change, change.type, change.key), change);
    const name = nameOfOwner(owner);
    const outcome = this.#outcomes.get(name) ?? Promise.withResolvers<WriteFailure | undefined>();
    this.#outcomes.set(name, outcome);
    return outcome.promise;
  }

  find(owner: KeyOwner, type: string, key: string): KeyChange | undefined {
    return this.#changes.get(nameOfKey(owner, type, key));
  }

  /** Tells each owner how it went. */
  settle(failureOf: (owner: string) => WriteFailure | undefined): void {
    for (const [owner, outcome] of this.#outcomes) outcome.resolve(failureOf(owner));
  }
}

/** The name of an owner inside this process. */
export function nameOfOwner(owner: KeyOwner): string {
  return `${owner.deviceId} ${owner.epoch}`;
}

/** The name of a key inside this process; it holds the epoch, so what an earlier lease saw is never found again. */
export function nameOfKey(owner: KeyOwner, type: string, key: string): string {
  return `${nameOfOwner(owner)} ${type} ${key}`;
}

/** What a sealed value is bound to: it opens in its own row only. */
export function sealContext(deviceId: string, type: string, key: string): string {
  return `${deviceId}:${type}:${key}`;
}
