import fc from 'fast-check';
import { DateTime } from 'luxon';
import { expect, test } from 'vitest';
import { nextOpeningMs, parseSendWindow, type SendWindow } from './send-window.ts';

const zones = ['Europe/Berlin', 'America/New_York', 'Asia/Kuala_Lumpur', 'Australia/Lord_Howe'] as const;

/** When a window opens next, as the clock on the wall there shows it. */
function opening(timeZone: string, window: SendWindow, from: string): string | null {
  const ms = nextOpeningMs({ timeZone, windows: [window] }, DateTime.fromISO(from).toMillis());
  return ms === undefined
    ? null
    : DateTime.fromMillis(ms, { zone: timeZone }).toISO({ suppressMilliseconds: true });
}

test('inside its window a message goes now, outside at the next opening on an allowed day', () => {
  const office = { weekdays: [1, 2, 3, 4, 5], hours: { from: '09:00', to: '18:00' } };
  const zone = 'Asia/Kuala_Lumpur';
  // 2026-03-06 is a Friday; Kuala Lumpur is eight hours ahead of UTC.
  expect(opening(zone, office, '2026-03-06T04:30:15Z')).toBe('2026-03-06T12:30:15+08:00');
  expect(opening(zone, office, '2026-03-06T00:59:59Z')).toBe('2026-03-06T09:00:00+08:00');
  expect(opening(zone, office, '2026-03-06T10:00:00Z')).toBe('2026-03-09T09:00:00+08:00');
});

test('hours that pass midnight belong to the day on which they begin', () => {
  const night = { weekdays: [5], hours: { from: '22:00', to: '02:00' } };
  const zone = 'Asia/Kuala_Lumpur';
  expect(opening(zone, night, '2026-03-06T17:59:00Z')).toBe('2026-03-07T01:59:00+08:00');
  expect(opening(zone, night, '2026-03-06T18:00:00Z')).toBe('2026-03-13T22:00:00+08:00');
  // Friday at one in the morning is Thursday's night.
  expect(opening(zone, night, '2026-03-05T17:00:00Z')).toBe('2026-03-06T22:00:00+08:00');
});

test('quiet hours are taken away, also where they pass midnight', () => {
  const quiet = { quietHours: { from: '21:00', to: '08:00' } };
  expect(opening('Europe/Berlin', quiet, '2026-01-10T21:00:00Z')).toBe('2026-01-11T08:00:00+01:00');
  const lunch = { hours: { from: '09:00', to: '17:00' }, quietHours: { from: '12:00', to: '13:00' } };
  expect(opening('Europe/Berlin', lunch, '2026-01-10T11:30:00Z')).toBe('2026-01-10T13:00:00+01:00');
});

test('an opening that the clocks skip is at the moment of the change', () => {
  const early = { hours: { from: '02:30', to: '05:00' } };
  expect(opening('Europe/Berlin', early, '2026-03-29T00:00:00Z')).toBe('2026-03-29T03:00:00+02:00');
  expect(opening('America/New_York', early, '2026-03-08T06:00:00Z')).toBe('2026-03-08T03:00:00-04:00');
  // Lord Howe moves by half an hour only: 02:00 becomes 02:30.
  const quarter = { hours: { from: '02:15', to: '05:00' } };
  expect(opening('Australia/Lord_Howe', quarter, '2026-10-03T15:00:00Z')).toBe('2026-10-04T02:30:00+11:00');
});

test('a window that the clocks skip as a whole opens on its next day', () => {
  const skipped = { weekdays: [7], hours: { from: '02:10', to: '02:50' } };
  expect(opening('Europe/Berlin', skipped, '2026-03-29T00:00:00Z')).toBe('2026-04-05T02:10:00+02:00');
});

test('an hour that the clocks repeat is open twice, and closed in between where its hours say so', () => {
  const half = { hours: { from: '02:00', to: '02:30' } };
  expect(opening('Europe/Berlin', half, '2026-10-25T00:10:00Z')).toBe('2026-10-25T02:10:00+02:00');
  expect(opening('Europe/Berlin', half, '2026-10-25T00:30:00Z')).toBe('2026-10-25T02:00:00+01:00');
  expect(opening('Europe/Berlin', half, '2026-10-25T01:30:00Z')).toBe('2026-10-26T02:00:00+01:00');
  // From 01:45 to 02:00 the clocks of Lord Howe show the time twice; the hours end in the second round.
  const late = { hours: { from: '01:00', to: '01:45' } };
  expect(opening('Australia/Lord_Howe', late, '2026-04-04T14:50:00Z')).toBe('2026-04-05T01:30:00+10:30');
});

test('windows that never meet have no opening', () => {
  const windows = [{ weekdays: [1] }, { weekdays: [2] }];
  expect(nextOpeningMs({ timeZone: 'Europe/Berlin', windows }, 0)).toBeUndefined();
});

test.each([
  { hours: { from: '25:00', to: '26:00' } },
  { hours: { from: '09:00', to: '09:00' } },
  { weekdays: [] },
  { weekdays: [0] },
  { hours: { from: '09:00', to: '10:00' }, quietHours: { from: '08:00', to: '11:00' } },
  { unknown: true },
])('%o is refused as a window', (window) => {
  expect(() => parseSendWindow(window)).toThrow(expect.objectContaining({ code: 'bad_input' }));
});

const minute = fc.integer({ min: 0, max: 24 * 4 - 1 }).map((quarters) => {
  const two = (n: number): string => String(n).padStart(2, '0');
  return `${two(Math.floor(quarters / 4))}:${two((quarters % 4) * 15)}`;
});
const range = fc.record({ from: minute, to: minute }).filter(({ from, to }) => from !== to);
const anyWindow = fc.record(
  { weekdays: fc.subarray([1, 2, 3, 4, 5, 6, 7], { minLength: 1 }), hours: range, quietHours: range },
  { requiredKeys: [] },
);

/** What a person with a calendar and a clock on the wall would say, told in another way than the code does. */
function allows({ weekdays, hours, quietHours }: SendWindow, local: DateTime): boolean {
  const time = local.toFormat('HH:mm');
  const within = (r: { from: string; to: string }): boolean =>
    r.from < r.to ? r.from <= time && time < r.to : r.from <= time || time < r.to;
  const begun = hours && hours.from > hours.to && time < hours.to ? local.minus({ days: 1 }) : local;
  return (
    (!hours || within(hours)) &&
    (!quietHours || !within(quietHours)) &&
    (!weekdays || weekdays.includes(begun.weekday))
  );
}

test('an opening is open, and there is none before it, in any zone and around any change of the clocks', () => {
  const changes = [
    '2026-03-29T01:00:00Z',
    '2026-10-25T01:00:00Z',
    '2026-03-08T07:00:00Z',
    '2026-10-03T15:30:00Z',
  ];
  const moment = fc
    .tuple(fc.constantFrom(...changes), fc.integer({ min: -60 * 36, max: 60 * 36 }))
    .map(([change, minutes]) => DateTime.fromISO(change).toMillis() + minutes * 60_000);
  fc.assert(
    fc.property(fc.constantFrom(...zones), anyWindow, moment, (timeZone, window, nowMs) => {
      const openMs = nextOpeningMs({ timeZone, windows: [window] }, nowMs);
      const at = (ms: number): DateTime => DateTime.fromMillis(ms, { zone: timeZone });
      if (openMs !== undefined) expect(allows(window, at(openMs))).toBe(true);
      const untilMs = Math.min(openMs ?? Number.POSITIVE_INFINITY, nowMs + 2 * 86_400_000);
      for (let ms = nowMs; ms < untilMs; ms += 5 * 60_000) expect(allows(window, at(ms))).toBe(false);
    }),
    { numRuns: 300 },
  );
});
