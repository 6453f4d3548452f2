import { AsyncLocalStorage } from 'node:async_hooks';
import { propertyOf } from './close-reason.ts';

/** Thrown into Baileys to stop a send before its stanza is built or written. */
export class SendStopped extends Error {
  readonly reason: 'lease_lost' | 'offline' | 'no_recipient_keys';

  constructor(reason: SendStopped['reason'], sentence: string) {
    super(sentence);
    this.name = 'SendStopped';
    this.reason = reason;
  }
}

/**
 * What is known about one message's way to the socket. Baileys does not say whether a stanza was written before its
 * promise failed, so a trace travels along the asynchronous calls of one send and is told by two witnesses: the debug
 * line that Baileys logs right before it writes the message stanza, and the socket's own write. From that line to the
 * write nothing is awaited (messages-send relayMessage, socket sendNode, sendRawMessage), so the next write in this
 * context is the message itself.
 */
export class SendTrace {
  readonly #waMessageId: string;
  readonly #toOwnAccount: boolean;
  readonly #ownUsers: ReadonlySet<string>;
  #stanza: 'not_built' | 'comes_next' | 'started' | 'flushed' = 'not_built';

  constructor(options: { waMessageId: string; recipientUser: string; ownUsers: ReadonlySet<string> }) {
    this.#waMessageId = options.waMessageId;
    this.#toOwnAccount = options.ownUsers.has(options.recipientUser);
    this.#ownUsers = options.ownUsers;
  }

  /** Whether bytes of the message were handed to the socket. */
  get started(): boolean {
    return this.#stanza === 'started' || this.#stanza === 'flushed';
  }

  /** Whether the socket said that it passed the bytes on. */
  get flushed(): boolean {
    return this.#stanza === 'flushed';
  }

  /** Whether the write that is being made now carries the message. */
  get stanzaComesNext(): boolean {
    return this.#stanza === 'comes_next';
  }

  /** The socket took the stanza; the returned function is its completion. */
  startWrite(): (error?: unknown) => void {
    this.#stanza = 'started';
    return (error) => {
      if (!error) this.#stanza = 'flushed';
    };
  }

  /** Looks at a debug line of Baileys. Throws `SendStopped` when the message would reach nobody but ourselves. */
  observe(fields: unknown, text: string): void {
    if (text.startsWith('Device enumeration complete')) this.#checkDevices(propertyOf(fields, 'devices'));
    const recipients = /^sending message to (\d+) devices$/.exec(text);
    if (recipients && propertyOf(fields, 'msgId') === this.#waMessageId) {
      if (Number(recipients[1]) === 0) throw nobody();
      this.#stanza = 'comes_next';
    }
  }

  /**
   * When the device query fails or knows nobody, Baileys goes on: it sends to our own phone alone, or a message with no
   * encrypted part at all, and the server acknowledges both (wa-protocol section 5).
   */
  #checkDevices(devices: unknown): void {
    if (!Array.isArray(devices)) return;
    const users = devices.map((device) => String(device).split(':')[0] ?? '');
    const reachable = this.#toOwnAccount ? users : users.filter((user) => !this.#ownUsers.has(user));
    if (reachable.length === 0) throw nobody();
  }
}

function nobody(): SendStopped {
  return new SendStopped('no_recipient_keys', 'The recipient has no known devices.');
}

const traces = new AsyncLocalStorage<SendTrace>();

/** Runs `work` so that `currentTrace` finds the trace in everything it calls and awaits. */
export function traced<T>(trace: SendTrace, work: () => Promise<T>): Promise<T> {
  return traces.run(trace, work);
}

/** The trace of the send that the running code belongs to. */
export function currentTrace(): SendTrace | undefined {
  return traces.getStore();
}
