import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import type { Service } from '../../server/src/platform/lifecycle.ts';
import type { OutgoingContent, WhatsApp } from '../../server/src/whatsapp/client.ts';
import { type Arrival, type Simulator, startSimulator } from '../../simulator/src/index.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { DeviceOnNetwork, newPhone, type ObservedConnection, startAdapter } from './device-on-network.ts';

/** What a test of the adapter stands on: a network, the adapter on a database, and, anew for each test, a linked number. */
export class AdapterStage {
  database!: TestDatabase;
  simulator!: Simulator;
  whatsapp!: WhatsApp & Service;
  device!: DeviceOnNetwork;
  observed!: ObservedConnection;
  phone!: string;

  send(to: string, content: OutgoingContent): ReturnType<DeviceOnNetwork['send']> {
    return this.device.send(this.observed, to, content);
  }

  /** What a recipient's phone shows. */
  seenBy(to: string): Arrival[] {
    return this.simulator.recipients({ phone: to })[0]?.shown ?? [];
  }
}

/** Registers the stage with the test file that calls this. */
export function openAdapterStage(seed: string): AdapterStage {
  const stage = new AdapterStage();
  beforeAll(async () => {
    stage.database = await createTestDatabase();
    stage.simulator = await startSimulator({
      seed,
      behaviour: { receiptDelayMs: [0, 0], readDelayMs: [0, 0], readProbability: 1 },
    });
    stage.whatsapp = await startAdapter(stage.database.db, stage.simulator);
  });
  beforeEach(async () => {
    stage.device = await DeviceOnNetwork.create(stage.database.db);
    stage.phone = newPhone();
    stage.observed = await stage.device.pair(stage.whatsapp, stage.simulator, stage.phone);
  });
  afterEach(async () => {
    await stage.observed.connection.close();
    stage.simulator.clearFaults();
  });
  afterAll(async () => {
    await stage.whatsapp.stop();
    await stage.simulator.stop();
    await stage.database.remove();
  });
  return stage;
}
