/** The statuses of a row of the ledger, in the order in which an attempt moves through them. */
export const messageStatuses = [
  'queued',
  'unconfirmed',
  'sent',
  'delivered',
  'read',
  'failed',
  'skipped',
  'cancelled',
] as const;
export type MessageStatus = (typeof messageStatuses)[number];

/** Why a message was not sent: a closed list, stored on the row. */
export type FailureReason =
  /** WhatsApp refused it for good. */
  | 'refused'
  /** Three attempts ended in refusals that were worth a retry. */
  | 'attempts_exhausted'
  /** Nobody knows whether it arrived, and its device cannot ask any more. */
  | 'unconfirmed'
  /** The template could not be filled for this lead. */
  | 'content_invalid';

/** Why a message was left out on purpose. */
export type SkipReason =
  | 'not_on_whatsapp'
  /** The person said not to be written to. */
  | 'opted_out'
  /** The person has had as many messages as the frequency cap allows. */
  | 'over_frequency_cap';

/** What can happen to one message of the ledger. */
export type MessageEvent =
  | { kind: 'acknowledged' }
  | { kind: 'delivered' }
  | { kind: 'read' }
  /** No acknowledgement in time, or the socket died after the write. The row comes due again at `retryInMs`. */
  | { kind: 'unanswered'; retryInMs: number }
  /** A refusal worth another attempt. */
  | { kind: 'refused_for_now'; retryInMs: number }
  | { kind: 'failed'; reason: FailureReason }
  | { kind: 'skipped'; reason: SkipReason }
  /** The owner gives the claim back, certain that it wrote nothing. */
  | { kind: 'given_back'; retryInMs: number };

/** What a person does to a message; it never concerns one that is in flight. */
export type VerbEvent =
  /** Its job was cancelled. */
  | { kind: 'cancelled' }
  /** It is tried anew. Where a copy may have gone out, it stays with its device and its WhatsApp id. */
  | { kind: 'retried'; mayHaveArrived: boolean };

/** Attempts that end in a verdict of WhatsApp's; resends of an unconfirmed message are not attempts. */
export const attemptsMax = 3;

const open: readonly MessageStatus[] = ['queued', 'unconfirmed'];

/** From which statuses an event may move a row; an event that comes in any other status changes nothing. */
export const movesFrom: Record<(MessageEvent | VerbEvent)['kind'], readonly MessageStatus[]> = {
  acknowledged: open,
  delivered: [...open, 'sent'],
  read: [...open, 'sent', 'delivered'],
  unanswered: open,
  refused_for_now: open,
  failed: open,
  skipped: ['queued'],
  given_back: open,
  cancelled: ['queued'],
  retried: ['failed'],
};

export interface MessageState {
  status: MessageStatus;
  attempts: number;
}

/**
 * The state after an event: the one place that says which moves exist. The settlement's SQL is checked against it by a
 * test. A message that was ever unconfirmed stays so until an answer comes, because a copy may have arrived: it
 * never becomes `queued` again and therefore never moves to another device. Only a person's retry leaves `failed`.
 */
export function transition(state: MessageState, event: MessageEvent | VerbEvent): MessageState {
  if (!movesFrom[event.kind].includes(state.status)) return state;
  const attempts = state.attempts + 1;
  switch (event.kind) {
    case 'acknowledged':
      return { status: 'sent', attempts };
    case 'delivered':
    case 'read':
      return {
        status: event.kind,
        attempts: state.status === 'sent' || state.status === 'delivered' ? state.attempts : attempts,
      };
    case 'unanswered':
      return { ...state, status: 'unconfirmed' };
    case 'refused_for_now':
      return attempts >= attemptsMax ? { status: 'failed', attempts } : { ...state, attempts };
    case 'failed':
      return { status: 'failed', attempts: event.reason === 'refused' ? attempts : state.attempts };
    case 'skipped':
      return { ...state, status: 'skipped' };
    case 'cancelled':
      return { ...state, status: 'cancelled' };
    case 'retried':
      return { status: event.mayHaveArrived ? 'unconfirmed' : 'queued', attempts: 0 };
    case 'given_back':
      return state;
  }
}
