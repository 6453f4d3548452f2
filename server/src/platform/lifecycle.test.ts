import { expect, test } from 'vitest';
import { Lifecycle, type Service } from './lifecycle.ts';

/** A part that writes down what happens to it. */
function part(name: string, log: string[], fails: { start?: boolean; stop?: boolean } = {}): Service {
  const note = (what: 'start' | 'stop') => async (): Promise<void> => {
    log.push(`${what} ${name}`);
    if (fails[what]) throw new Error(`${name} did not ${what}`);
  };
  return { start: note('start'), stop: note('stop') };
}

test('parts stop in the opposite order of their start, once', async () => {
  const log: string[] = [];
  const lifecycle = new Lifecycle();
  for (const name of ['database', 'engine', 'http']) await lifecycle.begin(part(name, log));
  await lifecycle.stop();
  await lifecycle.stop();
  expect(log).toEqual([
    'start database',
    'start engine',
    'start http',
    'stop http',
    'stop engine',
    'stop database',
  ]);
});

test('a part whose start failed is stopped too, because it may have begun', async () => {
  const log: string[] = [];
  const lifecycle = new Lifecycle();
  await lifecycle.begin(part('database', log));
  await expect(lifecycle.begin(part('http', log, { start: true }))).rejects.toThrow('http did not start');
  await lifecycle.stop();
  expect(log.slice(2)).toEqual(['stop http', 'stop database']);
});

test('every part is stopped although some stops fail, and the first failure travels on', async () => {
  const log: string[] = [];
  const lifecycle = new Lifecycle();
  await lifecycle.begin(part('database', log));
  await lifecycle.begin(part('engine', log, { stop: true }));
  await lifecycle.begin(part('http', log, { stop: true }));
  await expect(lifecycle.stop()).rejects.toThrow('http did not stop');
  expect(log.slice(3)).toEqual(['stop http', 'stop engine', 'stop database']);
  await lifecycle.stop();
});

test('stopping before anything began does nothing', async () => {
  await new Lifecycle().stop();
});
