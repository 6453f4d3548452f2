/** Which messages a fault applies to: those of one linked number or of all. */
export interface FaultOrder {
  /** The sending number, digits only; any when absent. */
  readonly phone?: string;
  /** How many messages it applies to. */
  readonly count: number;
}

/** As any order; one that spares leaves messages alone that have been refused before, whichever order refused them. */
export interface RefusalOrder extends FaultOrder {
  readonly spareRefused?: boolean;
}

/** What happens to one message on its way. */
export type MessageFault =
  | { readonly kind: 'lose' }
  | { readonly kind: 'refuse'; readonly code: number }
  | { readonly kind: 'dropAck'; readonly withReceipts: boolean }
  | { readonly kind: 'lateAck'; readonly delayMs: number };

interface Order {
  readonly phone: string | undefined;
  readonly spareRefused: boolean;
  readonly fault: MessageFault;
  left: number;
}

const ORDERS_MAX = 1_000;
const REFUSED_KEPT_MAX = 100_000;

/** The faults that were asked for and have not happened yet, oldest first. */
export class FaultPlan {
  #orders: Order[] = [];
  readonly #refused = new Set<string>();

  add({ phone, count, spareRefused = false }: RefusalOrder, fault: MessageFault): void {
    if (this.#orders.length >= ORDERS_MAX) {
      throw new Error(`there are already ${ORDERS_MAX} faults waiting to happen: clear them first`);
    }
    this.#orders.push({ phone, spareRefused, fault, left: count });
  }

  /** The fault for the message `id` of `phone`, used up by asking. */
  take(phone: string, id: string): MessageFault | undefined {
    const name = `${phone} ${id}`;
    const order = this.#orders.find(
      (candidate) =>
        (candidate.phone === undefined || candidate.phone === phone) &&
        !(candidate.spareRefused && this.#refused.has(name)),
    );
    if (!order) return undefined;
    if (order.fault.kind === 'refuse') this.#rememberRefused(name);
    order.left -= 1;
    if (order.left <= 0) this.#orders = this.#orders.filter((candidate) => candidate !== order);
    return order.fault;
  }

  clear(): void {
    this.#orders = [];
  }

  #rememberRefused(name: string): void {
    this.#refused.add(name);
    const [oldest] = this.#refused;
    if (this.#refused.size > REFUSED_KEPT_MAX && oldest !== undefined) this.#refused.delete(oldest);
  }
}
