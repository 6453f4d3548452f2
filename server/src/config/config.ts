import { isIPv4 } from 'node:net';
import { resolve } from 'node:path';
import { SambadError } from '../platform/errors.ts';
import { type Environment, readEnvironment } from './env.ts';
import { type Setting, type SettingName, type SettingValue, settings } from './settings.ts';

/** The settings of one run, checked and grouped by who needs them. */
export interface Config {
  http: { host: string; port: number };
  /** An absolute path. */
  dataDir: string;
  /** Without a URI the embedded database is used. */
  database: { uri: string | undefined };
  /** 32 bytes; undefined when the key is kept in the data folder. */
  secretKey: Buffer | undefined;
  whatsapp: WhatsAppConfig;
  /** What a new device starts with. */
  pacing: PacingConfig;
  /** What bounds the engine as a whole. */
  limits: LimitsConfig;
  log: { level: 'debug' | 'info' };
}

export interface WhatsAppConfig {
  /** The name that WhatsApp shows for a linked device. */
  osName: string;
  /** Undefined means WhatsApp's own. */
  server: { url: string; rootKey: Buffer } | undefined;
  checkNumbers: boolean;
}

export interface PacingConfig {
  minDelaySeconds: number;
  maxDelaySeconds: number;
  capPerMinute: number;
  capPerHour: number;
  capPerDay: number;
  warmUp: boolean;
}

export interface LimitsConfig {
  warmUpSteps: number[];
  globalCapPerMinute: number | undefined;
  workerPoolSize: number;
  queueBufferSize: number;
}

/**
 * Reads the settings, adds defaults and checks them against each other. Throws `config_invalid`, or `key_missing`, with
 * one sentence that names the variable.
 */
export function createConfig(environment: Environment = readEnvironment()): Config {
  const uri = databaseUri(environment);
  const secretKey = read(environment, 'SAMBAD_SECRET_KEY');
  if (uri !== undefined && !secretKey) throw missingKey();
  return {
    http: { host: loopbackHost(environment), port: required(environment, 'APP_PORT') },
    dataDir: resolve(environment.DATA_DIR ?? defaultDataDir()),
    database: { uri },
    secretKey,
    whatsapp: {
      osName: required(environment, 'APP_OS'),
      server: whatsappServer(environment),
      checkNumbers: required(environment, 'WHATSAPP_ACCOUNT_VALIDATION'),
    },
    pacing: pacing(environment),
    limits: {
      warmUpSteps: required(environment, 'WARM_UP_STEPS'),
      globalCapPerMinute: read(environment, 'GLOBAL_CAP_PER_MINUTE'),
      workerPoolSize: required(environment, 'WORKER_POOL_SIZE'),
      queueBufferSize: required(environment, 'QUEUE_BUFFER_SIZE'),
    },
    log: { level: required(environment, 'APP_DEBUG') ? 'debug' : 'info' },
  };
}

function read<Name extends SettingName>(
  environment: Environment,
  name: Name,
): SettingValue<Name> | undefined {
  const { default: standard, schema, expected, secret } = settings[name] as Setting<SettingValue<Name>>;
  const text = environment[name] ?? standard;
  if (text === undefined) return undefined;
  const result = schema.safeParse(text);
  if (result.success) return result.data;
  throw invalid(name, `${name} must be ${expected}${secret ? '' : `, and is "${text}"`}.`);
}

/** For settings that have a default. */
function required<Name extends SettingName>(environment: Environment, name: Name): SettingValue<Name> {
  const value = read(environment, name);
  if (value === undefined) throw new SambadError('internal', `${name} has no default.`);
  return value;
}

function databaseUri(environment: Environment): string | undefined {
  const [first, second] = [read(environment, 'DB_URI'), read(environment, 'DATABASE_URL')];
  if (first !== undefined && second !== undefined && first !== second) {
    throw invalid('DB_URI', 'DB_URI and DATABASE_URL are both set and differ: set one of them.');
  }
  return first ?? second;
}

function loopbackHost(environment: Environment): string {
  const host = required(environment, 'APP_HOST');
  if (host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))) return host;
  throw invalid(
    'APP_HOST',
    `APP_HOST must be an address of this machine only, such as 127.0.0.1, because there are no accounts yet to keep others out, and is "${host}".`,
  );
}

function whatsappServer(environment: Environment): WhatsAppConfig['server'] {
  const url = read(environment, 'WHATSAPP_SERVER_URL');
  const rootKey = read(environment, 'WHATSAPP_SERVER_ROOT_KEY');
  if (url !== undefined && rootKey) return { url, rootKey };
  if (url === undefined && !rootKey) return undefined;
  const [present, absent] =
    url === undefined
      ? (['WHATSAPP_SERVER_ROOT_KEY', 'WHATSAPP_SERVER_URL'] as const)
      : (['WHATSAPP_SERVER_URL', 'WHATSAPP_SERVER_ROOT_KEY'] as const);
  throw invalid(
    absent,
    `${present} is set without ${absent}: set both, or neither to use WhatsApp's own server.`,
  );
}

function pacing(environment: Environment): PacingConfig {
  const minDelaySeconds = required(environment, 'MIN_DELAY_SECONDS');
  const maxDelaySeconds = required(environment, 'MAX_DELAY_SECONDS');
  if (minDelaySeconds > maxDelaySeconds) {
    throw invalid(
      'MIN_DELAY_SECONDS',
      `MIN_DELAY_SECONDS (${minDelaySeconds}) must not be greater than MAX_DELAY_SECONDS (${maxDelaySeconds}).`,
    );
  }
  return {
    minDelaySeconds,
    maxDelaySeconds,
    capPerMinute: required(environment, 'DEVICE_CAP_PER_MINUTE'),
    capPerHour: required(environment, 'DEVICE_CAP_PER_HOUR'),
    capPerDay: required(environment, 'DEVICE_CAP_PER_DAY'),
    warmUp: required(environment, 'WARM_UP'),
  };
}

function defaultDataDir(): string {
  return process.getuid?.() === 0 ? '/var/lib/sambad' : settings.DATA_DIR.default!;
}

function invalid(name: SettingName, sentence: string): SambadError {
  return new SambadError('config_invalid', sentence, { field: name });
}

function missingKey(): SambadError {
  return new SambadError(
    'key_missing',
    'SAMBAD_SECRET_KEY must be set when DB_URI is: make one with openssl rand -hex 32, and keep it as safe as the database.',
    { field: 'SAMBAD_SECRET_KEY' },
  );
}
