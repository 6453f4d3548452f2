import { between, type Random } from '../platform/random.ts';

/** A random wait between two messages of one device. */
export interface DelayRule {
  minMs: number;
  maxMs: number;
}

export interface Caps {
  perMinute: number;
  perHour: number;
  perDay: number;
}

export const capPeriods = ['minute', 'hour', 'day'] as const;
export type CapPeriod = (typeof capPeriods)[number];

/** How much was sent in a period. */
export interface CountedPeriod {
  startsAtMs: number;
  sent: number;
}

/** How much a device has sent in the present minute, hour and day (UTC, as the database's rows count them). */
export type SendCounts = Record<CapPeriod, CountedPeriod>;

export const periodLengthMs: Record<CapPeriod, number> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

/** Why a device with work is not sending at this moment, and until when (wall clock, milliseconds). */
export interface Wait {
  why:
    | 'delay'
    | 'cap_per_minute'
    | 'cap_per_hour'
    | 'cap_per_day'
    /** The cap of a new number's day; it grows daily. */
    | 'warm_up'
    /** What all devices together may send in this minute. */
    | 'global_cap'
    /** WhatsApp refused too much of what the device sent. */
    | 'quarantine'
    | 'outside_window'
    /** The windows of the workspace and the job have no moment in common. */
    | 'windows_never_meet';
  untilMs: number;
}

/** However short the delays, a device sends at most five messages a second. */
export const shortestIntervalMs = 200;

const capNames = { minute: 'perMinute', hour: 'perHour', day: 'perDay' } as const;

/** The slower of two delay rules, end by end: the campaign's and the device's. */
export function slowerOf(a: DelayRule, b: DelayRule): DelayRule {
  return { minMs: Math.max(a.minMs, b.minMs), maxMs: Math.max(a.maxMs, b.maxMs) };
}

/** When the next message may follow one that was written at `writtenAtMs`. */
export function nextSendAtMs(
  writtenAtMs: number,
  rule: DelayRule,
  intervalMinMs: number,
  random: Random,
): number {
  return writtenAtMs + Math.max(intervalMinMs, Math.round(between(random, rule.minMs, rule.maxMs)));
}

/** No counts at all, as of `nowMs`. */
export function emptyCounts(nowMs: number): SendCounts {
  const starting = (period: CapPeriod): CountedPeriod => ({
    startsAtMs: periodStartMs(period, nowMs),
    sent: 0,
  });
  return { minute: starting('minute'), hour: starting('hour'), day: starting('day') };
}

/** The start of the minute, hour or UTC day that contains `nowMs`. */
export function periodStartMs(period: CapPeriod, nowMs: number): number {
  return nowMs - (nowMs % periodLengthMs[period]);
}

/** Counts one message written at `nowMs`; a period that has passed starts again from nothing. */
export function countSend(counts: SendCounts, nowMs: number): void {
  for (const period of capPeriods) counts[period] = countOne(period, counts[period], nowMs);
}

/** A period's count with one more message, or that of a new period. */
export function countOne(
  period: CapPeriod,
  { startsAtMs, sent }: CountedPeriod,
  nowMs: number,
): CountedPeriod {
  if (isPresent(period, startsAtMs, nowMs)) return { startsAtMs, sent: sent + 1 };
  return { startsAtMs: periodStartMs(period, nowMs), sent: 1 };
}

/**
 * Whether a count still speaks for `nowMs`. A clock that is set back a little finds itself before a period that it had
 * already begun: that one goes on, or its messages would be allowed twice. One set back further starts anew.
 */
export function isPresent(period: CapPeriod, startsAtMs: number, nowMs: number): boolean {
  const aheadMs = startsAtMs - periodStartMs(period, nowMs);
  return aheadMs >= 0 && aheadMs <= periodLengthMs[period];
}

/** What a device must still wait for before its next message; undefined when it may send now. */
export function waitBeforeSend(
  nowMs: number,
  notBeforeMs: number,
  caps: Caps,
  counts: SendCounts,
): Wait | undefined {
  let longest: Wait | undefined = notBeforeMs > nowMs ? { why: 'delay', untilMs: notBeforeMs } : undefined;
  for (const period of capPeriods) {
    const { startsAtMs, sent } = counts[period];
    if (sent < caps[capNames[period]] || !isPresent(period, startsAtMs, nowMs)) continue;
    const untilMs = startsAtMs + periodLengthMs[period];
    if (!longest || untilMs > longest.untilMs) longest = { why: `cap_per_${period}`, untilMs };
  }
  return longest;
}

/** How many messages to hold in memory: what the pace uses in the next `horizonMs`, at least one. */
export function messagesToHold(
  rule: DelayRule,
  intervalMinMs: number,
  horizonMs: number,
  most: number,
): number {
  const intervalMs = Math.max(intervalMinMs, rule.minMs, 1);
  return Math.min(most, Math.max(1, Math.ceil(horizonMs / intervalMs)));
}
