import { EventEmitter, once } from 'node:events';
import { beforeEach, expect, test, vi } from 'vitest';
import { type Clock, systemClock } from '../../platform/clock.ts';
import { SendStopped, SendTrace, traced } from './send-trace.ts';
import { tapSocket } from './socket-tap.ts';

/** A `ws` socket as far as the tap uses it. */
class RawSocket extends EventEmitter {
  readonly sent: unknown[] = [];
  readonly close = vi.fn();
  readonly terminate = vi.fn();
  send(data: unknown, done?: (error?: Error) => void): void {
    this.sent.push(data);
    done?.();
  }
}

let socket: RawSocket;
let client: EventEmitter & { socket: RawSocket };
let refusal: 'offline' | 'lease_lost' | undefined;
let errors: unknown[];
let closings: number;
let timers: { delayMs: number; work: () => void; cancelled: boolean }[];

beforeEach(() => {
  socket = new RawSocket();
  client = Object.assign(new EventEmitter(), { socket });
  refusal = undefined;
  errors = [];
  closings = 0;
  timers = [];
});

const clock: Clock = {
  ...systemClock,
  after(delayMs, work) {
    const timer = { delayMs, work, cancelled: false };
    timers.push(timer);
    return {
      cancel() {
        timer.cancelled = true;
      },
    };
  },
};

function tap(): { release(): void } {
  const onClosing = (): void => {
    closings += 1;
  };
  return tapSocket(client, {
    clock,
    refusal: () => refusal,
    onClosing,
    onListenerError: (error) => errors.push(error),
  });
}

test('what a listener rejects with is caught, and every listener is called', async () => {
  tap();
  const called: string[] = [];
  client.on('frame', async () => Promise.reject(1006));
  client.once('frame', () => called.push('once'));
  client.on('frame', () => called.push('on'));
  expect(client.emit('frame', 1)).toBe(true);
  expect(client.emit('frame', 2)).toBe(true);
  expect(client.emit('nobody listens')).toBe(false);
  // Rejections are told after the microtasks of this turn.
  await new Promise((resolve) => setImmediate(resolve));
  expect(called).toEqual(['once', 'on', 'on']);
  expect(errors).toEqual([1006, 1006]);
});

test('a refused stanza is dropped without an error, a refused message throws', async () => {
  tap();
  refusal = 'lease_lost';
  await new Promise<void>((resolve) => socket.send('ping', () => resolve()));
  const trace = new SendTrace({ waMessageId: 'A', recipientUser: '602', ownUsers: new Set(['601']) });
  trace.observe({ msgId: 'A' }, 'sending message to 1 devices');
  await expect(traced(trace, async () => socket.send('message'))).rejects.toThrow(SendStopped);
  expect(socket.sent).toEqual([]);
  expect(trace.started).toBe(false);
});

test('a message that goes out is traced to the end, other writes of its send are not', async () => {
  tap();
  const trace = new SendTrace({ waMessageId: 'A', recipientUser: '602', ownUsers: new Set(['601']) });
  await traced(trace, async () => {
    socket.send('query');
    expect(trace.started).toBe(false);
    trace.observe({ msgId: 'A' }, 'sending message to 1 devices');
    socket.send('message');
  });
  expect(trace.flushed).toBe(true);
  expect(socket.sent).toEqual(['query', 'message']);
});

test('a peer that does not answer the closing is cut off', () => {
  tap();
  socket.close();
  socket.close();
  expect(closings).toBe(2);
  expect(timers.map((timer) => timer.delayMs)).toEqual([2000]);
  timers[0]?.work();
  expect(socket.terminate).toHaveBeenCalledOnce();
});

test('the end of the socket is told, and a release cancels the cut', async () => {
  const { release } = tap();
  const ended = once(socket, 'close');
  socket.emit('close');
  await ended;
  expect(closings).toBe(1);
  socket.close();
  release();
  expect(timers[0]?.cancelled).toBe(true);
});
