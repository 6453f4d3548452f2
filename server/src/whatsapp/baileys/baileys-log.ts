import type { SocketConfig } from 'baileys';
import { messageOf } from '../../platform/errors.ts';
import type { Logger } from '../../platform/logger.ts';
import { propertyOf } from './close-reason.ts';
import { currentTrace } from './send-trace.ts';

/** More than this from one socket is the same trouble over and over (a storm of undecryptable messages). */
const linesMax = 100;

/** What Baileys warns of at every connection of an account whose name the phone has not told yet; nobody can do anything about it. */
const harmless = 'no name present, ignoring presence update request...';

/**
 * Baileys' logger. Its warnings and errors become warnings of ours, with the text and the error's message only: the
 * objects it logs hold stanzas and keys. Its level is `warn`, so that it does not compute debug output; the debug calls
 * still come and tell a send's trace how far it got.
 */
export function createBaileysLog(logger: Logger): SocketConfig['logger'] {
  let lines = 0;
  const warn = (fields: unknown, text?: string): void => {
    if (fields === harmless || text === harmless) return;
    lines += 1;
    if (lines > linesMax) return;
    logger.warn(describe(fields), text ?? (typeof fields === 'string' ? fields : 'Baileys'));
    if (lines === linesMax) logger.warn('Further lines of this connection are not logged.');
  };
  const log: SocketConfig['logger'] = {
    level: 'warn',
    child: () => log,
    trace: () => undefined,
    debug: (fields, text) => {
      if (text) currentTrace()?.observe(fields, text);
    },
    info: () => undefined,
    warn,
    error: warn,
  };
  return log;
}

function describe(fields: unknown): { detail?: string } {
  for (const name of ['err', 'error', 'trace', 'uploadError']) {
    const thrown = propertyOf(fields, name);
    if (thrown !== undefined) return { detail: messageOf(thrown).slice(0, 300) };
  }
  return {};
}
