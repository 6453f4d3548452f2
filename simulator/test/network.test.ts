import { Agent } from 'node:https';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '../src/index.ts';
import { closed, connect, jidOf, opened, pair } from './client.ts';

const AISHA = '60111222333';
const CONNECTION_LOST = 428;

let simulator: Simulator;
beforeEach(async () => {
  simulator = await startSimulator({ behaviour: { receiptDelayMs: [0, 0], readDelayMs: [0, 0] } });
});
afterEach(() => simulator.stop());

test('the same port serves TLS: a client logs in over wss and its media is on https', async () => {
  const { memory, socket } = await pair(simulator);
  await socket.end(undefined);
  const secure = await opened(
    connect(simulator, memory, {
      waWebSocketUrl: simulator.url.replace('ws:', 'wss:'),
      agent: new Agent({ rejectUnauthorized: false }),
    }),
  );
  await secure.sendMessage(jidOf(AISHA), { image: Buffer.alloc(100, 1), jpegThumbnail: '' });
  await simulator.waitFor(({ shown }) => shown === 1);
  expect(simulator.recipients()[0]?.shown[0]?.mediaVerified).toBe(true);
});

test('stopping ends every connection, is safe twice, and frees the port', async () => {
  const { socket } = await pair(simulator);
  const ended = closed(socket);
  await Promise.all([simulator.stop(), simulator.stop()]);
  expect(await ended).toBe(CONNECTION_LOST);
  const next = await startSimulator({ port: simulator.port });
  expect(next.port).toBe(simulator.port);
  await next.stop();
});

test('a taken port is an error at the start', async () => {
  await expect(startSimulator({ port: simulator.port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
});

test('bytes that are not a client’s end their connection and nothing else', async () => {
  const { socket } = await pair(simulator);
  const stray = new WebSocket(simulator.url);
  const ended = new Promise((resolve) => stray.addEventListener('close', resolve));
  stray.addEventListener('open', () => stray.send(Buffer.from('not a client at all')));
  await ended;
  expect(simulator.report().connectionsFailed).toBe(1);
  await socket.sendMessage(jidOf(AISHA), { text: 'Hello' });
  await simulator.waitFor(({ shown }) => shown === 1);
});

test('behaviour out of range is refused with a sentence that names the field', async () => {
  await expect(startSimulator({ behaviour: { readProbability: 2 } })).rejects.toThrow(
    /readProbability must be between/,
  );
  await expect(startSimulator({ behaviour: { ackDelayMs: [5, 1] } })).rejects.toThrow(
    /ackDelayMs must be \[min, max\]/,
  );
});
