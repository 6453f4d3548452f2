import { expect, test } from 'vitest';
import { readCommand } from './command-line.ts';

test('without arguments the documented port, address and seed are used', () => {
  expect(readCommand([])).toEqual({
    port: 8026,
    host: '127.0.0.1',
    seed: 'sambad',
    readyJson: false,
    stopWithStdin: false,
    help: false,
  });
});

test('every flag is read', () => {
  const command = readCommand([
    '--port',
    '0',
    '--seed=x',
    '--host',
    '::1',
    '--ready-json',
    '--stop-with-stdin',
  ]);
  expect(command).toMatchObject({ port: 0, seed: 'x', host: '::1', readyJson: true, stopWithStdin: true });
});

test.each([
  [['--prot', '1'], /--prot is not known here: known are --port, --host/],
  [['serve'], /serve is not known here/],
  [['--port', 'many'], /--port must be a whole number from 0 to 65535/],
  [['--port', '70000'], /--port must be a whole number/],
  [['--seed'], /--seed needs a value/],
])('%j is refused with a sentence', (args, message) => {
  expect(() => readCommand(args)).toThrow(message);
});
