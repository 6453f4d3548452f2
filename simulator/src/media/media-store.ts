/** Encrypted media as uploaded, by path, within a bound on memory. */
export class MediaStore {
  readonly #bytesMax: number;
  readonly #blobs = new Map<string, Buffer>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Keeps a blob; the oldest make room for it. */
  put(path: string, blob: Buffer): void {
    this.#forget(path);
    this.#blobs.set(path, blob);
    this.#bytes += blob.length;
    for (const oldest of this.#blobs.keys()) {
      if (this.#bytes <= this.#bytesMax || oldest === path) break;
      this.#forget(oldest);
    }
  }

  get(path: string): Buffer | undefined {
    return this.#blobs.get(path);
  }

  #forget(path: string): void {
    const blob = this.#blobs.get(path);
    if (!blob) return;
    this.#blobs.delete(path);
    this.#bytes -= blob.length;
  }
}
