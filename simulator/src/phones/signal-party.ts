import { generateSignalPubKey } from 'baileys';
import { ProtocolAddress, SessionBuilder, SessionCipher, SessionRecord, type SignalStorage } from 'libsignal';
import { type IdentityKeyPair, identityFrom, type KeyPair, keyPairFrom } from '../platform/keys.ts';
import type { Random } from '../platform/random.ts';

const SIGNED_PREKEY_ID = 1;
const REGISTRATION_ID_MASK = 0x3fff;

/** Public keys are 32 bytes here, without Signal's type byte. */
export interface PreKeyBundle {
  readonly registrationId: number;
  readonly identityKey: Uint8Array;
  readonly signedPreKey: {
    readonly id: number;
    readonly publicKey: Uint8Array;
    readonly signature: Uint8Array;
  };
  readonly preKey?: { readonly id: number; readonly publicKey: Uint8Array };
}

export type CiphertextType = 'pkmsg' | 'msg';

export interface Ciphertext {
  readonly type: CiphertextType;
  readonly bytes: Buffer;
}

const PREKEY_MESSAGE = 3;

/**
 * The Signal side of one simulated phone: an identity, prekeys derived on demand, and a session per device that wrote
 * to it. Nothing is stored but the sessions and which one-time prekeys were used.
 */
export class SignalParty {
  readonly registrationId: number;
  readonly #random: Random;
  readonly #label: string;
  readonly #identity: IdentityKeyPair;
  readonly #sessions = new Map<string, SessionRecord>();
  readonly #usedPreKeys = new Set<number>();
  readonly #storage: SignalStorage;
  #preKeysIssued = 0;
  #signedPreKey: (KeyPair & { signature: Buffer }) | undefined;
  #lastPreKey: (KeyPair & { id: number }) | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(random: Random, label: string) {
    this.#random = random;
    this.#label = label;
    this.#identity = identityFrom(random.derive(`${label} identity`));
    this.registrationId = random.derive(`${label} registration`).readUInt16BE(0) & REGISTRATION_ID_MASK || 1;
    this.#storage = this.#createStorage();
  }

  get identity(): IdentityKeyPair {
    return this.#identity;
  }

  /** A bundle with a one-time prekey that no other bundle carries. */
  issueBundle(): PreKeyBundle {
    const id = ++this.#preKeysIssued;
    const signed = this.#getSignedPreKey();
    this.#lastPreKey = { id, ...this.#derivePreKey(id) };
    return {
      registrationId: this.registrationId,
      identityKey: this.#identity.public,
      signedPreKey: { id: SIGNED_PREKEY_ID, publicKey: signed.public, signature: signed.signature },
      preKey: { id, publicKey: this.#lastPreKey.public },
    };
  }

  hasSession(address: string): boolean {
    return this.#sessions.get(address)?.haveOpenSession() ?? false;
  }

  /** Starts a new session from a bundle; an open one is closed in its favour. */
  async startSession(address: string, bundle: PreKeyBundle): Promise<void> {
    const preKey = bundle.preKey && {
      preKey: { keyId: bundle.preKey.id, publicKey: generateSignalPubKey(bundle.preKey.publicKey) },
    };
    const session = {
      registrationId: bundle.registrationId,
      identityKey: generateSignalPubKey(bundle.identityKey),
      signedPreKey: {
        keyId: bundle.signedPreKey.id,
        publicKey: generateSignalPubKey(bundle.signedPreKey.publicKey),
        signature: bundle.signedPreKey.signature,
      },
      ...preKey,
    };
    // A bundle without a one-time prekey is legal; the library's type only knows the common case.
    type Session = Parameters<SessionBuilder['initOutgoing']>[0];
    const builder = new SessionBuilder(this.#storage, addressOf(address));
    await this.#inTurn(() => builder.initOutgoing(session as Session));
  }

  async encrypt(address: string, plaintext: Buffer): Promise<Ciphertext> {
    const cipher = new SessionCipher(this.#storage, addressOf(address));
    const { type, body } = await this.#inTurn(() => cipher.encrypt(plaintext));
    return { type: type === PREKEY_MESSAGE ? 'pkmsg' : 'msg', bytes: body as unknown as Buffer };
  }

  /** Decrypts, or throws and leaves the session as it was. */
  async decrypt(address: string, { type, bytes }: Ciphertext): Promise<Buffer> {
    const cipher = new SessionCipher(this.#storage, addressOf(address));
    return this.#inTurn(async () => {
      // Sessions live in memory and a failed attempt may have stepped their ratchet before it noticed.
      const before = this.#sessions.get(address)?.serialize();
      try {
        return type === 'pkmsg'
          ? await cipher.decryptPreKeyWhisperMessage(bytes)
          : await cipher.decryptWhisperMessage(bytes);
      } catch (error) {
        if (before) this.#sessions.set(address, SessionRecord.deserialize(before));
        throw error;
      }
    });
  }

  /** One thing at a time, so that putting a session back cannot undo what another message did to it meanwhile. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  #getSignedPreKey(): KeyPair & { signature: Buffer } {
    if (!this.#signedPreKey) {
      const pair = keyPairFrom(this.#random.derive(`${this.#label} signed prekey`));
      const signature = this.#identity.sign(generateSignalPubKey(pair.public));
      this.#signedPreKey = { ...pair, signature };
    }
    return this.#signedPreKey;
  }

  #derivePreKey(id: number): KeyPair {
    return keyPairFrom(this.#random.derive(`${this.#label} prekey ${id}`));
  }

  /** The last one issued is the one most often asked for, so it is not derived twice. */
  #loadPreKey(id: number): KeyPair | undefined {
    if (id < 1 || id > this.#preKeysIssued || this.#usedPreKeys.has(id)) return undefined;
    return this.#lastPreKey?.id === id ? this.#lastPreKey : this.#derivePreKey(id);
  }

  #createStorage(): SignalStorage {
    return {
      loadSession: async (id) => this.#sessions.get(id) ?? null,
      storeSession: async (id, session) => {
        this.#sessions.set(id, session);
      },
      isTrustedIdentity: () => true,
      loadPreKey: async (id) => {
        const pair = this.#loadPreKey(Number(id));
        return pair && signalKeyPair(pair);
      },
      removePreKey: (id) => {
        this.#usedPreKeys.add(id);
      },
      loadSignedPreKey: () => signalKeyPair(this.#getSignedPreKey()),
      getOurRegistrationId: () => this.registrationId,
      getOurIdentity: () => signalKeyPair(this.#identity),
    };
  }
}

function addressOf(address: string): ProtocolAddress {
  const [user, device] = address.split('.');
  return new ProtocolAddress(user!, Number(device));
}

function signalKeyPair(pair: KeyPair): { privKey: Buffer; pubKey: Buffer } {
  return { privKey: pair.private, pubKey: Buffer.from(generateSignalPubKey(pair.public)) };
}
