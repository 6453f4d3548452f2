import { type Caps, type SendCounts, type Wait, waitBeforeSend } from '../pacing.ts';
import { nextOpeningMs, type SendCalendar } from './send-window.ts';
import { type WarmUp, warmUpStage } from './warm-up.ts';

/** Everything that decides whether a device may send a message of a job at `nowMs` (wall clock, as all times here). */
export interface PolicyInputs {
  nowMs: number;
  /** When the delay after the message before is over. */
  notBeforeMs: number;
  caps: Caps;
  counts: SendCounts;
  /** Undefined for a number that does not warm up. */
  warmUp: WarmUp | undefined;
  quarantinedUntilMs: number;
  /** What all devices together still have to wait for. */
  globalWait: Wait | undefined;
  calendar: SendCalendar;
}

/** Windows that never meet are looked at again after this, since somebody may have changed them. */
const lookAgainMs = 3_600_000;

/**
 * Undefined when the message may go now, else what it waits for: of all that holds it, that which lasts longest. When its time
 * is over the question is asked again.
 */
export function decide(inputs: PolicyInputs): Wait | undefined {
  const { nowMs, quarantinedUntilMs, globalWait } = inputs;
  const waits: (Wait | undefined)[] = [
    paceWait(inputs),
    globalWait,
    quarantinedUntilMs > nowMs ? { why: 'quarantine', untilMs: quarantinedUntilMs } : undefined,
    windowWait(inputs),
  ];
  return waits.reduce((longest, wait) => (wait && wait.untilMs > (longest?.untilMs ?? 0) ? wait : longest));
}

/** The delay and the device's caps; on days of the warm-up its step replaces a larger cap. */
function paceWait({ nowMs, notBeforeMs, caps, counts, warmUp }: PolicyInputs): Wait | undefined {
  const stage = warmUp && warmUpStage(warmUp, nowMs);
  if (!stage || stage.capPerDay >= caps.perDay) return waitBeforeSend(nowMs, notBeforeMs, caps, counts);
  const wait = waitBeforeSend(nowMs, notBeforeMs, { ...caps, perDay: stage.capPerDay }, counts);
  return wait?.why === 'cap_per_day' ? { why: 'warm_up', untilMs: wait.untilMs } : wait;
}

function windowWait({ nowMs, calendar }: PolicyInputs): Wait | undefined {
  const opensAtMs = nextOpeningMs(calendar, nowMs);
  if (opensAtMs === undefined) return { why: 'windows_never_meet', untilMs: nowMs + lookAgainMs };
  return opensAtMs > nowMs ? { why: 'outside_window', untilMs: opensAtMs } : undefined;
}
