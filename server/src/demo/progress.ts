import type { Device } from '../domain/devices/index.ts';
import type { JobReport, SenderStatus } from '../outbox/index.ts';
import { cumulative } from './outcome.ts';

/** Where the demo tells its story: standard output, or standard error when that is kept for JSON. */
export interface Teller {
  stream: NodeJS.WriteStream;
}

const barWidth = 30;

/** The state of a run in a few lines: a bar, and what each number is doing. On a terminal they are drawn over each other. */
export class Progress {
  readonly #teller: Teller;
  #linesDrawn = 0;
  #lastPercent = -1;

  constructor(teller: Teller) {
    this.#teller = teller;
  }

  draw(report: JobReport, devices: readonly { device: Device; status: SenderStatus | undefined }[]): void {
    const { sent, failed, skipped } = cumulative(report.messages);
    const done = sent + failed + skipped;
    const share = report.planned === 0 ? 0 : done / report.planned;
    const bar = `${'█'.repeat(Math.round(share * barWidth))}${'░'.repeat(barWidth - Math.round(share * barWidth))}`;
    const headline = `${bar} ${done}/${report.planned}  sent ${sent}, skipped ${skipped}, failed ${failed}, moved ${report.failovers}, sent again ${report.resends}`;
    if (this.#teller.stream.isTTY)
      this.#redraw([headline, ...devices.map(({ device, status }) => `  ${describeDevice(device, status)}`)]);
    else this.#log(headline, share, devices);
  }

  /** A line of the story, above the bar. */
  tell(line: string): void {
    this.#erase();
    this.#teller.stream.write(`${line}\n`);
  }

  #redraw(lines: readonly string[]): void {
    this.#erase();
    this.#teller.stream.write(`${lines.join('\n')}\n`);
    this.#linesDrawn = lines.length;
  }

  /** Elsewhere than on a terminal a line for each tenth is enough. */
  #log(
    headline: string,
    share: number,
    devices: readonly { device: Device; status: SenderStatus | undefined }[],
  ): void {
    const percent = Math.floor(share * 10) * 10;
    if (percent === this.#lastPercent) return;
    this.#lastPercent = percent;
    const states = devices.map(({ device }) => `${device.name} ${device.state}`);
    this.#teller.stream.write(`${headline}  [${states.join(', ')}]\n`);
  }

  #erase(): void {
    if (this.#linesDrawn > 0) this.#teller.stream.write(`\u001b[${this.#linesDrawn}A\u001b[0J`);
    this.#linesDrawn = 0;
  }
}

function describeDevice(device: Device, status: SenderStatus | undefined): string {
  const doing =
    status?.activity === 'waiting'
      ? `waiting (${status.why.replaceAll('_', ' ')})`
      : (status?.activity ?? device.stateReason ?? '');
  return `${device.name.padEnd(10)} ${(device.phone ?? '').padEnd(13)} ${device.state.padEnd(10)} ${doing}`;
}
