/** Resolves with the first signal to stop. A second one ends the program at once, as whoever pressed Ctrl-C twice wants. */
export function untilSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, resolve);
  });
}
