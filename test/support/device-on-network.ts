import { sql } from 'kysely';
import type { Db } from '../../server/src/database/index.ts';
import { systemClock } from '../../server/src/platform/clock.ts';
import { createEncryption } from '../../server/src/platform/encryption.ts';
import { idSource } from '../../server/src/platform/ids.ts';
import type { Service } from '../../server/src/platform/lifecycle.ts';
import { type Logger, silentLogger } from '../../server/src/platform/logger.ts';
import { systemRandom } from '../../server/src/platform/random.ts';
import { createBaileysWhatsApp } from '../../server/src/whatsapp/baileys/index.ts';
import type {
  Connection,
  ConnectionEvent,
  OutgoingContent,
  WhatsApp,
  WriteResult,
} from '../../server/src/whatsapp/client.ts';
import type { Simulator } from '../../simulator/src/index.ts';

const newId = idSource(systemClock, systemRandom);
export const testEncryption = createEncryption(Buffer.alloc(32, 7));

/** A started Baileys adapter that talks to the simulator. */
export async function startAdapter(
  db: Db,
  network: Pick<Simulator, 'url' | 'rootPublicKey'>,
  logger: Logger = silentLogger,
): Promise<WhatsApp & Service> {
  const adapter = createBaileysWhatsApp({
    db,
    logger,
    encryption: testEncryption,
    clock: systemClock,
    random: systemRandom,
    deviceName: 'Sambad test',
    server: { url: network.url, rootKey: Buffer.from(network.rootPublicKey, 'base64') },
  });
  await adapter.start();
  return adapter;
}

let phones = 60123450000;

/** A phone number that no other test of this file uses. */
export function newPhone(): string {
  phones += 7;
  return String(phones);
}

/** A PNG of one pixel. */
export const onePixelPng = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

type EventOf<Kind extends ConnectionEvent['kind']> = Extract<ConnectionEvent, { kind: Kind }>;

/** A connection with everything it said. */
export class ObservedConnection {
  readonly events: ConnectionEvent[] = [];
  readonly #waiting = new Set<() => void>();
  connection!: Connection;

  hear(event: ConnectionEvent): void {
    this.events.push(event);
    for (const look of [...this.#waiting]) look();
  }

  /** The first event of a kind that matches, heard already or still to come. */
  seen<Kind extends ConnectionEvent['kind']>(
    kind: Kind,
    matches: (event: EventOf<Kind>) => boolean = () => true,
  ): Promise<EventOf<Kind>> {
    return new Promise((resolve) => {
      const look = (): void => {
        const event = this.events.find(
          (heard): heard is EventOf<Kind> => heard.kind === kind && matches(heard as EventOf<Kind>),
        );
        if (!event) return;
        this.#waiting.delete(look);
        resolve(event);
      };
      this.#waiting.add(look);
      look();
    });
  }

  count(kind: ConnectionEvent['kind']): number {
    return this.events.filter((event) => event.kind === kind).length;
  }
}

/** A device with its rows, and the lease that a test can take from it. */
export class DeviceOnNetwork {
  readonly deviceId = newId();
  readonly workspaceId = newId();
  epoch = 1;
  mayWrite = true;
  readonly sent = new Map<string, OutgoingContent>();
  readonly #db: Db;
  #sends = 0;

  constructor(db: Db) {
    this.#db = db;
  }

  static async create(db: Db): Promise<DeviceOnNetwork> {
    const device = new DeviceOnNetwork(db);
    const { deviceId, workspaceId } = device;
    await sql`insert into workspaces (id, name, time_zone, default_country) values (${workspaceId}, 'Test', 'UTC', 'MY')`.execute(
      db,
    );
    await sql`
      insert into user_devices (id, workspace_id, name, rotation_order, min_delay_seconds, max_delay_seconds, cap_per_minute,
        cap_per_hour, cap_per_day)
      values (${deviceId}, ${workspaceId}, 'Test', 1, 0, 0, 1000, 10000, 100000)`.execute(db);
    await sql`insert into device_leases (device_id, workspace_id, epoch) values (${deviceId}, ${workspaceId}, 1)`.execute(
      db,
    );
    return device;
  }

  /** Another node takes the device: what this one still writes comes under an old epoch. */
  async loseLease(): Promise<void> {
    await sql`update device_leases set epoch = epoch + 1 where device_id = ${this.deviceId}`.execute(
      this.#db,
    );
  }

  async connect(whatsapp: WhatsApp): Promise<ObservedConnection> {
    const observed = new ObservedConnection();
    observed.connection = await whatsapp.connect({
      deviceId: this.deviceId,
      workspaceId: this.workspaceId,
      epoch: this.epoch,
      mayWrite: () => this.mayWrite,
      onEvent: (event) => observed.hear(event),
      contentOf: async (id) => this.sent.get(id),
    });
    return observed;
  }

  /** Links the device to `phone` and returns it logged in. */
  async pair(whatsapp: WhatsApp, simulator: Simulator, phone: string): Promise<ObservedConnection> {
    const pairing = await this.connect(whatsapp);
    const { code } = await pairing.seen('qr');
    await simulator.scanQr(code, { phone });
    await pairing.seen('closed');
    return this.open(whatsapp);
  }

  async open(whatsapp: WhatsApp): Promise<ObservedConnection> {
    const observed = await this.connect(whatsapp);
    await observed.seen('open');
    await observed.seen('offline_drained');
    return observed;
  }

  /** Sends to a phone under a new id, and remembers the content as the ledger would. */
  async send(
    over: ObservedConnection,
    to: string,
    content: OutgoingContent,
  ): Promise<{ id: string; result: WriteResult }> {
    this.#sends += 1;
    const id = `3EB0${String(this.#sends).padStart(18, '0')}`;
    this.sent.set(id, content);
    const result = await over.connection.send({ waMessageId: id, jid: `${to}@s.whatsapp.net`, content });
    return { id, result };
  }

  /** Sends a text and waits until the network has accepted it; returns its id. */
  async sendAcknowledged(over: ObservedConnection, to: string, words: string): Promise<string> {
    const { id } = await this.send(over, to, { kind: 'text', text: words });
    await over.seen('acknowledged', (event) => event.waMessageId === id);
    return id;
  }

  /** A medium of the workspace with these bytes. */
  async addMedia(bytes: Buffer): Promise<string> {
    const mediaId = newId();
    await sql`
      insert into media (id, workspace_id, sha256, mime_type, bytes)
      values (${mediaId}, ${this.workspaceId}, sha256(${bytes}::bytea), 'image/png', ${bytes}::bytea)`.execute(
      this.#db,
    );
    return mediaId;
  }
}
