import type { FaultOrder } from '../faults/fault-plan.ts';
import { type Clock, within } from '../platform/clock.ts';
import type { StreamEnd } from '../protocol/stream-end.ts';
import type { Simulator } from '../simulator.ts';
import { BadRequest } from '../transport/request-body.ts';
import { Fields } from './fields.ts';

/** A control request: its body as text and its query. */
export interface ControlRequest {
  readonly text: string;
  readonly query: URLSearchParams;
  readonly clock: Clock;
}

export interface Route {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** One line for `GET /admin`. */
  readonly summary: string;
  /** Returns what is sent as JSON. Throws a sentence when the request cannot be met. */
  run(simulator: Simulator, request: ControlRequest): unknown;
}

const DONE = { ok: true };
const PAGE_MAX = 10_000;
const DELIVERY_WAIT_MS_MAX = 60_000;
const DELIVERY_WAIT_MS_DEFAULT = 5_000;

function orderOf(fields: Fields): FaultOrder {
  const phone = fields.optionalPhone('phone');
  return { count: fields.whole('count', 1, 1), ...(phone !== undefined && { phone }) };
}

function streamEndOf(value: unknown): StreamEnd {
  if (value === 'replaced' || value === 'device_removed') return value;
  if (Number.isInteger(value)) return value as number;
  throw new BadRequest('reason must be a code such as 503, "replaced" or "device_removed"');
}

function pageNumber(query: URLSearchParams, name: string, fallback: number): number {
  const text = query.get(name);
  const value = text === null ? fallback : Number(text);
  if (!Number.isInteger(value) || value < 0 || value > PAGE_MAX * PAGE_MAX) {
    throw new BadRequest(`${name} must be a whole number that is not negative`);
  }
  return value;
}

async function scan(simulator: Simulator, { text, query }: ControlRequest): Promise<unknown> {
  if (text.trim() === '') throw new BadRequest('the body is empty: send the text of the QR code');
  const phone = query.get('phone');
  const pushName = query.get('pushName');
  return simulator.scanQr(text, { ...(phone !== null && { phone }), ...(pushName !== null && { pushName }) });
}

async function writeTo(simulator: Simulator, { text, clock }: ControlRequest): Promise<unknown> {
  const fields = new Fields(text).allow('fromPhone', 'toPhone', 'text', 'waitMs');
  const waitMs = fields.whole('waitMs', 0, DELIVERY_WAIT_MS_DEFAULT);
  if (waitMs > DELIVERY_WAIT_MS_MAX) throw new BadRequest(`waitMs must be at most ${DELIVERY_WAIT_MS_MAX}`);
  const sent = await simulator.incomingText({
    fromPhone: fields.phone('fromPhone'),
    toPhone: fields.phone('toPhone'),
    text: fields.text('text'),
  });
  return { id: sent.id, delivered: await within(clock, waitMs, sent.delivered, false) };
}

function listRecipients(simulator: Simulator, { query }: ControlRequest): unknown {
  const phone = query.get('phone');
  const offset = pageNumber(query, 'offset', 0);
  const limit = Math.min(pageNumber(query, 'limit', 100), PAGE_MAX);
  return { recipients: simulator.recipients({ offset, limit, ...(phone !== null && { phone }) }) };
}

const ROUTES: readonly Route[] = [
  {
    method: 'POST',
    path: '/admin/mock-phone/scan-qr',
    summary: 'body: the QR text; ?phone=, ?pushName= -> {phone, deviceId, jid, lid}',
    run: scan,
  },
  {
    method: 'GET',
    path: '/admin/sockets',
    summary: 'the linked devices that are logged in',
    run: (simulator) => ({ sockets: simulator.sockets() }),
  },
  { method: 'GET', path: '/admin/report', summary: 'the books', run: (simulator) => simulator.report() },
  {
    method: 'GET',
    path: '/admin/recipients',
    summary: '?phone= or ?offset=&limit= -> what arrived and what was shown',
    run: listRecipients,
  },
  {
    method: 'POST',
    path: '/admin/cut',
    summary: '{phone, refuseForMs} drops the connections of a number and refuses its logins for so long',
    run(simulator, { text }) {
      const fields = new Fields(text).allow('phone', 'refuseForMs');
      simulator.cut(fields.phone('phone'), { refuseForMs: fields.whole('refuseForMs', 0, 0) });
      return DONE;
    },
  },
  {
    method: 'POST',
    path: '/admin/stream-error',
    summary: '{phone, reason} ends its streams: a code, "replaced" or "device_removed"',
    run(simulator, { text }) {
      const fields = new Fields(text).allow('phone', 'reason');
      simulator.streamError(fields.phone('phone'), streamEndOf(fields.value('reason')));
      return DONE;
    },
  },
  {
    method: 'POST',
    path: '/admin/drop-acks',
    summary: '{count, phone?, withReceipts?} delivers the next messages without acknowledging them',
    run(simulator, { text }) {
      const fields = new Fields(text).allow('count', 'phone', 'withReceipts');
      simulator.dropAcks({ ...orderOf(fields), withReceipts: fields.flag('withReceipts') });
      return DONE;
    },
  },
  {
    method: 'POST',
    path: '/admin/late-acks',
    summary: '{count, delayMs, phone?} delivers the next messages and acknowledges them only after so long',
    run(simulator, { text }) {
      const fields = new Fields(text).allow('count', 'delayMs', 'phone');
      simulator.lateAcks({ ...orderOf(fields), delayMs: fields.whole('delayMs', 0) });
      return DONE;
    },
  },
  {
    method: 'POST',
    path: '/admin/lose-messages',
    summary: '{count, phone?} swallows the next messages',
    run(simulator, { text }) {
      simulator.loseMessages(orderOf(new Fields(text).allow('count', 'phone')));
      return DONE;
    },
  },
  {
    method: 'POST',
    path: '/admin/ack-errors',
    summary: '{code, count, phone?, spareRefused?} refuses the next messages with an error code',
    run(simulator, { text }) {
      const fields = new Fields(text).allow('code', 'count', 'phone', 'spareRefused');
      const spareRefused = fields.flag('spareRefused');
      simulator.ackErrors({ ...orderOf(fields), spareRefused, code: fields.whole('code', 1) });
      return DONE;
    },
  },
  {
    method: 'POST',
    path: '/admin/clear-faults',
    summary: 'forgets every fault that has not happened yet',
    run(simulator) {
      simulator.clearFaults();
      return DONE;
    },
  },
  {
    method: 'POST',
    path: '/admin/incoming-text',
    summary: '{fromPhone, toPhone, text, waitMs?} a person writes to a linked number -> {id, delivered}',
    run: writeTo,
  },
];

export function findRoute(method: string, path: string): Route | undefined {
  return ROUTES.find((route) => route.method === method && route.path === path);
}

/** Every route, for people. */
export function routeList(): string[] {
  return ROUTES.map(({ method, path, summary }) => `${method} ${path}  ${summary}`);
}
