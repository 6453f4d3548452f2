import { createHash } from 'node:crypto';
import { aesDecryptGCM, aesEncryptGCM, Curve, hkdf, NOISE_MODE, NOISE_WA_HEADER, proto } from 'baileys';
import type { KeyPair } from '../platform/keys.ts';
import type { ServerIdentity } from './certificate-chain.ts';

const KEY_BYTES = 32;
const IV_BYTES = 12;
const IV_COUNTER_OFFSET = 8;
const EMPTY = Buffer.alloc(0);

class CounterCipher {
  #counter = 0;
  readonly #iv = Buffer.alloc(IV_BYTES);
  readonly #key: Uint8Array;

  constructor(key: Uint8Array) {
    this.#key = key;
  }

  encrypt(plaintext: Uint8Array, additional: Uint8Array): Buffer {
    return aesEncryptGCM(plaintext, this.#key, this.#nextIv(), additional);
  }

  decrypt(ciphertext: Uint8Array, additional: Uint8Array): Buffer {
    return aesDecryptGCM(ciphertext, this.#key, this.#nextIv(), additional);
  }

  #nextIv(): Buffer {
    this.#iv.writeUInt32BE(this.#counter++, IV_COUNTER_OFFSET);
    return this.#iv;
  }
}

/** What the client proved and asked for at the end of the handshake. */
export interface ClientFinish {
  /** The client's Noise static public key: what identifies a linked device at login. */
  readonly staticKey: Buffer;
  readonly payload: proto.ClientPayload;
}

/** The server's side of one Noise XX handshake (`Noise_XX_25519_AESGCM_SHA256`), then of its transport. */
export class NoiseResponder {
  readonly #server: ServerIdentity;
  readonly #ephemeral: KeyPair;
  #hash: Buffer;
  #salt: Uint8Array;
  #handshakeCipher: CounterCipher;
  #incoming: CounterCipher | undefined;
  #outgoing: CounterCipher | undefined;

  constructor(server: ServerIdentity, ephemeral: KeyPair) {
    this.#server = server;
    this.#ephemeral = ephemeral;
    // The protocol's name is exactly as long as a hash, so it is used as one, unhashed.
    this.#hash = Buffer.from(NOISE_MODE);
    this.#salt = this.#hash;
    this.#handshakeCipher = new CounterCipher(this.#hash);
    this.#mixHash(NOISE_WA_HEADER);
  }

  /** Takes the encoded ClientHello and returns the encoded ServerHello. */
  answerHello(hello: Uint8Array): Uint8Array {
    const clientEphemeral = Buffer.from(proto.HandshakeMessage.decode(hello).clientHello?.ephemeral ?? EMPTY);
    if (clientEphemeral.length !== KEY_BYTES) throw new Error('the client hello carries no ephemeral key');
    this.#mixHash(clientEphemeral);
    this.#mixHash(this.#ephemeral.public);
    this.#mixKey(Curve.sharedKey(this.#ephemeral.private, clientEphemeral));
    const encryptedStatic = this.#encryptHandshake(this.#server.staticKey.public);
    this.#mixKey(Curve.sharedKey(this.#server.staticKey.private, clientEphemeral));
    const payload = this.#encryptHandshake(this.#server.certificateChain);
    return proto.HandshakeMessage.encode({
      serverHello: { ephemeral: this.#ephemeral.public, static: encryptedStatic, payload },
    }).finish();
  }

  /** Takes the encoded ClientFinish and switches to the transport keys. Throws when it does not decrypt. */
  acceptFinish(finish: Uint8Array): ClientFinish {
    const { clientFinish } = proto.HandshakeMessage.decode(finish);
    if (!clientFinish?.static || !clientFinish.payload) throw new Error('the client finish is incomplete');
    const staticKey = this.#decryptHandshake(clientFinish.static);
    this.#mixKey(Curve.sharedKey(this.#ephemeral.private, staticKey));
    const payload = proto.ClientPayload.decode(this.#decryptHandshake(clientFinish.payload));
    const [clientToServer, serverToClient] = this.#deriveKeys(EMPTY);
    this.#incoming = new CounterCipher(clientToServer);
    this.#outgoing = new CounterCipher(serverToClient);
    return { staticKey, payload };
  }

  /** Encrypts one transport frame's payload. */
  encrypt(plaintext: Uint8Array): Buffer {
    if (!this.#outgoing) throw new Error('the handshake has not finished');
    return this.#outgoing.encrypt(plaintext, EMPTY);
  }

  /** Decrypts one transport frame's payload. */
  decrypt(ciphertext: Uint8Array): Buffer {
    if (!this.#incoming) throw new Error('the handshake has not finished');
    return this.#incoming.decrypt(ciphertext, EMPTY);
  }

  #encryptHandshake(plaintext: Uint8Array): Buffer {
    const ciphertext = this.#handshakeCipher.encrypt(plaintext, this.#hash);
    this.#mixHash(ciphertext);
    return ciphertext;
  }

  #decryptHandshake(ciphertext: Uint8Array): Buffer {
    const plaintext = this.#handshakeCipher.decrypt(ciphertext, this.#hash);
    this.#mixHash(ciphertext);
    return plaintext;
  }

  #mixHash(data: Uint8Array): void {
    this.#hash = createHash('sha256').update(this.#hash).update(data).digest();
  }

  #mixKey(sharedSecret: Uint8Array): void {
    const [salt, key] = this.#deriveKeys(sharedSecret);
    this.#salt = salt;
    this.#handshakeCipher = new CounterCipher(key);
  }

  #deriveKeys(material: Uint8Array): [Uint8Array, Uint8Array] {
    const derived = hkdf(material, 2 * KEY_BYTES, { salt: Buffer.from(this.#salt), info: '' });
    return [derived.subarray(0, KEY_BYTES), derived.subarray(KEY_BYTES)];
  }
}
