import type { Phone } from '../phones/phone.ts';
import { type Arrival, RecipientRecord, type RecipientView } from './recipient-record.ts';

/** The network's books. All counts are since the start. */
export interface Report {
  /** Message stanzas the network took, whether or not their acknowledgement was dropped. */
  accepted: number;
  /** Recipients who saw at least one message. */
  recipientsReached: number;
  arrivals: number;
  shown: number;
  /** Arrivals dropped because the same sender had already shown that id. */
  repeatedIds: number;
  /** Shown messages beyond the first with the same content at one recipient, whichever number sent them. */
  duplicatesAtRecipients: number;
  /** Messages without an encrypted part for their recipient. */
  emptyMessagesRefused: number;
  /** Messages to groups, broadcasts and newsletters, which this network does not have. */
  unsupportedMessagesRefused: number;
  undecryptable: number;
  retryReceipts: number;
  /** Copies for the sender's own phone that it could not decrypt. */
  ownCopiesUndecryptable: number;
  /** Frames that came on a connection after another login of its device had taken its place. */
  framesFromReplaced: number;
  mediaUploads: number;
  mediaUnverified: number;
  acksDropped: number;
  acksLate: number;
  acksWithError: number;
  messagesLost: number;
  logins: number;
  loginsRefused: number;
  pairings: number;
  /** Connections dropped because what came on them could not be taken. */
  connectionsFailed: number;
  /** Queries answered with an empty result for want of a better one, by namespace. */
  unknownQueries: Record<string, number>;
}

type Counter = Exclude<keyof Report, 'unknownQueries'>;

const NAMESPACES_MAX = 200;

function emptyReport(): Report {
  return {
    accepted: 0,
    recipientsReached: 0,
    arrivals: 0,
    shown: 0,
    repeatedIds: 0,
    duplicatesAtRecipients: 0,
    emptyMessagesRefused: 0,
    unsupportedMessagesRefused: 0,
    undecryptable: 0,
    retryReceipts: 0,
    ownCopiesUndecryptable: 0,
    framesFromReplaced: 0,
    mediaUploads: 0,
    mediaUnverified: 0,
    acksDropped: 0,
    acksLate: 0,
    acksWithError: 0,
    messagesLost: 0,
    logins: 0,
    loginsRefused: 0,
    pairings: 0,
    connectionsFailed: 0,
    unknownQueries: {},
  };
}

/** Everything the network remembers about what happened on it. */
export class NetworkRecord {
  readonly #report = emptyReport();
  readonly #recipients = new Map<string, RecipientRecord>();

  count(counter: Counter): void {
    this.#report[counter] += 1;
  }

  countUnknownQuery(namespace: string): void {
    const known = this.#report.unknownQueries;
    if (namespace in known || Object.keys(known).length < NAMESPACES_MAX) {
      known[namespace] = (known[namespace] ?? 0) + 1;
    }
  }

  recipient(phone: Phone): RecipientRecord {
    let record = this.#recipients.get(phone.digits);
    if (!record) {
      record = new RecipientRecord(phone.digits, phone.lid);
      this.#recipients.set(phone.digits, record);
    }
    return record;
  }

  /** Books an arrival; `fingerprint` is that of its content when it is shown. */
  keepArrival(recipient: RecipientRecord, arrival: Arrival, fingerprint: string): void {
    recipient.keep(arrival);
    this.count('arrivals');
    if (arrival.mediaVerified === false) this.count('mediaUnverified');
    if (arrival.outcome === 'repeat') this.count('repeatedIds');
    if (arrival.outcome === 'undecryptable') this.count('undecryptable');
    if (arrival.outcome !== 'shown') return;
    this.count('shown');
    if (recipient.shownCount === 0) this.count('recipientsReached');
    if (recipient.show(arrival.from, arrival.id, fingerprint)) this.count('duplicatesAtRecipients');
  }

  report(): Report {
    return { ...this.#report, unknownQueries: { ...this.#report.unknownQueries } };
  }

  /** The recipients in the order in which they first got something. */
  recipients(query: { phone?: string; offset?: number; limit?: number }): RecipientView[] {
    if (query.phone !== undefined) {
      const record = this.#recipients.get(query.phone);
      return record ? [record.view()] : [];
    }
    const { offset = 0, limit = 100 } = query;
    const views: RecipientView[] = [];
    let index = 0;
    for (const record of this.#recipients.values()) {
      if (index >= offset + limit) break;
      if (index >= offset) views.push(record.view());
      index += 1;
    }
    return views;
  }
}
