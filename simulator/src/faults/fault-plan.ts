/** Which messages a fault applies to: those of one linked number or of all. */
export interface FaultOrder {
  /** The sending number, digits only; any when absent. */
  readonly phone?: string;
  /** How many messages it applies to. */
  readonly count: number;
}

/** What happens to one message on its way. */
export type MessageFault =
  | { readonly kind: 'lose' }
  | { readonly kind: 'refuse'; readonly code: number }
  | { readonly kind: 'dropAck'; readonly withReceipts: boolean };

interface Order {
  readonly phone: string | undefined;
  readonly fault: MessageFault;
  left: number;
}

const ORDERS_MAX = 1_000;

/** The faults that were asked for and have not happened yet, oldest first. */
export class FaultPlan {
  #orders: Order[] = [];

  add(order: FaultOrder, fault: MessageFault): void {
    if (this.#orders.length >= ORDERS_MAX) {
      throw new Error(`there are already ${ORDERS_MAX} faults waiting to happen: clear them first`);
    }
    this.#orders.push({ phone: order.phone, fault, left: order.count });
  }

  /** The fault for the next message of `phone`, used up by asking. */
  take(phone: string): MessageFault | undefined {
    const order = this.#orders.find(
      (candidate) => candidate.phone === undefined || candidate.phone === phone,
    );
    if (!order) return undefined;
    order.left -= 1;
    if (order.left <= 0) this.#orders = this.#orders.filter((candidate) => candidate !== order);
    return order.fault;
  }

  clear(): void {
    this.#orders = [];
  }
}
