/**
 * libsignal writes to the console on its own, and what it writes includes whole session records with their private
 * ratchet keys. These are the beginnings of its messages (libsignal 6, session_record, session_builder, session_cipher,
 * curve and queue_job).
 */
const libsignalTexts = [
  'Closing session',
  'Opening session',
  'Session already',
  'Removing old closed session',
  'Migrating session',
  'V1 session storage migration error',
  'Closing open session',
  'Closing stale open session',
  'Failed to decrypt message',
  'Session error',
  'Decrypted message with closed session',
  'Unhandled bucket type',
  'WARNING: Expected pubkey of length 33',
];

const methods = ['log', 'info', 'warn', 'error', 'debug'] as const;
let silenced = false;

/** Drops what libsignal prints, for the whole process; everything else passes unchanged. Safe twice. */
export function silenceLibsignal(): void {
  if (silenced) return;
  silenced = true;
  for (const method of methods) {
    const write = console[method].bind(console);
    console[method] = (...values: unknown[]): void => {
      if (!isFromLibsignal(values[0])) write(...values);
    };
  }
}

function isFromLibsignal(value: unknown): boolean {
  return typeof value === 'string' && libsignalTexts.some((text) => value.startsWith(text));
}
