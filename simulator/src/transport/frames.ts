import { NOISE_WA_HEADER } from 'baileys';

const LENGTH_BYTES = 3;
const ROUTING_PREFIX = Buffer.from([0x45, 0x44, 0x00, 0x01]);
const ROUTING_HEADER_BYTES = ROUTING_PREFIX.length + LENGTH_BYTES;
const EMPTY = Buffer.alloc(0);

function readLength(bytes: Buffer, offset: number): number {
  return bytes.readUIntBE(offset, LENGTH_BYTES);
}

/**
 * Cuts the client's byte stream into frames, however it was chunked on the way.
 *
 * The stream is an introduction, once (an optional routing prefix `ED 00 01 len(3) info`, then `WA 06 03`), followed
 * by frames of `len(3, big endian) payload`.
 */
export class FrameReader {
  #chunks: Buffer[] = [];
  #buffered = 0;
  #wanted = ROUTING_PREFIX.length;
  #introduced = false;

  /** Adds bytes and returns the frames they complete. Throws when the introduction is not WhatsApp's. */
  push(chunk: Buffer): Buffer[] {
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
    // Joining only when a whole frame is there keeps a frame in many chunks from being copied once per chunk.
    if (this.#buffered < this.#wanted) return [];
    let rest = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks);
    if (!this.#introduced) rest = this.#readIntroduction(rest);
    const frames: Buffer[] = [];
    if (this.#introduced) rest = this.#readFrames(rest, frames);
    this.#chunks = rest.length > 0 ? [rest] : [];
    this.#buffered = rest.length;
    return frames;
  }

  #readIntroduction(bytes: Buffer): Buffer {
    let offset = 0;
    if (bytes.subarray(0, ROUTING_PREFIX.length).equals(ROUTING_PREFIX)) {
      this.#wanted = ROUTING_HEADER_BYTES;
      if (bytes.length < this.#wanted) return bytes;
      offset = ROUTING_HEADER_BYTES + readLength(bytes, ROUTING_PREFIX.length);
    }
    this.#wanted = offset + NOISE_WA_HEADER.length;
    if (bytes.length < this.#wanted) return bytes;
    if (!bytes.subarray(offset, this.#wanted).equals(NOISE_WA_HEADER)) {
      throw new Error('the connection does not begin with the WhatsApp introduction');
    }
    this.#introduced = true;
    return bytes.subarray(this.#wanted);
  }

  #readFrames(bytes: Buffer, frames: Buffer[]): Buffer {
    let offset = 0;
    while (bytes.length - offset >= LENGTH_BYTES) {
      const end = offset + LENGTH_BYTES + readLength(bytes, offset);
      if (end > bytes.length) {
        this.#wanted = end - offset;
        return bytes.subarray(offset);
      }
      frames.push(bytes.subarray(offset + LENGTH_BYTES, end));
      offset = end;
    }
    this.#wanted = LENGTH_BYTES;
    return offset === bytes.length ? EMPTY : bytes.subarray(offset);
  }
}

/** One frame as it goes on the wire. */
export function frameOf(payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(LENGTH_BYTES + payload.length);
  frame.writeUIntBE(payload.length, 0, LENGTH_BYTES);
  frame.set(payload, LENGTH_BYTES);
  return frame;
}
