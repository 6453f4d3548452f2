import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Arrival, type Simulator, startSimulator } from '../../../../simulator/src/index.ts';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import {
  DeviceOnNetwork,
  newPhone,
  type ObservedConnection,
  startAdapter,
  testEncryption,
} from '../../../../test/support/device-on-network.ts';
import type { Service } from '../../platform/lifecycle.ts';
import type { OutgoingContent, WhatsApp } from '../client.ts';

let database: TestDatabase;
let simulator: Simulator;
let whatsapp: WhatsApp & Service;
let device: DeviceOnNetwork;
let observed: ObservedConnection;
let phone: string;

beforeAll(async () => {
  database = await createTestDatabase();
  simulator = await startSimulator({
    seed: 'recovery',
    behaviour: { receiptDelayMs: [0, 0], readDelayMs: [0, 0], readProbability: 1 },
  });
  whatsapp = await startAdapter(database.db, simulator);
});
beforeEach(async () => {
  device = await DeviceOnNetwork.create(database.db);
  phone = newPhone();
  observed = await device.pair(whatsapp, simulator, phone);
});
afterEach(async () => {
  await observed.connection.close();
  simulator.clearFaults();
});
afterAll(async () => {
  await whatsapp.stop();
  await simulator.stop();
  await database.remove();
});

const text = (words: string): OutgoingContent => ({ kind: 'text', text: words });
const send = (to: string, content: OutgoingContent) => device.send(observed, to, content);

function seenBy(to: string): Arrival[] {
  return simulator.recipients({ phone: to })[0]?.shown ?? [];
}

function shownTo(to: string): (string | undefined)[] {
  return seenBy(to).map((shown) => shown.text);
}

test('of messages caught by a cut, none that is called unwritten reached the network', async () => {
  const known = newPhone();
  await device.sendAcknowledged(observed, known, 'before');
  const recipients = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? known : newPhone()));
  const arrival = once(simulator.events, 'arrival');
  const sendings = recipients.map((to, index) => send(to, text(`caught ${index}`)));
  await arrival;
  simulator.cut(phone);
  const sent = await Promise.all(sendings);
  await observed.seen('closed');
  const arrived = new Set(recipients.flatMap((to) => seenBy(to).map((shown) => shown.id)));
  const unwritten = sent.filter(({ result }) => result.kind === 'not_written');
  expect(unwritten.length).toBeGreaterThan(0);
  for (const { id, result } of unwritten) {
    expect(result).toEqual({ kind: 'not_written', reason: 'offline' });
    expect(arrived.has(id)).toBe(false);
  }
});

test('after a restart a known recipient can be written to without pairing', async () => {
  const to = newPhone();
  await device.sendAcknowledged(observed, to, 'before');
  await observed.connection.close();
  const restarted = await startAdapter(database.db, simulator);
  observed = await device.open(restarted);
  await device.sendAcknowledged(observed, to, 'after');
  await simulator.waitFor(() => seenBy(to).length === 2);
  expect(shownTo(to)).toEqual(['before', 'after']);
  await observed.connection.close();
  await restarted.stop();
});

test('keys that a crash left behind the last message do not keep the next one from being read', async () => {
  const to = newPhone();
  await device.sendAcknowledged(observed, to, 'one');
  await observed.connection.close();
  const saved = await database.pool.query('select * from device_keys where device_id = $1', [
    device.deviceId,
  ]);
  observed = await device.open(whatsapp);
  await device.sendAcknowledged(observed, to, 'two');
  await observed.connection.close();
  await database.pool.query('delete from device_keys where device_id = $1', [device.deviceId]);
  for (const row of saved.rows) {
    await database.pool.query(
      'insert into device_keys (device_id, type, key, workspace_id, sealed) values ($1, $2, $3, $4, $5)',
      [row.device_id, row.type, row.key, row.workspace_id, row.sealed],
    );
  }
  const restarted = await startAdapter(database.db, simulator);
  observed = await device.open(restarted);
  await device.sendAcknowledged(observed, to, 'three');
  await simulator.waitFor(() => seenBy(to).length === 3);
  expect(shownTo(to)).toEqual(['one', 'two', 'three']);
  await observed.connection.close();
  await restarted.stop();
});

test('a ratchet that could not be stored ends the connection and heals through a retry receipt', async () => {
  const to = newPhone();
  await device.sendAcknowledged(observed, to, 'one');
  await incomingReply(to);
  await device.sendAcknowledged(observed, to, 'two');
  await refuseKeys();
  const { id, result } = await send(to, text('three'));
  // The message was out before its keys failed, and that is what counts.
  expect(result).toEqual({ kind: 'written' });
  expect(await observed.seen('closed')).toMatchObject({ reason: 'connection_lost' });
  await simulator.waitFor(() => seenBy(to).some((arrival) => arrival.id === id));
  await database.pool.query('drop trigger refuse_keys on device_keys');

  observed = await device.open(whatsapp);
  const four = await device.sendAcknowledged(observed, to, 'four');
  await simulator.waitFor(() => seenBy(to).length === 4);
  expect(shownTo(to)).toEqual(['one', 'two', 'three', 'four']);
  const arrivals = simulator.recipients({ phone: to })[0]?.arrivals.filter((arrival) => arrival.id === four);
  expect(arrivals?.map((arrival) => arrival.outcome)).toEqual(['undecryptable', 'shown']);
});

/** A text that comes back, after which the session is established on both sides. */
async function incomingReply(from: string): Promise<void> {
  await simulator.incomingText({ fromPhone: from, toPhone: phone, text: `from ${from}` });
  await observed.seen('incoming', (event) => event.text === `from ${from}`);
}

/** From now on the database refuses this device's Signal keys, as it would refuse malformed ones. */
async function refuseKeys(): Promise<void> {
  await database.pool.query(`
    create or replace function refuse_keys() returns trigger language plpgsql as $$
    begin raise exception 'refused' using errcode = '22000'; end $$;
    create trigger refuse_keys before insert or update on device_keys for each row
    when (new.device_id = '${device.deviceId}') execute function refuse_keys()`);
}

test('what is stored holds no key in plain, and opens in its own row only', async () => {
  await device.sendAcknowledged(observed, newPhone(), 'sealed');
  await observed.connection.close();
  const { rows } = await database.pool.query<{ type: string; key: string; sealed: Buffer }>(
    `select type, key, sealed from device_keys where device_id = $1 union all
     select 'credentials', '', sealed from device_credentials where device_id = $1`,
    [device.deviceId],
  );
  const cipher = testEncryption.forPurpose(`device:${device.deviceId}`);
  const opened = rows.map(({ type, key, sealed }) =>
    cipher.open(`${device.deviceId}:${type}:${key}`, sealed).toString(),
  );
  const secrets = opened.flatMap((text) => text.match(/[A-Za-z0-9+/]{43}=/g) ?? []);
  expect(secrets.length).toBeGreaterThan(1600);
  const stored = Buffer.concat(rows.map((row) => row.sealed)).toString('latin1');
  for (const secret of secrets) {
    expect(stored.includes(secret)).toBe(false);
    expect(stored.includes(Buffer.from(secret, 'base64').toString('latin1'))).toBe(false);
  }
  const [one, other] = rows;
  expect(() =>
    cipher.open(`${device.deviceId}:${one?.type}:${one?.key}`, other?.sealed ?? Buffer.alloc(0)),
  ).toThrow();
});
