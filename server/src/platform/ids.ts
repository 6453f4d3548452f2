import type { Clock } from './clock.ts';
import type { Random } from './random.ts';

/** Makes identifiers of rows: UUID version 7, so that newer rows sort after older ones (RFC 9562, section 5.7). */
export type NewId = () => string;

/** An id source on the given clock and chance. */
export function idSource(clock: Clock, random: Random): NewId {
  return () => {
    const bytes = Buffer.alloc(16);
    bytes.writeUIntBE(clock.now().getTime(), 0, 6);
    random.bytes(10).copy(bytes, 6);
    bytes[6] = 0x70 | (bytes[6]! & 0x0f);
    bytes[8] = 0x80 | (bytes[8]! & 0x3f);
    const hex = bytes.toString('hex');
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
  };
}

/** Whether a text has the form of an id; a route can then answer "not found" without asking the database. */
export function isId(text: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(text);
}
