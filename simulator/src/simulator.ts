import type { DeviceName, NetworkEvents, PairedDevice } from './events.ts';
import type { FaultOrder, RefusalOrder } from './faults/fault-plan.ts';
import type { Network } from './network.ts';
import type { LinkedDevice, Phone } from './phones/phone.ts';
import type { IncomingTexts, SentText } from './protocol/incoming-text.ts';
import type { Pairing, ScanOptions } from './protocol/pairing.ts';
import { endStream, type StreamEnd } from './protocol/stream-end.ts';
import type { RecipientView } from './record/recipient-record.ts';
import type { Report } from './record/record.ts';
import { type Listener, SOCKET_PATH } from './transport/listener.ts';

/** A linked device that is logged in. */
export interface ConnectedSocket extends DeviceName {
  readonly jid: string;
  /** Wall-clock milliseconds. */
  readonly connectedSince: number;
}

/** A recipient query: one phone, or a page in the order of first arrival. */
export interface RecipientQuery {
  readonly phone?: string;
  readonly offset?: number;
  /** Default 100. */
  readonly limit?: number;
}

/** A running network. Every method is also a route below `/admin`. */
export class Simulator {
  readonly port: number;
  /** Where clients connect. */
  readonly url: string;
  /** Where the routes below `/admin` are. */
  readonly controlUrl: string;
  /** Base64 of the 32-byte root key that a client must trust. */
  readonly rootPublicKey: string;
  /** What happens, as it happens. */
  readonly events: NetworkEvents;
  readonly #network: Network;
  readonly #pairing: Pairing;
  readonly #texts: IncomingTexts;
  readonly #listener: Listener;

  /** Use `startSimulator`. */
  constructor(parts: {
    network: Network;
    pairing: Pairing;
    texts: IncomingTexts;
    listener: Listener;
    host: string;
    rootPublicKey: Buffer;
  }) {
    const { network, listener, host } = parts;
    const authority = `${host.includes(':') ? `[${host}]` : host}:${listener.port}`;
    this.port = listener.port;
    this.url = `ws://${authority}${SOCKET_PATH}`;
    this.controlUrl = `http://${authority}`;
    this.rootPublicKey = parts.rootPublicKey.toString('base64');
    this.events = network.events;
    this.#network = network;
    this.#pairing = parts.pairing;
    this.#texts = parts.texts;
    this.#listener = listener;
  }

  /** Scans the QR text that a client shows. Resolves once the client has signed and was told to log in. */
  async scanQr(qrText: string, options: ScanOptions = {}): Promise<PairedDevice> {
    return this.#pairing.scan(qrText, options);
  }

  /** The linked devices that are logged in. */
  sockets(): ConnectedSocket[] {
    return this.#network.directory
      .linkedDevices()
      .filter((device) => device.active)
      .map(({ phone, id, jid, connectedSince }) => ({
        phone: phone.digits,
        deviceId: id,
        jid,
        connectedSince,
      }));
  }

  /** Drops the TCP connections of a number's linked devices and gives their logins no answer for `refuseForMs`. */
  cut(phone: string, { refuseForMs = 0 }: { refuseForMs?: number } = {}): void {
    for (const device of this.#linkedDevices(phone)) {
      device.refusedUntilMs = this.#network.clock.monotonicMs() + refuseForMs;
      device.connection?.drop();
    }
  }

  /** Ends the streams of a number's linked devices. `device_removed` also unlinks them. */
  streamError(phone: string, end: StreamEnd): void {
    for (const device of this.#linkedDevices(phone)) {
      if (end === 'device_removed') device.phone.linkedDevices.delete(device.id);
      if (device.connection) endStream(device.connection, end);
    }
  }

  /** Delivers the next `count` messages without acknowledging them; their receipts come only if asked for. */
  dropAcks({ withReceipts = false, ...order }: FaultOrder & { withReceipts?: boolean }): void {
    this.#network.faults.add(order, { kind: 'dropAck', withReceipts });
  }

  /** Delivers the next `count` messages and acknowledges them only after `delayMs`; receipts follow the acknowledgement. */
  lateAcks({ delayMs, ...order }: FaultOrder & { delayMs: number }): void {
    this.#network.faults.add(order, { kind: 'lateAck', delayMs });
  }

  /** Swallows the next `count` messages: neither delivered nor acknowledged. */
  loseMessages(order: FaultOrder): void {
    this.#network.faults.add(order, { kind: 'lose' });
  }

  /** Refuses the next `count` messages with an error code; with `spareRefused` never one that was refused before. */
  ackErrors({ code, ...order }: RefusalOrder & { code: number }): void {
    this.#network.faults.add(order, { kind: 'refuse', code });
  }

  /** Forgets every fault that has not happened yet. */
  clearFaults(): void {
    this.#network.faults.clear();
  }

  /** A person writes to a linked number, encrypted as that person's phone would. */
  async incomingText(text: { fromPhone: string; toPhone: string; text: string }): Promise<SentText> {
    return this.#texts.send(this.#phone(text.fromPhone), this.#phone(text.toPhone), text.text);
  }

  /** The network's books. */
  report(): Report {
    return this.#network.record.report();
  }

  /** What arrived at each recipient and what they saw. */
  recipients(query: RecipientQuery = {}): RecipientView[] {
    return this.#network.record.recipients(query);
  }

  /** Resolves with the report as soon as it satisfies `predicate`, looked at now and after each event. */
  async waitFor(predicate: (report: Report) => boolean): Promise<Report> {
    const { events } = this;
    return new Promise((resolve) => {
      const look = () => {
        const report = this.report();
        if (!predicate(report)) return;
        events.off('change', look);
        resolve(report);
      };
      events.on('change', look);
      look();
    });
  }

  /** Ends every connection, timer and server. Safe twice. */
  async stop(): Promise<void> {
    this.#network.clock.cancelAll();
    this.#texts.stop();
    await this.#listener.stop();
    // Connections that closed just now may have booked timers of their own.
    this.#network.clock.cancelAll();
  }

  #phone(digits: string): Phone {
    const phone = this.#network.directory.find(digits);
    if (!phone)
      throw new Error(`the phone ${digits} is not on WhatsApp: use a registered number, digits only`);
    return phone;
  }

  #linkedDevices(digits: string): LinkedDevice[] {
    const devices = [...this.#phone(digits).linkedDevices.values()];
    if (devices.length === 0) throw new Error(`the number ${digits} has no linked device`);
    return devices;
  }
}
