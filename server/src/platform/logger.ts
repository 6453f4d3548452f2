import { type DestinationStream, type Logger, pino } from 'pino';

export type { Logger };

/** Names under which secrets travel through our objects; their values never reach a log line. */
const secretNames = [
  'password',
  'secret',
  'token',
  'authorization',
  'cookie',
  'creds',
  'keys',
  'secretKey',
  'privateKey',
  'connectionString',
  'qr',
];

/**
 * A JSON logger on the given stream (standard error by default, so that standard output stays free for a command's result).
 * ERROR means that a person must act; WARN that the program dealt with something unusual.
 */
export function createLogger(options: { level: string; stream?: DestinationStream }): Logger {
  return pino(
    {
      level: options.level,
      base: null,
      redact: {
        paths: secretNames.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
        censor: '[secret]',
      },
    },
    options.stream ?? pino.destination({ fd: 2, sync: true }),
  );
}

/** A logger that writes nothing, for tests. */
export const silentLogger: Logger = pino({ level: 'silent' });
