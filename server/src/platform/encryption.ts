import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import { SambadError } from './errors.ts';

/**
 * Seals bytes under a key of one purpose. `context` is authenticated but not stored: opening with another context
 * fails, so a sealed value cannot be moved to another row.
 */
export interface Cipher {
  seal(context: string, plain: Uint8Array): Buffer;
  open(context: string, sealed: Uint8Array): Buffer;
}

/** Derives ciphers from the root key. */
export interface Encryption {
  /** Eight hex digits that name the root key without giving it away. */
  readonly keyId: string;
  /** A cipher whose key is derived for `purpose`, such as `device:<id>`. */
  forPurpose(purpose: string): Cipher;
}

const formatVersion = 1;
const keyIdLength = 4;
const nonceLength = 12;
const tagLength = 16;
const headerLength = 1 + keyIdLength + nonceLength + tagLength;

/**
 * AES-256-GCM with a key per purpose (HKDF-SHA-256 from the root key). A sealed value is: version (1 byte), key id
 * (4), nonce (12), tag (16), ciphertext. The key id lets a later rotation find what is still under an older key.
 */
export function createEncryption(rootKey: Buffer): Encryption {
  if (rootKey.length !== 32) throw new SambadError('config_invalid', 'SAMBAD_SECRET_KEY must be 32 bytes.');
  const keyId = createHash('sha256')
    .update('sambad key id')
    .update(rootKey)
    .digest()
    .subarray(0, keyIdLength);
  return {
    keyId: keyId.toString('hex'),
    forPurpose(purpose) {
      // A key object is prepared once; with plain bytes each seal would prepare it again, at four times the cost.
      const key = createSecretKey(
        Buffer.from(hkdfSync('sha256', rootKey, Buffer.alloc(0), `sambad ${purpose}`, 32)),
      );
      return {
        seal: (context, plain) => seal(key, keyId, context, plain),
        open: (context, sealed) => open(key, keyId, context, sealed),
      };
    },
  };
}

function seal(key: KeyObject, keyId: Buffer, context: string, plain: Uint8Array): Buffer {
  const nonce = randomBytes(nonceLength);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(context));
  const body = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([Buffer.from([formatVersion]), keyId, nonce, cipher.getAuthTag(), body]);
}

function open(key: KeyObject, keyId: Buffer, context: string, sealed: Uint8Array): Buffer {
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  if (bytes.length < headerLength || bytes[0] !== formatVersion) {
    throw new SambadError('internal', 'A stored secret has an unknown format.');
  }
  if (!bytes.subarray(1, 1 + keyIdLength).equals(keyId)) {
    throw new SambadError('key_wrong', 'A stored secret was sealed with another SAMBAD_SECRET_KEY.');
  }
  const nonce = bytes.subarray(1 + keyIdLength, 1 + keyIdLength + nonceLength);
  const tag = bytes.subarray(1 + keyIdLength + nonceLength, headerLength);
  const decipher = createDecipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(context)).setAuthTag(tag);
  return Buffer.concat([decipher.update(bytes.subarray(headerLength)), decipher.final()]);
}
