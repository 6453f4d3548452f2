import { createHmac } from 'node:crypto';
import { type BinaryNode, getBinaryNodeChild, proto, WA_ADV_ACCOUNT_SIG_PREFIX } from 'baileys';
import type { PairedDevice } from '../events.ts';
import type { Network } from '../network.ts';
import type { DeviceKeys, LinkedDevice, Phone } from '../phones/phone.ts';
import type { ClientConnection } from '../transport/client-connection.ts';
import type { ClientFinish } from '../transport/noise.ts';
import { element } from './stanza.ts';
import { endStream } from './stream-end.ts';

const REFS = 6;
const REF_BYTES = 24;
const RESTART_REQUIRED = 515;
const EMPTY = Buffer.alloc(0);

/** Who scans a QR code. */
export interface ScanOptions {
  /** The phone's number, digits only; one is chosen when absent. */
  readonly phone?: string;
  /** The name that people see on its messages. */
  readonly pushName?: string;
}

interface Scan {
  readonly device: LinkedDevice;
  readonly resolve: (paired: PairedDevice) => void;
  readonly reject: (error: Error) => void;
}

interface Registration {
  readonly keys: DeviceKeys;
  readonly connection: ClientConnection;
  scan: Scan | undefined;
}

interface QrContent {
  readonly registration: Registration;
  readonly advertisedSecret: Buffer;
}

function keysOf({ payload, staticKey }: ClientFinish): DeviceKeys {
  const data = payload.devicePairingData;
  const bytes = (value: Uint8Array | null | undefined): Buffer => Buffer.from(value ?? EMPTY);
  return {
    noiseKey: staticKey,
    identityKey: bytes(data?.eIdent),
    registrationId: bytes(data?.eRegid).readUInt32BE(0),
    signedPreKey: {
      id: bytes(data?.eSkeyId).readUIntBE(0, 3),
      publicKey: bytes(data?.eSkeyVal),
      signature: bytes(data?.eSkeySig),
    },
  };
}

/** The registering clients that show QR codes, and the phones that scan them. */
export class Pairing {
  readonly #network: Network;
  readonly #byRef = new Map<string, Registration>();
  readonly #byConnection = new Map<ClientConnection, Registration>();

  constructor(network: Network) {
    this.#network = network;
  }

  /** Offers QR references to a client that registers. */
  begin(connection: ClientConnection, finish: ClientFinish): void {
    const registration: Registration = { keys: keysOf(finish), connection, scan: undefined };
    this.#byConnection.set(connection, registration);
    const refs: BinaryNode[] = [];
    for (let index = 0; index < REFS; index++) {
      const ref = `2@${this.#network.random.bytes(REF_BYTES).toString('base64url')}`;
      this.#byRef.set(ref, registration);
      refs.push(element('ref', {}, Buffer.from(ref)));
    }
    const id = this.#network.random.bytes(4).toString('hex');
    connection.send(
      element('iq', { from: 's.whatsapp.net', type: 'set', id, xmlns: 'md' }, [
        element('pair-device', {}, refs),
      ]),
    );
  }

  /** Whether the connection is one that registers. */
  has(connection: ClientConnection): boolean {
    return this.#byConnection.has(connection);
  }

  /**
   * Scans what a client shows. Resolves when the client has signed and was told to log in; rejects with a sentence when
   * the code is not (any more) on offer or the client refuses.
   */
  async scan(qrText: string, options: ScanOptions): Promise<PairedDevice> {
    const { registration, advertisedSecret } = this.#readQr(qrText);
    const phone = this.#scanningPhone(options);
    const deviceId = phone.nextDeviceId();
    const device = phone.link(deviceId, registration.keys);
    return new Promise((resolve, reject) => {
      registration.scan = { device, resolve, reject };
      registration.connection.send(this.#pairSuccess(device, advertisedSecret));
    });
  }

  /** Takes a stanza of a registering client: the signature that completes the pairing. */
  take(connection: ClientConnection, node: BinaryNode): void {
    const registration = this.#byConnection.get(connection);
    if (!registration?.scan || !getBinaryNodeChild(node, 'pair-device-sign')) return;
    const { device, resolve } = registration.scan;
    registration.scan = undefined;
    this.#forget(registration);
    endStream(connection, RESTART_REQUIRED);
    const { phone } = device;
    const paired = { phone: phone.digits, deviceId: device.id, jid: device.jid, lid: device.lid };
    this.#network.record.count('pairings');
    this.#network.events.tell('paired', paired);
    resolve(paired);
  }

  /** The connection has closed: its codes are void. */
  closed(connection: ClientConnection): void {
    const registration = this.#byConnection.get(connection);
    if (!registration) return;
    this.#forget(registration);
    const { scan } = registration;
    if (!scan) return;
    scan.device.phone.linkedDevices.delete(scan.device.id);
    scan.reject(new Error('the client closed its connection before it confirmed the pairing'));
  }

  #forget(registration: Registration): void {
    this.#byConnection.delete(registration.connection);
    for (const [ref, owner] of this.#byRef) if (owner === registration) this.#byRef.delete(ref);
  }

  #readQr(qrText: string): QrContent {
    const fields = qrText.trim().split('#').at(-1)!.split(',');
    const [ref = '', , identityKey = '', secret = ''] = fields;
    if (fields.length < 4) {
      throw new Error(
        'this is not the text of a WhatsApp QR code: it has four or five fields separated by commas',
      );
    }
    const registration = this.#byRef.get(ref);
    if (!registration)
      throw new Error('this QR code is unknown or has expired: scan the one that is shown now');
    if (registration.scan) throw new Error('this QR code has been scanned already');
    if (!registration.keys.identityKey.equals(Buffer.from(identityKey, 'base64'))) {
      throw new Error('the keys in this QR code are not those of the client that shows it');
    }
    return { registration, advertisedSecret: Buffer.from(secret, 'base64') };
  }

  #scanningPhone({ phone: digits, pushName }: ScanOptions): Phone {
    const { directory } = this.#network;
    const phone = digits === undefined ? directory.freeNumber() : directory.find(digits);
    if (!phone)
      throw new Error(`the phone ${digits} is not on WhatsApp: use a registered number, digits only`);
    if (pushName !== undefined) phone.pushName = pushName;
    return phone;
  }

  #pairSuccess(device: LinkedDevice, advertisedSecret: Buffer): BinaryNode {
    const { phone, keys } = device;
    const { identity } = phone.signal;
    const details = proto.ADVDeviceIdentity.encode({
      rawId: this.#network.random.bytes(4).readUInt32BE(0),
      timestamp: Math.floor(this.#network.clock.now() / 1000),
      keyIndex: device.id,
      accountType: proto.ADVEncryptionType.E2EE,
      deviceType: proto.ADVEncryptionType.E2EE,
    }).finish();
    const accountSignature = identity.sign(
      Buffer.concat([WA_ADV_ACCOUNT_SIG_PREFIX, details, keys.identityKey]),
    );
    const signed = proto.ADVSignedDeviceIdentity.encode({
      details,
      accountSignatureKey: identity.public,
      accountSignature,
    }).finish();
    const hmac = createHmac('sha256', advertisedSecret).update(signed).digest();
    const blob = proto.ADVSignedDeviceIdentityHMAC.encode({
      details: signed,
      hmac,
      accountType: proto.ADVEncryptionType.E2EE,
    }).finish();
    const id = this.#network.random.bytes(4).toString('hex');
    return element('iq', { from: 's.whatsapp.net', type: 'set', id }, [
      element('pair-success', {}, [
        element('device-identity', {}, blob),
        element('device', { jid: device.jid, lid: device.lid }),
        element('platform', { name: 'android' }),
      ]),
    ]);
  }
}
