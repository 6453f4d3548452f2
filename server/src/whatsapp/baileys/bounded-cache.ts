import type { Clock } from '../../platform/clock.ts';

interface Slot<V> {
  value: V;
  weight: number;
  expiresAtMs: number;
}

export interface CacheLimits<V> {
  entriesMax: number;
  /** With `weightOf`: the sum of weights to stay under. */
  weightMax?: number;
  weightOf?(value: V): number;
  /** How long an entry lives; for ever when absent. */
  ttlMs?: number;
}

/** A map that forgets what was used longest ago once it holds too much. */
export class BoundedCache<V> {
  readonly #slots = new Map<string, Slot<V>>();
  readonly #clock: Clock;
  readonly #limits: CacheLimits<V>;
  #weight = 0;

  constructor(clock: Clock, limits: CacheLimits<V>) {
    this.#clock = clock;
    this.#limits = limits;
  }

  get size(): number {
    return this.#slots.size;
  }

  get(key: string): V | undefined {
    const slot = this.#slots.get(key);
    if (!slot) return undefined;
    this.#slots.delete(key);
    if (slot.expiresAtMs <= this.#clock.monotonicMs()) {
      this.#weight -= slot.weight;
      return undefined;
    }
    this.#slots.set(key, slot);
    return slot.value;
  }

  set(key: string, value: V): void {
    this.delete(key);
    const weight = this.#limits.weightOf?.(value) ?? 0;
    const { ttlMs } = this.#limits;
    const expiresAtMs = ttlMs === undefined ? Number.POSITIVE_INFINITY : this.#clock.monotonicMs() + ttlMs;
    this.#slots.set(key, { value, weight, expiresAtMs });
    this.#weight += weight;
    this.#forgetOldest();
  }

  delete(key: string): void {
    const slot = this.#slots.get(key);
    if (!slot) return;
    this.#slots.delete(key);
    this.#weight -= slot.weight;
  }

  deleteWhere(matches: (key: string) => boolean): void {
    for (const key of [...this.#slots.keys()]) if (matches(key)) this.delete(key);
  }

  clear(): void {
    this.#slots.clear();
    this.#weight = 0;
  }

  #forgetOldest(): void {
    const weightMax = this.#limits.weightMax ?? Number.POSITIVE_INFINITY;
    for (const key of this.#slots.keys()) {
      if (this.#slots.size <= this.#limits.entriesMax && this.#weight <= weightMax) return;
      this.delete(key);
    }
  }
}
