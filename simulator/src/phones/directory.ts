import { jidDecode } from 'baileys';
import type { Random } from '../platform/random.ts';
import type { LinkedDevice } from './phone.ts';
import { Phone } from './phone.ts';

const PHONE_DIGITS = /^[1-9]\d{6,14}$/;
const FREE_NUMBER_ATTEMPTS_MAX = 100_000;

/** A user of the network and one of its devices; 0 is the phone itself. */
export interface Recipient {
  readonly phone: Phone;
  readonly deviceId: number;
}

/** Who is on the network. Numbers need no registration: those that are not declared unregistered exist. */
export class Directory {
  readonly #random: Random;
  readonly #unregistered: (digits: string) => boolean;
  readonly #byDigits = new Map<string, Phone>();
  readonly #byLid = new Map<string, Phone>();

  constructor(random: Random, unregistered: (digits: string) => boolean) {
    this.#random = random;
    this.#unregistered = unregistered;
  }

  /** The phone with this number; undefined when the number is malformed or not on WhatsApp. */
  find(digits: string): Phone | undefined {
    const known = this.#byDigits.get(digits);
    if (known) return known;
    if (!PHONE_DIGITS.test(digits) || this.#unregistered(digits)) return undefined;
    const phone = new Phone(this.#random, digits);
    this.#byDigits.set(digits, phone);
    this.#byLid.set(phone.lid, phone);
    return phone;
  }

  /** Who a phone-number or LID address means; undefined for groups, broadcasts and strangers. */
  resolve(jid: string | undefined): Recipient | undefined {
    const address = jidDecode(jid);
    if (!address) return undefined;
    const { user, server, device } = address;
    const byNumber = server === 's.whatsapp.net' ? this.find(user) : undefined;
    const phone = server === 'lid' ? this.#byLid.get(user) : byNumber;
    return phone && { phone, deviceId: device ?? 0 };
  }

  /** A number that nobody uses yet, the same sequence for the same seed. */
  freeNumber(): Phone {
    for (let attempt = 0; attempt < FREE_NUMBER_ATTEMPTS_MAX; attempt++) {
      const digits = `6011${String(this.#random.derive(`account ${attempt}`).readUInt32BE(0) % 1e8).padStart(8, '0')}`;
      if (this.#byDigits.has(digits)) continue;
      const phone = this.find(digits);
      if (phone) return phone;
    }
    throw new Error('no free phone number was found: name one');
  }

  linkedDevices(): LinkedDevice[] {
    const devices: LinkedDevice[] = [];
    for (const phone of this.#byDigits.values()) devices.push(...phone.linkedDevices.values());
    return devices;
  }
}
