import { systemCodeOf } from '../platform/errors.ts';

/** Whether a statement itself is at fault (SQLSTATE classes 22, 23 and 42): another try would end the same way. */
export function isRefusal(error: unknown): boolean {
  return /^(22|23|42)/.test(systemCodeOf(error) ?? '');
}
