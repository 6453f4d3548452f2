import { z } from 'zod';

/** One environment variable. `--help` and the README's table are printed from this. */
export interface Setting<T = unknown> {
  /** What is used when it is not set, as one would write it; undefined when nothing is. */
  default: string | undefined;
  meaning: string;
  /** What a value must be, to complete the sentence "NAME must be …". */
  expected: string;
  /** Its value never appears in a sentence. */
  secret: boolean;
  schema: z.ZodType<T, string>;
}

interface Kind<T> {
  expected: string;
  schema: z.ZodType<T, string>;
}

const text: Kind<string> = { expected: 'a text', schema: z.string() };

const truth: Kind<boolean> = {
  expected: 'true or false',
  schema: z.enum(['true', 'false']).transform((value) => value === 'true'),
};

function whole(min: number, max: number): Kind<number> {
  return {
    expected: `a whole number from ${min} to ${max}`,
    schema: z.string().regex(/^\d+$/).transform(Number).pipe(z.number().min(min).max(max)),
  };
}

function seconds(max: number): Kind<number> {
  return {
    expected: `a number of seconds from 0 to ${max}`,
    schema: z
      .string()
      .regex(/^\d+(\.\d+)?$/)
      .transform(Number)
      .pipe(z.number().max(max)),
  };
}

const steps: Kind<number[]> = {
  expected: 'up to 100 whole numbers from 1 to 1000000 with commas between them, such as 20,40,80',
  schema: z
    .string()
    .regex(/^\d+(\s*,\s*\d+)*$/)
    .transform((value) => value.split(',').map(Number))
    .pipe(z.array(z.number().min(1).max(1_000_000)).max(100)),
};

function url(expected: string, schemes: RegExp): Kind<string> {
  return { expected, schema: z.string().regex(schemes) };
}

const key: Kind<Buffer> = {
  expected: '32 bytes, as 64 hexadecimal digits or in base64',
  schema: z
    .string()
    .regex(/^([0-9a-f]{64}|[A-Za-z0-9+/]{43}=)$/i)
    .transform((value) => Buffer.from(value, value.length === 64 ? 'hex' : 'base64')),
};

const postgresUri = url('a URI such as postgresql://user:password@host:5432/name', /^postgres(ql)?:\/\//);

function setting<T>(
  standard: string | undefined,
  meaning: string,
  kind: Kind<T>,
  secret = false,
): Setting<T> {
  return { default: standard, meaning, secret, ...kind };
}

const day = 86_400;
const capMax = 1_000_000;

/** Every setting that has an effect, with its default and its meaning. */
export const settings = {
  APP_PORT: setting('3000', 'Port that the program listens on; 0 takes a free one', whole(0, 65_535)),
  APP_HOST: setting(
    '127.0.0.1',
    'Address that it listens on; only this machine until there are accounts',
    text,
  ),
  APP_DEBUG: setting('false', 'Log in detail', truth),
  APP_OS: setting('Sambad', 'Name that WhatsApp shows for a linked device', {
    expected: 'a name of 1 to 40 characters',
    schema: z.string().max(40),
  }),
  DATA_DIR: setting(
    './data',
    'Folder of the built-in database and the generated key; as root /var/lib/sambad',
    text,
  ),
  DB_URI: setting(undefined, 'PostgreSQL server to use instead of the built-in database', postgresUri, true),
  DATABASE_URL: setting(undefined, 'Another name of DB_URI', postgresUri, true),
  SAMBAD_SECRET_KEY: setting(
    undefined,
    'Key that seals WhatsApp credentials: 32 bytes in hex or base64; generated in DATA_DIR unless DB_URI is set',
    key,
    true,
  ),
  WHATSAPP_SERVER_URL: setting(
    undefined,
    'Another server than WhatsApp, such as the simulator',
    url('a ws:// or wss:// address', /^wss?:\/\/[^\s/]+/),
  ),
  WHATSAPP_SERVER_ROOT_KEY: setting(undefined, 'Root key of that server, in hex or base64', key),
  WHATSAPP_ACCOUNT_VALIDATION: setting(
    'true',
    'Check that a number is on WhatsApp before sending to it',
    truth,
  ),
  MIN_DELAY_SECONDS: setting('5', 'Shortest delay between two messages of a new device', seconds(day)),
  MAX_DELAY_SECONDS: setting('15', 'Longest delay between two messages of a new device', seconds(day)),
  DEVICE_CAP_PER_MINUTE: setting('20', 'Messages a new device may send in a minute', whole(1, capMax)),
  DEVICE_CAP_PER_HOUR: setting('500', 'Messages a new device may send in an hour', whole(1, capMax)),
  DEVICE_CAP_PER_DAY: setting('5000', 'Messages a new device may send in a day', whole(1, capMax)),
  WARM_UP: setting('true', 'New devices begin with a small cap per day that grows daily', truth),
  WARM_UP_STEPS: setting(
    '20,40,80,160,320,640,1280',
    "Cap per day on a new device's first day of sending, the second, and so on; then its own holds",
    steps,
  ),
  GLOBAL_CAP_PER_MINUTE: setting(
    undefined,
    'Messages that all devices together may send in a minute',
    whole(1, capMax),
  ),
  WORKER_POOL_SIZE: setting(
    '100',
    'Messages being sent at the same moment, over all devices; devices that wait for their pace do not count',
    whole(1, 10_000),
  ),
  QUEUE_BUFFER_SIZE: setting(
    '1000',
    'Messages that a device holds in memory at most; the rest wait in the database',
    whole(1, 100_000),
  ),
};

export type SettingName = keyof typeof settings;

/** What a setting's text means, by its name. */
export type SettingValue<Name extends SettingName> = z.output<(typeof settings)[Name]['schema']>;
