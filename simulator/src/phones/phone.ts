import { type BinaryNode, jidEncode } from 'baileys';
import type { Random } from '../platform/random.ts';
import type { ClientConnection } from '../transport/client-connection.ts';
import { Mailbox } from './mailbox.ts';
import { type PreKeyBundle, SignalParty } from './signal-party.ts';

const OWN_RETRIES_KEPT_MAX = 1_000;
const LINKED_DEVICES_MAX = 4;
const LID_FIRST = 100_000_000_000_000n;
const LID_COUNT = 900_000_000_000_000n;

/** The public keys with which a client registers. */
export interface DeviceKeys {
  /** The Noise static key that proves the device at login. */
  readonly noiseKey: Buffer;
  readonly identityKey: Buffer;
  readonly registrationId: number;
  signedPreKey: { readonly id: number; readonly publicKey: Buffer; readonly signature: Buffer };
}

/** A client linked to a phone: the network's knowledge of it. */
export class LinkedDevice {
  readonly phone: Phone;
  readonly id: number;
  readonly keys: DeviceKeys;
  readonly mailbox = new Mailbox();
  /** One-time prekeys that the client uploaded and nobody used yet, by id. */
  readonly preKeys = new Map<number, Buffer>();
  connection: ClientConnection | undefined;
  /** Wall-clock milliseconds. */
  connectedSince = 0;
  /** Monotonic milliseconds until which logins get no answer. */
  refusedUntilMs = 0;
  /** The client asked for traffic: its login is over. */
  active = false;
  /** The phone has sent its keys and history, as it does once after linking. */
  settled = false;
  readonly #ownRetries = new Map<string, number>();

  constructor(phone: Phone, id: number, keys: DeviceKeys) {
    this.phone = phone;
    this.id = id;
    this.keys = keys;
  }

  get jid(): string {
    return jidEncode(this.phone.digits, 's.whatsapp.net', this.id);
  }

  get lid(): string {
    return jidEncode(this.phone.lid, 'lid', this.id);
  }

  /** The name of this device in the Signal sessions of those who talk to it. */
  get signalAddress(): string {
    return `${this.phone.digits}.${this.id}`;
  }

  /** Delivers a message or receipt now, and again at the next login until the device confirms it. */
  deliver(node: BinaryNode): void {
    this.mailbox.hold(node);
    if (this.active) this.connection?.send(node);
  }

  /** How often this device's own phone has now asked for its copy of a message, this time included. */
  countOwnRetry(id: string): number {
    const count = (this.#ownRetries.get(id) ?? 0) + 1;
    this.#ownRetries.set(id, count);
    const [oldest] = this.#ownRetries.keys();
    if (this.#ownRetries.size > OWN_RETRIES_KEPT_MAX && oldest !== undefined) this.#ownRetries.delete(oldest);
    return count;
  }

  /** A bundle for whoever writes to this device; its one-time prekey, when one is left, is used up. */
  takeBundle(): PreKeyBundle {
    const [next] = this.preKeys;
    if (next) this.preKeys.delete(next[0]);
    return {
      registrationId: this.keys.registrationId,
      identityKey: this.keys.identityKey,
      signedPreKey: this.keys.signedPreKey,
      ...(next && { preKey: { id: next[0], publicKey: next[1] } }),
    };
  }
}

/**
 * A person's phone on the network: device 0 of its number. Every number that is on WhatsApp has one; it comes to be
 * when somebody first asks for it.
 */
export class Phone {
  /** The number in international form, digits only. */
  readonly digits: string;
  /** The user part of the hidden identity (LID). */
  readonly lid: string;
  readonly signal: SignalParty;
  readonly linkedDevices = new Map<number, LinkedDevice>();
  pushName: string;
  #devicesLinked = 0;

  constructor(random: Random, digits: string) {
    this.digits = digits;
    this.lid = String(LID_FIRST + (random.derive(`lid ${digits}`).readBigUInt64BE(0) % LID_COUNT));
    this.signal = new SignalParty(random, `phone ${digits}`);
    this.pushName = `Contact ${digits.slice(-4)}`;
  }

  get jid(): string {
    return `${this.digits}@s.whatsapp.net`;
  }

  get lidJid(): string {
    return `${this.lid}@lid`;
  }

  /** Reserves the number of the next linked device. Throws when the phone has as many as WhatsApp allows. */
  nextDeviceId(): number {
    if (this.linkedDevices.size >= LINKED_DEVICES_MAX) {
      throw new Error(
        `the phone ${this.digits} already has ${LINKED_DEVICES_MAX} linked devices: unlink one or scan with another phone`,
      );
    }
    this.#devicesLinked += 1;
    return this.#devicesLinked;
  }

  link(deviceId: number, keys: DeviceKeys): LinkedDevice {
    const device = new LinkedDevice(this, deviceId, keys);
    this.linkedDevices.set(deviceId, device);
    return device;
  }
}
