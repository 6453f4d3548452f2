import { createInterface } from 'node:readline';
import { createDatabase } from '../../server/src/database/index.ts';
import { SambadError } from '../../server/src/platform/errors.ts';
import { silentLogger } from '../../server/src/platform/logger.ts';

/**
 * A program that holds the database of a data folder, for tests that need a second process or one to kill. It answers
 * each line of SQL on standard input with one JSON line, and stops in good order when its input ends.
 */
const say = (value: unknown): void => void process.stdout.write(`${JSON.stringify(value)}\n`);
const database = createDatabase({ dataDir: process.argv[2]!, uri: process.argv[3], logger: silentLogger });

try {
  await database.start();
  say({ started: database.describe() });
  for await (const statement of createInterface({ input: process.stdin })) {
    say({ rows: (await database.pool.query(statement)).rows });
  }
  await database.stop();
} catch (error) {
  say(
    error instanceof SambadError ? { code: error.code, sentence: error.message } : { crash: String(error) },
  );
  process.exitCode = 1;
}
