import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { CampaignReports } from '../domain/campaigns/index.ts';
import type { DeviceDirectory } from '../domain/devices/index.ts';

/** What Prometheus may read; names and meanings are listed in docs/operations.md. */
export interface Metrics {
  registry: Registry;
  /** Jobs whose books did not balance at the last audit; anything but 0 is a defect. */
  imbalances: Gauge;
  countSettled(messages: readonly { status: string }[]): void;
}

export function createMetrics(parts: { devices: DeviceDirectory; campaigns: CampaignReports }): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const imbalances = new Gauge({
    name: 'sambad_ledger_imbalances',
    help: 'Jobs of the last day whose planned messages differ from the sum of all states, as of the last audit.',
    registers: [registry],
  });
  const settled = new Counter({
    name: 'sambad_messages_settled_total',
    help: 'Moves of messages to a status, by this process.',
    labelNames: ['status'],
    registers: [registry],
  });
  registry.registerMetric(
    new Gauge({
      name: 'sambad_live_messages',
      help: 'Messages of unfinished jobs, by status.',
      labelNames: ['status'],
      registers: [],
      async collect() {
        this.reset();
        for (const { status, messages } of await parts.campaigns.countLiveMessages())
          this.set({ status }, messages);
      },
    }),
  );
  registry.registerMetric(
    new Gauge({
      name: 'sambad_devices',
      help: 'Devices, by state.',
      labelNames: ['state'],
      registers: [],
      async collect() {
        this.reset();
        for (const { state, devices } of await parts.devices.countStates()) this.set({ state }, devices);
      },
    }),
  );
  const countSettled = (messages: readonly { status: string }[]): void => {
    for (const { status } of messages) settled.inc({ status });
  };
  return { registry, imbalances, countSettled };
}
