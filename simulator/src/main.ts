#!/usr/bin/env node
import { readCommand, USAGE } from './command-line.ts';
import type { Simulator } from './simulator.ts';
import { startSimulator } from './start.ts';

const FAILED = 1;
const MISUSED = 2;

function fail(sentence: string, exitCode: number): undefined {
  process.stderr.write(`${sentence}\n`);
  process.exitCode = exitCode;
}

/** libsignal prints session keys with console. Everything this program has to say it writes itself. */
function silenceConsole(): void {
  for (const level of ['log', 'info', 'warn', 'error', 'debug'] as const) console[level] = () => {};
}

function sentenceFor(error: NodeJS.ErrnoException, host: string, port: number): string {
  if (error.code === 'EADDRINUSE') return `Port ${port} on ${host} is taken: choose another with --port.`;
  if (error.code === 'EACCES')
    return `Listening on port ${port} is not permitted: choose one above 1023 with --port.`;
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND') {
    return `${host} is not an address of this machine: choose another with --host.`;
  }
  return `The simulator could not start: ${error.message}`;
}

function describe({ url, controlUrl, rootPublicKey }: Simulator): string {
  return `A WhatsApp network is listening at ${url}
Root key: ${rootPublicKey}

Point Sambad at it:
  WHATSAPP_SERVER_URL=${url} WHATSAPP_SERVER_ROOT_KEY=${rootPublicKey} npm start
Pair a number by sending the text of its QR code:
  curl --data-binary 'QR TEXT' ${controlUrl}/admin/mock-phone/scan-qr
See what happened, and what else can be asked for:
  curl ${controlUrl}/admin/report
  curl ${controlUrl}/admin
Stop with Ctrl-C.
`;
}

async function start(host: string, port: number, seed: string): Promise<Simulator | undefined> {
  try {
    return await startSimulator({ host, port, seed });
  } catch (error) {
    return fail(sentenceFor(error as NodeJS.ErrnoException, host, port), FAILED);
  }
}

async function main(args: string[]): Promise<void> {
  const command = readCommand(args);
  if (command.help) {
    process.stdout.write(USAGE);
    return;
  }
  silenceConsole();
  const simulator = await start(command.host, command.port, command.seed);
  if (!simulator) return;
  const stop = (): void => {
    process.stdin.destroy();
    void simulator.stop();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);
  if (command.stopWithStdin) process.stdin.on('end', stop).on('error', stop).resume();
  const { url, controlUrl, rootPublicKey, port } = simulator;
  const ready = command.readyJson
    ? `${JSON.stringify({ url, controlUrl, rootPublicKey, port })}\n`
    : describe(simulator);
  process.stdout.write(ready);
}

await main(process.argv.slice(2)).catch((error: Error) => fail(error.message, MISUSED));
