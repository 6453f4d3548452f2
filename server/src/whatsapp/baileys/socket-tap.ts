import type { EventEmitter } from 'node:events';
import type { Clock, Timer } from '../../platform/clock.ts';
import { propertyOf } from './close-reason.ts';
import { currentTrace, SendStopped } from './send-trace.ts';

/** How long the peer may take to answer our closing of the socket; a frozen one would take 30 s. */
const closeAnswerMs = 2000;

/** What the adapter uses of the `ws` socket below Baileys' client. */
interface RawSocket {
  send(data: unknown, done?: (error?: Error) => void): void;
  close(...reason: unknown[]): void;
  terminate(): void;
  once(event: 'error' | 'close', listener: () => void): unknown;
}

export interface SocketTapOptions {
  clock: Clock;
  /** Asked before each write; a reason refuses it. */
  refusal(): SendStopped['reason'] | undefined;
  /** The socket begins to close, whoever closes it. May be called twice. */
  onClosing(): void;
  onListenerError(error: unknown): void;
}

/**
 * Stands at a Baileys socket's own write, which is the last place where a write can be refused and the first where it
 * is certain that one happens. Must be called in the same turn as makeWASocket, before anything is written.
 */
export function tapSocket(client: EventEmitter, options: SocketTapOptions): { release(): void } {
  catchListenerErrors(client, options.onListenerError);
  const socket = propertyOf(client, 'socket') as RawSocket;
  const send = socket.send.bind(socket);
  const close = socket.close.bind(socket);
  let timer: Timer | undefined;
  socket.send = (data, done) => {
    const trace = currentTrace();
    const carriesMessage = trace?.stanzaComesNext === true;
    const reason = options.refusal();
    if (reason && carriesMessage) throw new SendStopped(reason, 'The message may not be written.');
    if (reason) {
      // Baileys writes many stanzas from listeners that nobody awaits. The socket is closing: what is refused is dropped.
      queueMicrotask(() => done?.());
      return;
    }
    const written = carriesMessage ? trace.startWrite() : undefined;
    send(data, (error) => {
      written?.(error);
      done?.(error);
    });
  };
  socket.close = (...reason) => {
    options.onClosing();
    timer ??= options.clock.after(closeAnswerMs, () => socket.terminate());
    close(...reason);
  };
  // A reset connection reports an error some turns before its end; in between, queries already fail.
  socket.once('error', options.onClosing);
  socket.once('close', options.onClosing);
  return { release: () => timer?.cancel() };
}

/**
 * Baileys registers asynchronous listeners that write to the socket; when it closes under them they reject (even with
 * the bare number 1006) and nobody is there to catch it. Emitting here catches it.
 */
function catchListenerErrors(client: EventEmitter, onError: (error: unknown) => void): void {
  client.emit = (event: string | symbol, ...values: unknown[]): boolean => {
    const listeners = client.rawListeners(event);
    for (const listener of listeners) {
      const result: unknown = Reflect.apply(listener, client, values);
      if (result instanceof Promise) result.catch(onError);
    }
    return listeners.length > 0;
  };
}
