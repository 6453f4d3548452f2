import type { BinaryNode } from 'baileys';

const STANZAS_MAX = 10_000;

/**
 * What the network holds for one linked device until the device confirms it. Stanzas that a dead connection swallowed,
 * and those that came while the device was away, are delivered at its next login.
 */
export class Mailbox {
  readonly #stanzas = new Map<string, BinaryNode>();

  /** Holds a message or receipt. Beyond the bound the oldest is forgotten. */
  hold(node: BinaryNode): void {
    this.#stanzas.set(keyOf(node.tag, node.attrs), node);
    if (this.#stanzas.size <= STANZAS_MAX) return;
    const oldest = this.#stanzas.keys().next().value;
    if (oldest !== undefined) this.#stanzas.delete(oldest);
  }

  /** The device took it. `attrs` are those of its acknowledgement, whose `to` is the stanza's `from`. */
  confirm(tag: string, attrs: BinaryNode['attrs']): void {
    this.#stanzas.delete(keyOf(tag, { ...attrs, from: attrs.to ?? '' }));
  }

  /** Everything unconfirmed, oldest first. */
  waiting(): BinaryNode[] {
    return [...this.#stanzas.values()];
  }
}

function keyOf(tag: string, attrs: BinaryNode['attrs']): string {
  return tag === 'message' ? `message ${attrs.id}` : `${tag} ${attrs.id} ${attrs.from} ${attrs.type ?? ''}`;
}
