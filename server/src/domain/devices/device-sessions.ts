import { SambadError } from '../../platform/errors.ts';
import type { Service } from '../../platform/lifecycle.ts';
import { Semaphore } from '../../platform/semaphore.ts';
import { DeviceSession, type DeviceSessionOptions, type PairingCode } from './device-session.ts';
import { devicesToRestore, getDevice, isOfNetwork } from './devices.ts';

export interface DeviceSessionsOptions extends Omit<DeviceSessionOptions, 'device' | 'logins' | 'onEnded'> {
  /** Devices that may log in at the same time. */
  loginsAtOnce: number;
}

/** The first code comes within a second or two; longer than this and something is wrong with the way to WhatsApp. */
const codeWaitMs = 20_000;

/** The sessions of the devices that this process owns: restores them at boot, opens and stops them on request. */
export class DeviceSessions implements Service {
  readonly #options: DeviceSessionsOptions;
  readonly #sessions = new Map<string, DeviceSession>();
  readonly #logins: Semaphore;

  constructor(options: DeviceSessionsOptions) {
    this.#options = options;
    this.#logins = new Semaphore(options.loginsAtOnce);
  }

  async start(): Promise<void> {
    for (const device of await devicesToRestore(this.#options.db, this.#options.network)) this.open(device);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#sessions.values()].map((session) => session.stop()));
  }

  /** The device's session, opened if there is none. */
  open(device: { deviceId: string; workspaceId: string }): DeviceSession {
    const known = this.#sessions.get(device.deviceId);
    if (known) return known;
    const session = new DeviceSession({
      ...this.#options,
      device,
      logins: this.#logins,
      onEnded: () => this.#sessions.delete(device.deviceId),
    });
    this.#sessions.set(device.deviceId, session);
    session.start();
    return session;
  }

  /** Connects a linked device whose session has ended. Throws `conflict` for one that must be linked first. */
  async reconnect(workspaceId: string, deviceId: string): Promise<void> {
    await getDevice(this.#options.db, workspaceId, deviceId);
    if (!(await this.#options.whatsapp.isPaired({ workspaceId, deviceId }))) {
      throw new SambadError('conflict', 'This device is not linked to a phone: scan its code first.', {
        field: 'deviceId',
      });
    }
    if (!(await isOfNetwork(this.#options.db, { workspaceId, deviceId }, this.#options.network))) {
      throw new SambadError(
        'conflict',
        'This device was linked on another WhatsApp network: check WHATSAPP_SERVER_URL.',
        { field: 'deviceId' },
      );
    }
    this.open({ workspaceId, deviceId });
  }

  /** A code to scan for a device that is not linked; opens its session. Throws `conflict` for a linked one. */
  async pairingCode(workspaceId: string, deviceId: string): Promise<PairingCode> {
    const device = await getDevice(this.#options.db, workspaceId, deviceId);
    if (await this.#options.whatsapp.isPaired({ workspaceId, deviceId })) {
      throw new SambadError('conflict', `This device is already linked to ${device.phone ?? 'a phone'}.`, {
        field: 'deviceId',
      });
    }
    const over = new AbortController();
    const timer = this.#options.clock.after(codeWaitMs, () => over.abort());
    try {
      const code = await this.open({ workspaceId, deviceId }).pairingCode(over.signal);
      if (code) return code;
    } finally {
      timer.cancel();
    }
    throw new SambadError(
      'device_offline',
      'WhatsApp gave no code to scan: check the connection to it and try again.',
    );
  }
}
