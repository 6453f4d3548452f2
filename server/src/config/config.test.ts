import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { createConfig } from './config.ts';
import { readEnvironment } from './env.ts';
import { settings } from './settings.ts';

const key = 'ab'.repeat(32);
const uri = 'postgresql://sambad:hidden@db:5432/sambad';

function configOf(environment: Record<string, string>): ReturnType<typeof createConfig> {
  return createConfig(readEnvironment(environment));
}

test('nothing set gives the documented defaults', () => {
  expect(configOf({ DATA_DIR: './data' })).toEqual({
    http: { host: '127.0.0.1', port: 3000 },
    dataDir: resolve('data'),
    database: { uri: undefined },
    secretKey: undefined,
    whatsapp: { osName: 'Sambad', server: undefined, checkNumbers: true },
    pacing: {
      minDelaySeconds: 5,
      maxDelaySeconds: 15,
      capPerMinute: 20,
      capPerHour: 500,
      capPerDay: 5000,
      warmUp: true,
    },
    limits: {
      warmUpSteps: [20, 40, 80, 160, 320, 640, 1280],
      globalCapPerMinute: undefined,
      workerPoolSize: 100,
      queueBufferSize: 1000,
    },
    log: { level: 'info' },
  });
});

test('the data folder is ./data, and for root the system folder', () => {
  expect(configOf({}).dataDir).toBe(process.getuid?.() === 0 ? '/var/lib/sambad' : resolve('data'));
});

test('everything set is read', () => {
  const config = configOf({
    APP_PORT: '8080',
    APP_HOST: '::1',
    APP_DEBUG: 'true',
    APP_OS: 'Kedai',
    DATA_DIR: '/srv/data',
    DATABASE_URL: uri,
    SAMBAD_SECRET_KEY: Buffer.from(key, 'hex').toString('base64'),
    WHATSAPP_SERVER_URL: 'ws://127.0.0.1:5222',
    WHATSAPP_SERVER_ROOT_KEY: key,
    WHATSAPP_ACCOUNT_VALIDATION: 'false',
    MIN_DELAY_SECONDS: '0.5',
    MAX_DELAY_SECONDS: '1.5',
    DEVICE_CAP_PER_MINUTE: '1',
    DEVICE_CAP_PER_HOUR: '2',
    DEVICE_CAP_PER_DAY: '3',
    WARM_UP: 'false',
    WARM_UP_STEPS: '10, 20',
    GLOBAL_CAP_PER_MINUTE: '60',
    WORKER_POOL_SIZE: '4',
    QUEUE_BUFFER_SIZE: '5',
  });
  expect(config).toEqual({
    http: { host: '::1', port: 8080 },
    dataDir: '/srv/data',
    database: { uri },
    secretKey: Buffer.from(key, 'hex'),
    whatsapp: {
      osName: 'Kedai',
      server: { url: 'ws://127.0.0.1:5222', rootKey: Buffer.from(key, 'hex') },
      checkNumbers: false,
    },
    pacing: {
      minDelaySeconds: 0.5,
      maxDelaySeconds: 1.5,
      capPerMinute: 1,
      capPerHour: 2,
      capPerDay: 3,
      warmUp: false,
    },
    limits: { warmUpSteps: [10, 20], globalCapPerMinute: 60, workerPoolSize: 4, queueBufferSize: 5 },
    log: { level: 'debug' },
  });
});

test('an empty setting counts as not set', () => {
  expect(configOf({ APP_PORT: '  ', DB_URI: '' })).toEqual(configOf({}));
});

test.each([
  [{ APP_PORT: 'abc' }, 'APP_PORT must be a whole number from 0 to 65535, and is "abc".'],
  [{ APP_PORT: '70000' }, 'APP_PORT must be a whole number from 0 to 65535, and is "70000".'],
  [{ APP_DEBUG: 'maybe' }, 'APP_DEBUG must be true or false, and is "maybe".'],
  [
    { MIN_DELAY_SECONDS: '-1' },
    'MIN_DELAY_SECONDS must be a number of seconds from 0 to 86400, and is "-1".',
  ],
  [{ MIN_DELAY_SECONDS: '20' }, 'MIN_DELAY_SECONDS (20) must not be greater than MAX_DELAY_SECONDS (15).'],
  [{ DEVICE_CAP_PER_DAY: '0' }, 'DEVICE_CAP_PER_DAY must be a whole number from 1 to 1000000, and is "0".'],
  [
    { WARM_UP_STEPS: '20,,40' },
    'WARM_UP_STEPS must be up to 100 whole numbers from 1 to 1000000 with commas between them, such as 20,40,80, and is "20,,40".',
  ],
  [
    { WHATSAPP_SERVER_URL: 'http://x' },
    'WHATSAPP_SERVER_URL must be a ws:// or wss:// address, and is "http://x".',
  ],
  [
    { WHATSAPP_SERVER_URL: 'ws://x' },
    "WHATSAPP_SERVER_URL is set without WHATSAPP_SERVER_ROOT_KEY: set both, or neither to use WhatsApp's own server.",
  ],
  [
    { WHATSAPP_SERVER_ROOT_KEY: key },
    "WHATSAPP_SERVER_ROOT_KEY is set without WHATSAPP_SERVER_URL: set both, or neither to use WhatsApp's own server.",
  ],
  [
    { DB_URI: uri, DATABASE_URL: `${uri}2`, SAMBAD_SECRET_KEY: key },
    'DB_URI and DATABASE_URL are both set and differ: set one of them.',
  ],
])('%o is refused with a sentence', (environment, sentence) => {
  expect(() => configOf(environment)).toThrow(
    expect.objectContaining({ code: 'config_invalid', message: sentence, field: expect.any(String) }),
  );
});

test.each(['0.0.0.0', '192.168.1.5', 'example.com', '::', '127.evil.example'])(
  'APP_HOST %s is refused',
  (host) => {
    expect(() => configOf({ APP_HOST: host })).toThrow(/^APP_HOST must be an address of this machine only/);
  },
);

test('a secret that is wrong is not repeated', () => {
  expect(() => configOf({ SAMBAD_SECRET_KEY: 'hidden' })).toThrow(
    'SAMBAD_SECRET_KEY must be 32 bytes, as 64 hexadecimal digits or in base64.',
  );
  expect(() => configOf({ DB_URI: 'mysql://root:hidden@db' })).toThrow(
    'DB_URI must be a URI such as postgresql://user:password@host:5432/name.',
  );
});

test('an external database without a key is refused, with the command that makes one', () => {
  expect(() => configOf({ DB_URI: uri })).toThrow(
    expect.objectContaining({
      code: 'key_missing',
      message: expect.stringContaining('openssl rand -hex 32'),
    }),
  );
});

test('every default is a valid value of its own setting', () => {
  for (const setting of Object.values(settings)) {
    if (setting.default !== undefined) expect(setting.schema.safeParse(setting.default).success).toBe(true);
  }
});
