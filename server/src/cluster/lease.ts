/**
 * Leave to hold one device's socket. `epoch` is the fencing token: every claim, settlement and key write names it and
 * the database drops what comes under an older one.
 */
export interface Lease {
  readonly deviceId: string;
  readonly workspaceId: string;
  readonly epoch: number;
  /** Whether the holder may still write to the socket; the last check before each write. */
  isHeld(): boolean;
}

/** Hands out leases: to one process that owns everything, or to several that share. */
export interface Leases {
  /** Names this process in the lease rows. */
  readonly nodeId: string;
  /** Takes the lease under a new, higher epoch; undefined when another live node holds it. */
  acquire(device: { deviceId: string; workspaceId: string }): Promise<Lease | undefined>;
  /** Gives the lease back; the epoch stays in the row, so that the next holder gets a higher one. Safe twice. */
  release(lease: Lease): Promise<void>;
}
