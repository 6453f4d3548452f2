import { DateTime, IANAZone } from 'luxon';
import { z } from 'zod';
import { SambadError } from '../../platform/errors.ts';

/** Times of the day as a clock on the wall shows them, `HH:MM`; `to` itself is outside and may be 24:00. A `from` after `to` passes midnight. */
export interface HoursOfDay {
  from: string;
  to: string;
}

/** When messages may go out, in the time zone of a workspace. What is absent allows everything. */
export interface SendWindow {
  /** 1 is Monday, 7 is Sunday. Hours that pass midnight belong to the day on which they begin. */
  weekdays?: readonly number[] | undefined;
  hours?: HoursOfDay | undefined;
  /** Taken away from every day. */
  quietHours?: HoursOfDay | undefined;
}

/** Windows that must all be open, and the time zone whose wall clock they mean. */
export interface SendCalendar {
  timeZone: string;
  windows: readonly SendWindow[];
}

const minuteMs = 60_000;
const dayMinutes = 24 * 60;

/**
 * Every week brings an opening, except that a time which the clocks skip on its only day comes a week later. Windows that
 * have not met by then never do.
 */
const horizonMs = 15 * dayMinutes * minuteMs;

const hoursOfDay = z
  .strictObject({
    from: z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/),
    to: z.string().regex(/^(([01]\d|2[0-3]):[0-5]\d|24:00)$/),
  })
  .refine(({ from, to }) => from !== to);

const sendWindow = z.strictObject({
  weekdays: z.array(z.int().min(1).max(7)).min(1).optional(),
  hours: hoursOfDay.optional(),
  quietHours: hoursOfDay.optional(),
});

/** A checked window. Throws `bad_input` for one that cannot be read or that never opens. */
export function parseSendWindow(value: unknown): SendWindow {
  const parsed = sendWindow.safeParse(value);
  if (!parsed.success) {
    throw new SambadError(
      'bad_input',
      'A sending window has weekdays from 1 (Monday) to 7, and hours and quietHours with two different times from and to, such as 09:00 and 18:00.',
      { field: 'sendWindow' },
    );
  }
  if (nextOpeningMs({ timeZone: 'UTC', windows: [parsed.data] }, 0) === undefined) {
    throw new SambadError('bad_input', 'This sending window never opens: its quiet hours cover it.', {
      field: 'sendWindow',
    });
  }
  return parsed.data;
}

/**
 * The first moment from `nowMs` on at which all windows are open; `nowMs` itself when they are. Undefined when they never are together.
 * A moment is judged by the clock on the wall at that moment: an hour that a change repeats is open twice, one that it skips never comes.
 */
export function nextOpeningMs({ timeZone, windows }: SendCalendar, nowMs: number): number | undefined {
  if (windows.length === 0) return nowMs;
  if (!IANAZone.isValidZone(timeZone))
    throw new RangeError(`There is no time zone with the name ${timeZone}.`);
  const changes = changeMinutes(windows);
  for (let atMs = nowMs; atMs <= nowMs + horizonMs; atMs = nextChangeMs(changes, timeZone, atMs)) {
    const local = DateTime.fromMillis(atMs, { zone: timeZone });
    if (windows.every((window) => isOpen(window, local))) return atMs;
  }
  return undefined;
}

function isOpen({ weekdays, hours, quietHours }: SendWindow, local: DateTime): boolean {
  const minute = local.hour * 60 + local.minute;
  if (quietHours && contains(quietHours, minute)) return false;
  if (hours && !contains(hours, minute)) return false;
  if (!weekdays) return true;
  const sinceYesterday = hours !== undefined && passesMidnight(hours) && minute < minuteOf(hours.to);
  return weekdays.includes(sinceYesterday ? ((local.weekday + 5) % 7) + 1 : local.weekday);
}

function contains(hours: HoursOfDay, minute: number): boolean {
  const [from, to] = [minuteOf(hours.from), minuteOf(hours.to)];
  return passesMidnight(hours) ? minute >= from || minute < to : minute >= from && minute < to;
}

function passesMidnight({ from, to }: HoursOfDay): boolean {
  return minuteOf(from) > minuteOf(to);
}

function minuteOf(time: string): number {
  return Number(time.slice(0, 2)) * 60 + Number(time.slice(3));
}

/** The minutes of a day at which a window may open or close, in order; the last one is midnight. */
function changeMinutes(windows: readonly SendWindow[]): number[] {
  const times = windows.flatMap(({ hours, quietHours }) =>
    [hours, quietHours].flatMap((range) => (range ? [minuteOf(range.from), minuteOf(range.to)] : [])),
  );
  return [...new Set([...times, dayMinutes])].sort((a, b) => a - b);
}

/** The next moment at which the answer can change: a time of the day, or a change of the clocks on the way there. */
function nextChangeMs(changes: readonly number[], timeZone: string, atMs: number): number {
  const local = DateTime.fromMillis(atMs, { zone: timeZone });
  const intoDayMs = (local.hour * 60 + local.minute) * minuteMs + local.second * 1000 + local.millisecond;
  const next = changes.find((minute) => minute * minuteMs > intoDayMs) ?? dayMinutes;
  const thereMs = atMs + next * minuteMs - intoDayMs;
  const offsetAt = (ms: number): number => DateTime.fromMillis(ms, { zone: timeZone }).offset;
  if (offsetAt(thereMs) === local.offset) return thereMs;
  let [beforeMs, afterMs] = [atMs, thereMs];
  while (afterMs - beforeMs > 1) {
    const middleMs = Math.floor((beforeMs + afterMs) / 2);
    if (offsetAt(middleMs) === local.offset) beforeMs = middleMs;
    else afterMs = middleMs;
  }
  return afterMs;
}
