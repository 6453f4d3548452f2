import { createHash, randomBytes } from 'node:crypto';

/** Chance as the program sees it: injected, so that a run with a seed can be replayed. */
export interface Random {
  /** A number in [0, 1). */
  float(): number;
  bytes(length: number): Buffer;
}

/** A number in [min, max], drawn evenly. */
export function between(random: Random, min: number, max: number): number {
  return min + random.float() * (max - min);
}

const floatBytes = 6;
const drawnAtOnce = 1024 * floatBytes;
let drawn = Buffer.alloc(0);
let used = 0;

/** Chance from the operating system. Floats are drawn a thousand at a time, since each question to the system costs several microseconds. */
export const systemRandom: Random = {
  float() {
    if (used === drawn.length) {
      drawn = randomBytes(drawnAtOnce);
      used = 0;
    }
    used += floatBytes;
    return drawn.readUIntBE(used - floatBytes, floatBytes) / 2 ** 48;
  },
  bytes: (length) => randomBytes(length),
};

/**
 * Chance that repeats for a seed: SHA-256 of the seed and a counter. It is meant for pacing and for tests;
 * keys and nonces always come from the operating system.
 */
export function seededRandom(seed: string): Random {
  let counter = 0;
  const block = (): Buffer => createHash('sha256').update(`${seed}:${counter++}`).digest();
  return {
    float: () => block().readUIntBE(0, 6) / 2 ** 48,
    bytes(length) {
      const blocks: Buffer[] = [];
      for (let filled = 0; filled < length; filled += 32) blocks.push(block());
      return Buffer.concat(blocks).subarray(0, length);
    },
  };
}
