import { closeSync, openSync, renameSync, statSync, writeSync } from 'node:fs';

const defaultBytesMax = 10 * 1024 * 1024;

/** Writes lines to a file, and moves it aside to `<path>.1` when it is full. A log that cannot be written is let go. */
export function boundedLog(path: string, bytesMax = defaultBytesMax): (line: string) => void {
  let file: number | undefined;
  let bytes = 0;
  return (line) => {
    try {
      if (file === undefined) {
        file = openSync(path, 'a', 0o600);
        bytes = statSync(path).size;
      }
      bytes += writeSync(file, `${line}\n`);
      if (bytes < bytesMax) return;
      closeSync(file);
      file = undefined;
      renameSync(path, `${path}.1`);
    } catch {
      // A full disk must not take the database's supervisor down with it.
    }
  };
}
