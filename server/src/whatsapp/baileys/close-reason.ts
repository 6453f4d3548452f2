import type { CloseReason } from '../client.ts';

const reasons: Record<number, CloseReason> = {
  515: 'restart_required',
  401: 'logged_out',
  440: 'replaced',
  403: 'forbidden',
};

/** Why Baileys ended a socket, and the code it gave, which is WhatsApp's own where WhatsApp sent one. */
export function closeReasonOf(error: unknown): { reason: CloseReason; code: number | undefined } {
  const code = statusCodeOf(error);
  if (code === 408 && error instanceof Error && error.message === 'QR refs attempts ended') {
    return { reason: 'pairing_expired', code };
  }
  return { reason: (code === undefined ? undefined : reasons[code]) ?? 'connection_lost', code };
}

/** The status of a Boom error (Baileys' error type): `output.statusCode`. Undefined for anything else. */
function statusCodeOf(error: unknown): number | undefined {
  const output = propertyOf(error, 'output');
  const code = propertyOf(output, 'statusCode');
  return typeof code === 'number' ? code : undefined;
}

/** The code of an `<error>` child that an iq answer carried; Baileys keeps it in `data`. */
export function iqErrorCodeOf(error: unknown): number | undefined {
  const data = propertyOf(error, 'data');
  return typeof data === 'number' ? data : undefined;
}

/** A property of a value of unknown shape. */
export function propertyOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
