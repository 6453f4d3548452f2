import { EventEmitter } from 'node:events';
import type { Arrival } from './record/recipient-record.ts';

/** A linked device by its phone's number (digits only) and its number on that phone. */
export interface DeviceName {
  readonly phone: string;
  readonly deviceId: number;
}

export interface PairedDevice extends DeviceName {
  readonly jid: string;
  readonly lid: string;
}

/** What happens on the network, as it happens. Phones are digits only. */
export interface SimulatorEvents {
  paired: [PairedDevice];
  /** A linked device finished its login. */
  connected: [DeviceName];
  disconnected: [DeviceName];
  loginRefused: [DeviceName];
  /** A message reached a recipient's phone. */
  arrival: [Arrival & { readonly to: string }];
  /** A message was acknowledged; `error` when refused; `dropped` when the acknowledgement was withheld on demand. */
  ack: [
    DeviceName & {
      readonly id: string;
      readonly to: string;
      readonly error?: number;
      readonly dropped: boolean;
    },
  ];
  /** A message was swallowed on demand. */
  lost: [DeviceName & { readonly id: string; readonly to: string }];
  /** A person's phone sent a receipt to a linked device. */
  receipt: [
    DeviceName & {
      readonly id: string;
      readonly from: string;
      readonly type: 'delivered' | 'read' | 'retry';
    },
  ];
  /** A linked device confirmed, read or asked again for a message that it received. */
  clientReceipt: [DeviceName & { readonly id: string; readonly to: string; readonly type: string }];
  /** A frame came on a connection whose place another login had taken. */
  refusedFrame: [];
  /** What came on a connection could not be taken, so it was dropped. */
  failed: [Error];
}

/** Emits every event under its own name, and that something happened under `change`. */
export class NetworkEvents extends EventEmitter<SimulatorEvents & { change: [] }> {
  constructor() {
    super();
    // Tests wait for many things at once; a large number of listeners is not a leak here.
    this.setMaxListeners(0);
  }

  tell<Name extends keyof SimulatorEvents>(name: Name, ...details: SimulatorEvents[Name]): void {
    (this.emit as (name: string, ...details: unknown[]) => boolean).call(this, name, ...details);
    this.emit('change');
  }
}
