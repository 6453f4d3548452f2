import { createHash, createHmac } from 'node:crypto';

/** Everything random of the simulator derives from one seed, so the same seed gives the same network. */
export interface Random {
  /** The same bytes for the same label, whatever was drawn before. At most 32 bytes. */
  derive(label: string, length?: number): Buffer;
  /** The next `length` bytes of the seed's stream. */
  bytes(length: number): Buffer;
  /** The next number of the stream, at least 0 and below 1. */
  fraction(): number;
  /** The next whole number of the stream, between both bounds inclusive. */
  between(min: number, max: number): number;
}

const UINT32_RANGE = 2 ** 32;

/** Builds the source of randomness for `seed`. */
export function createRandom(seed: string): Random {
  const key = createHash('sha256').update(`sambad simulator seed ${seed}`).digest();
  let state = key.readUInt32LE(0);
  let block = 0;

  // Mulberry32: receipts draw a few numbers per message, which a hash would make needlessly dear.
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / UINT32_RANGE;
  };

  const derive = (label: string, length = 32): Buffer =>
    createHmac('sha256', key).update(label).digest().subarray(0, length);

  return {
    derive,
    fraction,
    between: (min, max) => min + Math.floor(fraction() * (max - min + 1)),
    bytes(length) {
      const blocks: Buffer[] = [];
      for (let filled = 0; filled < length; filled += 32) blocks.push(derive(`stream ${block++}`));
      return Buffer.concat(blocks).subarray(0, length);
    },
  };
}
