import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  attemptsMax,
  type MessageEvent,
  type MessageState,
  messageStatuses,
  transition,
  type VerbEvent,
} from './transition.ts';

const events: MessageEvent[] = [
  { kind: 'acknowledged' },
  { kind: 'delivered' },
  { kind: 'read' },
  { kind: 'unanswered', retryInMs: 1 },
  { kind: 'refused_for_now', retryInMs: 1 },
  { kind: 'failed', reason: 'refused' },
  { kind: 'failed', reason: 'content_invalid' },
  { kind: 'skipped', reason: 'not_on_whatsapp' },
  { kind: 'given_back', retryInMs: 0 },
];

const verbs: VerbEvent[] = [
  { kind: 'cancelled' },
  { kind: 'retried', mayHaveArrived: false },
  { kind: 'retried', mayHaveArrived: true },
];

const nameOf = (event: MessageEvent | VerbEvent): string => {
  if (event.kind === 'retried') return event.mayHaveArrived ? 'retried(may have arrived)' : 'retried';
  return 'reason' in event ? `${event.kind}(${event.reason})` : event.kind;
};

/** Every move there is: "status/attempts event → status/attempts". Whatever is not listed changes nothing. */
const edges = [
  ...['queued', 'unconfirmed'].flatMap((from) => [
    `${from}/0 acknowledged → sent/1`,
    `${from}/0 delivered → delivered/1`,
    `${from}/0 read → read/1`,
    `${from}/0 refused_for_now → ${from}/1`,
    `${from}/0 failed(refused) → failed/1`,
    `${from}/0 failed(content_invalid) → failed/0`,
    `${from}/2 acknowledged → sent/3`,
    `${from}/2 delivered → delivered/3`,
    `${from}/2 read → read/3`,
    `${from}/2 refused_for_now → failed/3`,
    `${from}/2 failed(refused) → failed/3`,
    `${from}/2 failed(content_invalid) → failed/2`,
  ]),
  'queued/0 unanswered → unconfirmed/0',
  'queued/2 unanswered → unconfirmed/2',
  'queued/0 skipped(not_on_whatsapp) → skipped/0',
  'queued/2 skipped(not_on_whatsapp) → skipped/2',
  ...['0', '2'].flatMap((attempts) => [
    `queued/${attempts} cancelled → cancelled/${attempts}`,
    `failed/${attempts} retried → queued/0`,
    `failed/${attempts} retried(may have arrived) → unconfirmed/0`,
    `sent/${attempts} delivered → delivered/${attempts}`,
    `sent/${attempts} read → read/${attempts}`,
    `delivered/${attempts} read → read/${attempts}`,
  ]),
];

test('the moves are exactly these', () => {
  const found = messageStatuses.flatMap((status) =>
    [0, attemptsMax - 1].flatMap((attempts) =>
      [...events, ...verbs].flatMap((event) => {
        const next = transition({ status, attempts }, event);
        if (next.status === status && next.attempts === attempts) return [];
        return [`${status}/${attempts} ${nameOf(event)} → ${next.status}/${next.attempts}`];
      }),
    ),
  );
  expect(found.toSorted()).toEqual(edges.toSorted());
});

const final = ['read', 'failed', 'skipped', 'cancelled'];

test('without a person, no order of events leaves a final state, re-queues what was once unconfirmed, or counts too many attempts', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...events), { maxLength: 30 }), (story) => {
      let state: MessageState = { status: 'queued', attempts: 0 };
      let onceUnconfirmed = false;
      for (const event of story) {
        const next = transition(state, event);
        if (final.includes(state.status)) expect(next).toEqual(state);
        if (onceUnconfirmed) expect(next.status).not.toBe('queued');
        expect(next.attempts).toBeGreaterThanOrEqual(state.attempts);
        expect(next.attempts).toBeLessThanOrEqual(attemptsMax);
        onceUnconfirmed ||= next.status === 'unconfirmed';
        state = next;
      }
    }),
    { numRuns: 1_000 },
  );
});
