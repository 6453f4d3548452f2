import { once } from 'node:events';
import { expect, test } from 'vitest';
import { openAdapterStage } from '../../../../test/support/adapter-stage.ts';
import { newPhone, startAdapter, testEncryption } from '../../../../test/support/device-on-network.ts';
import type { OutgoingContent } from '../client.ts';

const stage = openAdapterStage('recovery');

const text = (words: string): OutgoingContent => ({ kind: 'text', text: words });

function shownTo(to: string): (string | undefined)[] {
  return stage.seenBy(to).map((shown) => shown.text);
}

test('of messages caught by a cut, none that is called unwritten reached the network', async () => {
  const known = newPhone();
  await stage.device.sendAcknowledged(stage.observed, known, 'before');
  const recipients = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? known : newPhone()));
  const arrival = once(stage.simulator.events, 'arrival');
  const sendings = recipients.map((to, index) => stage.send(to, text(`caught ${index}`)));
  await arrival;
  stage.simulator.cut(stage.phone);
  const sent = await Promise.all(sendings);
  await stage.observed.seen('closed');
  const arrived = new Set(recipients.flatMap((to) => stage.seenBy(to).map((shown) => shown.id)));
  const unwritten = sent.filter(({ result }) => result.kind === 'not_written');
  expect(unwritten.length).toBeGreaterThan(0);
  for (const { id, result } of unwritten) {
    expect(result).toEqual({ kind: 'not_written', reason: 'offline' });
    expect(arrived.has(id)).toBe(false);
  }
});

test('after a restart a known recipient can be written to without pairing', async () => {
  const to = newPhone();
  await stage.device.sendAcknowledged(stage.observed, to, 'before');
  await stage.observed.connection.close();
  const restarted = await startAdapter(stage.database.db, stage.simulator);
  stage.observed = await stage.device.open(restarted);
  await stage.device.sendAcknowledged(stage.observed, to, 'after');
  await stage.simulator.waitFor(() => stage.seenBy(to).length === 2);
  expect(shownTo(to)).toEqual(['before', 'after']);
  await stage.observed.connection.close();
  await restarted.stop();
});

test('keys that a crash left behind the last message do not keep the next one from being read', async () => {
  const to = newPhone();
  await stage.device.sendAcknowledged(stage.observed, to, 'one');
  await stage.observed.connection.close();
  const saved = await stage.database.pool.query('select * from device_keys where device_id = $1', [
    stage.device.deviceId,
  ]);
  stage.observed = await stage.device.open(stage.whatsapp);
  await stage.device.sendAcknowledged(stage.observed, to, 'two');
  await stage.observed.connection.close();
  await stage.database.pool.query('delete from device_keys where device_id = $1', [stage.device.deviceId]);
  for (const row of saved.rows) {
    await stage.database.pool.query(
      'insert into device_keys (device_id, type, key, workspace_id, sealed) values ($1, $2, $3, $4, $5)',
      [row.device_id, row.type, row.key, row.workspace_id, row.sealed],
    );
  }
  const restarted = await startAdapter(stage.database.db, stage.simulator);
  stage.observed = await stage.device.open(restarted);
  await stage.device.sendAcknowledged(stage.observed, to, 'three');
  await stage.simulator.waitFor(() => stage.seenBy(to).length === 3);
  expect(shownTo(to)).toEqual(['one', 'two', 'three']);
  await stage.observed.connection.close();
  await restarted.stop();
});

test('a ratchet that could not be stored ends the connection and heals through a retry receipt', async () => {
  const to = newPhone();
  await stage.device.sendAcknowledged(stage.observed, to, 'one');
  await incomingReply(to);
  await stage.device.sendAcknowledged(stage.observed, to, 'two');
  await refuseKeys();
  const { id, result } = await stage.send(to, text('three'));
  // The message was out before its keys failed, and that is what counts.
  expect(result).toEqual({ kind: 'written' });
  expect(await stage.observed.seen('closed')).toMatchObject({ reason: 'connection_lost' });
  await stage.simulator.waitFor(() => stage.seenBy(to).some((arrival) => arrival.id === id));
  await stage.database.pool.query('drop trigger refuse_keys on device_keys');

  stage.observed = await stage.device.open(stage.whatsapp);
  const four = await stage.device.sendAcknowledged(stage.observed, to, 'four');
  await stage.simulator.waitFor(() => stage.seenBy(to).length === 4);
  expect(shownTo(to)).toEqual(['one', 'two', 'three', 'four']);
  const arrivals = stage.simulator
    .recipients({ phone: to })[0]
    ?.arrivals.filter((arrival) => arrival.id === four);
  expect(arrivals?.map((arrival) => arrival.outcome)).toEqual(['undecryptable', 'shown']);
});

/** A text that comes back, after which the session is established on both sides. */
async function incomingReply(from: string): Promise<void> {
  await stage.simulator.incomingText({ fromPhone: from, toPhone: stage.phone, text: `from ${from}` });
  await stage.observed.seen('incoming', (event) => event.text === `from ${from}`);
}

/** From now on the stage.database refuses this device's Signal keys, as it would refuse malformed ones. */
async function refuseKeys(): Promise<void> {
  await stage.database.pool.query(`
    create or replace function refuse_keys() returns trigger language plpgsql as $$
    begin raise exception 'refused' using errcode = '22000'; end $$;
    create trigger refuse_keys before insert or update on device_keys for each row
    when (new.device_id = '${stage.device.deviceId}') execute function refuse_keys()`);
}

test('what is stored holds no key in plain, and opens in its own row only', async () => {
  await stage.device.sendAcknowledged(stage.observed, newPhone(), 'sealed');
  await stage.observed.connection.close();
  const { rows } = await stage.database.pool.query<{ type: string; key: string; sealed: Buffer }>(
    `select type, key, sealed from device_keys where device_id = $1 union all
     select 'credentials', '', sealed from device_credentials where device_id = $1`,
    [stage.device.deviceId],
  );
  const cipher = testEncryption.forPurpose(`device:${stage.device.deviceId}`);
  const opened = rows.map(({ type, key, sealed }) =>
    cipher.open(`${stage.device.deviceId}:${type}:${key}`, sealed).toString(),
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
    cipher.open(`${stage.device.deviceId}:${one?.type}:${one?.key}`, other?.sealed ?? Buffer.alloc(0)),
  ).toThrow();
});
