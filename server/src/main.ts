import type { App } from './app.ts';
import { createConfig, settings } from './config/index.ts';
import { messageOf, SambadError } from './platform/errors.ts';
import { describeFlags, type Flag, parseFlags } from './platform/flags.ts';
import { untilSignal } from './platform/signals.ts';

/** The commands of the program. Each returns the exit code; what it prints is for people, on standard output. */
const commands: Record<string, (args: string[]) => Promise<number>> = {
  start,
  // Loaded when asked for, since the product runs without it.
  demo: async (args) => (await import('./demo/index.ts')).runDemo(args),
};

const startFlags: Record<'help', Flag> = { help: { help: 'Show this' } };

const help = `Usage: npm start            run Sambad for real numbers
       npm run demo         see it work on a WhatsApp network of its own (npm run demo -- --help)

Flags of start:
${describeFlags(startFlags)}

Settings are environment variables, all optional:
${describeSettings()}
`;

function describeSettings(): string {
  const lines = Object.entries(settings).map(
    ([name, setting]) =>
      `  ${name.padEnd(28)} ${setting.meaning}${setting.default === undefined ? '' : ` (default: ${setting.default})`}`,
  );
  return lines.join('\n');
}

async function start(args: string[]): Promise<number> {
  if (parseFlags(args, startFlags).help) {
    process.stdout.write(help);
    return 0;
  }
  const config = createConfig();
  // Loaded last, so that a mistyped flag or setting is answered at once.
  const { startApp } = await import('./app.ts');
  const app = await startApp(config);
  const failed = new Promise<Error>((resolve) => app.events.once('failed', resolve));
  process.stdout.write(welcome(app));
  const ended = await Promise.race([untilSignal(), failed]);
  if (ended instanceof Error) complain(ended);
  else process.stdout.write('Stopping: written messages get their answers first.\n');
  await app.stop();
  return ended instanceof Error ? 1 : 0;
}

function welcome(app: App): string {
  const network = app.config.whatsapp.server?.url ?? "WhatsApp's own servers";
  return `Sambad is running at ${app.url} (this machine only, until there are accounts).
  Data: ${app.database.describe()}
  Network: ${network}

Link a number:
  1. curl -X POST ${app.url}/api/devices
  2. curl '${app.url}/app/qr?format=text&deviceId=THE_ID_FROM_STEP_1'
  3. In WhatsApp on the phone: Settings, Linked devices, Link a device; scan the code.
  4. curl ${app.url}/api/devices    shows it connected.

Stop with Ctrl-C.
`;
}

function complain(error: unknown): void {
  const text =
    error instanceof SambadError
      ? error.message
      : `Sambad failed: ${error instanceof Error ? (error.stack ?? error.message) : messageOf(error)}`;
  process.stderr.write(`${text}\n`);
}

/** Wrong use ends with 2, everything else that fails with 1. */
async function main(args: readonly string[]): Promise<number> {
  const [name = 'start', ...rest] = args;
  const named = Object.hasOwn(commands, name) ? commands[name] : undefined;
  const command = name.startsWith('-') ? start : named;
  try {
    if (!command)
      throw new SambadError(
        'bad_input',
        `"${name}" is not a command; the commands are ${Object.keys(commands).join(', ')}.`,
      );
    return await command(name.startsWith('-') ? [...args] : rest);
  } catch (error) {
    complain(error);
    return error instanceof SambadError && error.code === 'bad_input' ? 2 : 1;
  }
}

// Everything has been released by now, but Baileys leaves timers of up to half a minute behind, and they would keep the
// process alive for nothing.
process.exit(await main(process.argv.slice(2)));
