/**
 * The outcome of `work`, or of `whenClosed` as soon as the signal aborts: a query that is pending when a socket closes
 * is answered only by its timeout, and nobody needs to wait for that. Leaves nothing behind on the signal, which lives
 * as long as its connection.
 */
export function orClosed<T>(work: Promise<T>, signal: AbortSignal, whenClosed: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      try {
        resolve(whenClosed());
      } catch (error) {
        reject(error);
      }
    };
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}
