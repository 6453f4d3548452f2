import { expect, test } from 'vitest';
import { createLogger } from './logger.ts';

const secret = 'xyzzy-do-not-print';

function logged(write: (logger: ReturnType<typeof createLogger>) => void, level = 'debug'): string {
  const lines: string[] = [];
  write(createLogger({ level, stream: { write: (line) => void lines.push(line) } }));
  return lines.join('');
}

const names = [
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

test.each(names)('a value named %s is never printed, however deep', (name) => {
  const text = logged((logger) => {
    logger.info({ [name]: secret }, 'flat');
    logger.info({ device: { [name]: secret } }, 'inside');
    logger.info({ options: { device: { [name]: { deep: secret } } } }, 'deep inside');
    logger.child({ [name]: secret }).info('in a child');
    logger.error({ err: Object.assign(new Error('failed'), { [name]: secret }) }, 'on an error');
  });
  expect(text).toContain('deep inside');
  expect(text).toContain('in a child');
  expect(text).toContain('"message":"failed"');
  expect(text).not.toContain(secret);
});

test('a settings object of a database connection does not give away its password', () => {
  const settings = { connectionString: `postgresql://u:${secret}@h/d`, password: secret, host: 'h' };
  const text = logged((logger) => {
    logger.warn({ settings }, 'settings');
    logger.warn({ err: Object.assign(new Error('no'), { client: settings }) }, 'error');
  });
  expect(text).toContain('"host":"h"');
  expect(text).not.toContain(secret);
});

test('a line is JSON with level and message, and a level hides what is below it', () => {
  const text = logged((logger) => {
    logger.info('hidden');
    logger.warn({ deviceId: 'd1' }, 'shown');
  }, 'warn');
  expect(JSON.parse(text)).toMatchObject({ level: 40, deviceId: 'd1', msg: 'shown' });
});
