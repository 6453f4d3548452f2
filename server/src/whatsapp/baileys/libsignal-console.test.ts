import { expect, test, vi } from 'vitest';
import { silenceLibsignal } from './libsignal-console.ts';

test('what libsignal prints about sessions is dropped, everything else is printed', () => {
  const printed: unknown[][] = [];
  const spies = (['info', 'warn', 'error'] as const).map((method) =>
    vi.spyOn(console, method).mockImplementation((...values) => printed.push(values)),
  );
  silenceLibsignal();
  console.info('Closing session:', { privKey: 'secret' });
  console.warn('Session already closed', { privKey: 'secret' });
  console.error('Session error:Error: Bad MAC', 'stack');
  console.error('Something else', 1);
  expect(printed).toEqual([['Something else', 1]]);
  for (const spy of spies) spy.mockRestore();
});
