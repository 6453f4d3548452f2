/**
 * Every error that a person or a program may meet has one of these codes. The list is closed: `http` maps each to a
 * status, the command line prints the sentence and ends with exit code 1.
 */
export type ErrorCode =
  | 'bad_input'
  | 'not_found'
  | 'conflict'
  | 'forbidden'
  | 'device_offline'
  | 'too_large'
  | 'config_invalid'
  | 'data_folder_in_use'
  | 'data_folder_unusable'
  | 'database_unreachable'
  | 'key_missing'
  | 'key_wrong'
  | 'port_taken'
  | 'internal';

/** An error with a code and one sentence for the person who can do something about it. */
export class SambadError extends Error {
  readonly code: ErrorCode;
  /** The input field that the sentence is about, where there is one. */
  readonly field: string | undefined;

  constructor(code: ErrorCode, sentence: string, options: { field?: string; cause?: unknown } = {}) {
    super(sentence, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'SambadError';
    this.code = code;
    this.field = options.field;
  }
}

/** The message of anything that was thrown; Baileys rejects with bare numbers too (wa-protocol: 1006). */
export function messageOf(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message;
  return String(thrown);
}

/** The `code` of a system or PostgreSQL error, such as EADDRINUSE or 40P01. */
export function systemCodeOf(thrown: unknown): string | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return undefined;
  return typeof thrown.code === 'string' ? thrown.code : undefined;
}
