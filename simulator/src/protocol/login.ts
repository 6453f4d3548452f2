import { toNumber } from 'baileys';
import type { Network } from '../network.ts';
import type { LinkedDevice } from '../phones/phone.ts';
import { secondsText } from '../platform/clock.ts';
import type { ClientConnection } from '../transport/client-connection.ts';
import type { ClientFinish } from '../transport/noise.ts';
import { sendInitialSync } from './initial-sync.ts';
import { element } from './stanza.ts';
import { endStream } from './stream-end.ts';

const NOT_LINKED_REASON = '401';
const LOCATION = 'frc';

/**
 * Logs a linked device in, in place of its earlier connection if there is one. Returns undefined when there is no such
 * device, its key is another, or its logins are being refused.
 */
export function logIn(
  network: Network,
  connection: ClientConnection,
  { payload, staticKey }: ClientFinish,
): LinkedDevice | undefined {
  const digits = String(toNumber(payload.username));
  const deviceId = payload.device ?? 0;
  const refuse = (): undefined => {
    network.record.count('loginsRefused');
    network.events.tell('loginRefused', { phone: digits, deviceId });
  };
  const device = network.directory.find(digits)?.linkedDevices.get(deviceId);
  if (!device?.keys.noiseKey.equals(staticKey)) {
    connection.retire(element('failure', { reason: NOT_LINKED_REASON, location: LOCATION }));
    return refuse();
  }
  if (network.clock.monotonicMs() < device.refusedUntilMs) {
    connection.drop();
    return refuse();
  }
  if (device.connection) endStream(device.connection, 'replaced');
  device.connection = connection;
  device.active = false;
  device.connectedSince = network.clock.now();
  network.record.count('logins');
  connection.send(element('success', { t: secondsText(network.clock), lid: device.lid, location: LOCATION }));
  return device;
}

/** The device is ready: it gets what waited for it and, once after linking, what its phone owes it. */
export async function activate(network: Network, device: LinkedDevice): Promise<void> {
  const { connection } = device;
  if (!connection) return;
  const waiting = device.mailbox.waiting();
  for (const stanza of waiting) connection.send({ ...stanza, attrs: { ...stanza.attrs, offline: '0' } });
  connection.send(
    element('ib', { from: 's.whatsapp.net' }, [element('offline', { count: String(waiting.length) })]),
  );
  device.active = true;
  if (!device.settled) await sendInitialSync(network, device, connection);
  network.events.tell('connected', { phone: device.phone.digits, deviceId: device.id });
}

/** Its connection has gone. */
export function logOut(network: Network, device: LinkedDevice, connection: ClientConnection): void {
  if (device.connection !== connection) return;
  device.connection = undefined;
  device.active = false;
  network.events.tell('disconnected', { phone: device.phone.digits, deviceId: device.id });
}
