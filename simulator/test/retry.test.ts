import type { WASocket } from 'baileys';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '../src/index.ts';
import { type ClientMemory, jidOf, pair } from './client.ts';

const AISHA = '60111222333';

let simulator: Simulator;
let socket: WASocket;
let memory: ClientMemory;
beforeEach(async () => {
  simulator = await startSimulator({ behaviour: { receiptDelayMs: [0, 0], readDelayMs: [0, 0] } });
  ({ socket, memory } = await pair(simulator));
});
afterEach(() => simulator.stop());

test('a client whose sessions went back in time is asked again until the message can be read', async () => {
  await socket.sendMessage(jidOf(AISHA), { text: 'One' }, { messageId: 'ID1' });
  const sessions = memory.snapshot('session');
  await socket.sendMessage(jidOf(AISHA), { text: 'Two' }, { messageId: 'ID2' });
  memory.restore('session', sessions);
  await socket.sendMessage(jidOf(AISHA), { text: 'Three' }, { messageId: 'ID3' });
  const report = await simulator.waitFor(({ shown }) => shown === 3);
  expect(report.undecryptable).toBe(1);
  expect(report.retryReceipts).toBeGreaterThanOrEqual(1);
  const [aisha] = simulator.recipients({ phone: AISHA });
  expect(aisha?.shown.map(({ id, text }) => `${id} ${text}`)).toEqual(['ID1 One', 'ID2 Two', 'ID3 Three']);
  expect(aisha?.arrivals.filter(({ id }) => id === 'ID3').map(({ outcome }) => outcome)).toEqual([
    'undecryptable',
    'shown',
  ]);
});

test('after healing, messages are read at once again', async () => {
  await socket.sendMessage(jidOf(AISHA), { text: 'One' }, { messageId: 'ID1' });
  const sessions = memory.snapshot('session');
  await socket.sendMessage(jidOf(AISHA), { text: 'Two' }, { messageId: 'ID2' });
  memory.restore('session', sessions);
  await socket.sendMessage(jidOf(AISHA), { text: 'Three' }, { messageId: 'ID3' });
  await simulator.waitFor(({ shown }) => shown === 3);
  await socket.sendMessage(jidOf(AISHA), { text: 'Four' }, { messageId: 'ID4' });
  expect(await simulator.waitFor(({ shown }) => shown === 4)).toMatchObject({
    undecryptable: 1,
    duplicatesAtRecipients: 0,
  });
});
