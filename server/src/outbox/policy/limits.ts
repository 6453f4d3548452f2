/** Bounds that an operator may set. */
export interface EngineLimits {
  /** The daily caps of a number that warms up, from its first day on. */
  warmUpSteps: readonly number[];
  /** The most that all devices together send in a minute; undefined for no bound. */
  globalCapPerMinute: number | undefined;
  /** Messages that are being sent at the same moment, over all devices. Devices that wait for their pace do not count. */
  workerPoolSize: number;
  /** Messages that a device holds in memory at most; the rest wait in the database. */
  queueBufferSize: number;
}

export const defaultLimits: EngineLimits = {
  warmUpSteps: [20, 40, 80, 160, 320, 640, 1280],
  globalCapPerMinute: undefined,
  workerPoolSize: 100,
  queueBufferSize: 1_000,
};
