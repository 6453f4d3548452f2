import { parseArgs } from 'node:util';
import { DEFAULT_SEED } from './options.ts';

const DEFAULT_PORT = 8026;
const PORT_MAX = 65_535;

const FLAGS = {
  port: { type: 'string' },
  host: { type: 'string' },
  seed: { type: 'string' },
  'ready-json': { type: 'boolean' },
  'stop-with-stdin': { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

/** What the command was asked to do. */
export interface Command {
  readonly port: number;
  readonly host: string;
  readonly seed: string;
  readonly readyJson: boolean;
  readonly stopWithStdin: boolean;
  readonly help: boolean;
}

export const USAGE = `A WhatsApp network on localhost, for clients built on Baileys.

  --port N            listen on this port (default ${DEFAULT_PORT}; 0 = any free one)
  --host ADDRESS      listen on this address (default 127.0.0.1)
  --seed TEXT         derive the root key and every identity from it (default ${DEFAULT_SEED})
  --ready-json        print one line of JSON {url, controlUrl, rootPublicKey, port} when ready
  --stop-with-stdin   stop when standard input ends
  --help              print this
`;

/** Reads the arguments. Throws a sentence that names the known flags, or the flag whose value is wrong. */
export function readCommand(args: string[]): Command {
  const known = Object.keys(FLAGS).map((name) => `--${name}`);
  const { values, positionals, tokens } = parseArgs({ args, options: FLAGS, strict: false, tokens: true });
  const strange = tokens.find((token) => token.kind === 'option' && !(token.name in FLAGS));
  const unknown = strange?.kind === 'option' ? strange.rawName : positionals[0];
  if (unknown !== undefined) throw new Error(`${unknown} is not known here: known are ${known.join(', ')}`);
  const text = (name: 'port' | 'host' | 'seed', fallback: string): string => {
    const value = values[name] ?? fallback;
    if (typeof value !== 'string' || value === '') throw new Error(`--${name} needs a value`);
    return value;
  };
  const port = Number(text('port', String(DEFAULT_PORT)));
  if (!Number.isInteger(port) || port < 0 || port > PORT_MAX) {
    throw new Error(`--port must be a whole number from 0 to ${PORT_MAX}`);
  }
  return {
    port,
    host: text('host', '127.0.0.1'),
    seed: text('seed', DEFAULT_SEED),
    readyJson: values['ready-json'] === true,
    stopWithStdin: values['stop-with-stdin'] === true,
    help: values.help === true,
  };
}
