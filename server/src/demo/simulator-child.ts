import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { SambadError } from '../platform/errors.ts';
import type { Service } from '../platform/lifecycle.ts';

/** The network's own count of what happened on it. */
export interface NetworkReport {
  recipientsReached: number;
  duplicatesAtRecipients: number;
  repeatedIds: number;
  shown: number;
}

const program = fileURLToPath(new URL('../../../simulator/src/main.ts', import.meta.url));

/**
 * The WhatsApp network of the demo: the simulator in a process of its own, spoken to as any client would. It ends when
 * this process does, however that happens, because its standard input closes.
 */
export class SimulatorChild implements Service {
  readonly #seed: string;
  #child: ChildProcessByStdio<Writable, Readable, null> | undefined;
  #ready: { url: string; controlUrl: string; rootPublicKey: string } | undefined;

  constructor(seed: string) {
    this.#seed = seed;
  }

  /** Where clients connect, and the key that they must trust. */
  get server(): { url: string; rootKey: Buffer } {
    const { url, rootPublicKey } = this.#mustBeReady();
    return { url, rootKey: Buffer.from(rootPublicKey, 'base64') };
  }

  async start(): Promise<void> {
    if (!existsSync(program)) {
      throw new SambadError(
        'not_found',
        'The demo needs the simulator, which is not part of this installation: run it from the source repository.',
      );
    }
    const args = [program, '--port', '0', '--seed', this.#seed, '--ready-json', '--stop-with-stdin'];
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child = child;
    const ended = new Promise<never>((_resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code) =>
        reject(new SambadError('internal', `The simulator ended with code ${code} before it was ready.`)),
      );
    });
    const [line] = await Promise.race([firstLine(child.stdout), ended]);
    ended.catch(() => undefined);
    this.#ready = JSON.parse(line);
  }

  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise((resolve) => child.once('exit', resolve));
    child.stdin.end();
    await exited;
  }

  /** Somebody points a phone at a code. Returns the phone's number. */
  async scanQr(code: string): Promise<string> {
    const { phone } = await this.#ask<{ phone: string }>('POST', '/admin/mock-phone/scan-qr', code);
    return phone;
  }

  /** Drops a number's connection and refuses its logins for a while. */
  async cut(phone: string, refuseForMs: number): Promise<void> {
    await this.#ask('POST', '/admin/cut', JSON.stringify({ phone, refuseForMs }));
  }

  async report(): Promise<NetworkReport> {
    return await this.#ask('GET', '/admin/report');
  }

  async #ask<T>(method: string, path: string, body?: string): Promise<T> {
    const response = await fetch(`${this.#mustBeReady().controlUrl}${path}`, {
      method,
      ...(body === undefined ? {} : { body }),
    });
    const text = await response.text();
    if (!response.ok) throw new SambadError('internal', `The simulator refused ${path}: ${text}`);
    return JSON.parse(text);
  }

  #mustBeReady(): { url: string; controlUrl: string; rootPublicKey: string } {
    if (!this.#ready) throw new SambadError('internal', 'The simulator is not started.');
    return this.#ready;
  }
}

async function firstLine(stream: Readable): Promise<[string]> {
  const lines = createInterface({ input: stream });
  return new Promise((resolve) => lines.once('line', (line) => resolve([line])));
}
