import { createDecipheriv, createHash, createHmac } from 'node:crypto';
import { getMediaKeys } from 'baileys';
import type { MediaReference } from '../record/message-content.ts';
import type { MediaStore } from './media-store.ts';

const MAC_BYTES = 10;
const VERDICTS_MAX = 10_000;

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

async function opens(blob: Buffer, media: MediaReference): Promise<boolean> {
  if (!sha256(blob).equals(media.encryptedSha256) || blob.length <= MAC_BYTES) return false;
  const { iv, cipherKey, macKey } = await getMediaKeys(Buffer.from(media.mediaKey), media.mediaType);
  if (!iv || !cipherKey || !macKey) return false;
  const encrypted = blob.subarray(0, -MAC_BYTES);
  const mac = createHmac('sha256', macKey).update(iv).update(encrypted).digest().subarray(0, MAC_BYTES);
  if (!mac.equals(blob.subarray(-MAC_BYTES))) return false;
  const decipher = createDecipheriv('aes-256-cbc', cipherKey, iv);
  const plaintext = Buffer.concat([decipher.update(encrypted), decipher.final()]);
  return sha256(plaintext).equals(media.sha256);
}

/** Downloads and decrypts media as a phone does, once for each distinct upload and key. */
export class MediaVerifier {
  readonly #store: MediaStore;
  readonly #verdicts = new Map<string, Promise<boolean>>();

  constructor(store: MediaStore) {
    this.#store = store;
  }

  /** Whether the stored bytes decrypt with the message's key and match both hashes it names. */
  verify(media: MediaReference): Promise<boolean> {
    const key = `${media.directPath} ${Buffer.from(media.mediaKey).toString('base64')} ${Buffer.from(media.sha256).toString('base64')}`;
    const known = this.#verdicts.get(key);
    if (known) return known;
    const blob = this.#store.get(media.directPath);
    if (!blob) return Promise.resolve(false);
    const verdict = opens(blob, media).catch(() => false);
    this.#remember(key, verdict);
    return verdict;
  }

  #remember(key: string, verdict: Promise<boolean>): void {
    this.#verdicts.set(key, verdict);
    if (this.#verdicts.size <= VERDICTS_MAX) return;
    const [oldest] = this.#verdicts.keys();
    if (oldest !== undefined) this.#verdicts.delete(oldest);
  }
}
