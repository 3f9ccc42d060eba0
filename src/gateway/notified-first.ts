import type { MessageId } from '../domain/ids.ts';
import type { Delivery } from './delivery.ts';

/**
 * Keeps a final receipt back while notifications of its message are being stored: the customer learns of the states
 * in their order. Holds the messages whose notifications are with the inbound lane, and no others.
 */
export class NotifiedFirst {
  readonly #expected = new Map<
    MessageId,
    { notifications: number; receipt: Delivery | undefined }
  >();

  /** A notification of a message is on its way to the store. */
  expect(id: MessageId): void {
    const expected = this.#expected.get(id);
    if (expected === undefined) this.#expected.set(id, { notifications: 1, receipt: undefined });
    else expected.notifications++;
  }

  /** One of them is stored, or never will be. @returns the receipt that waited for it as the last one */
  stored(id: MessageId): Delivery | undefined {
    const expected = this.#expected.get(id);
    if (expected === undefined || --expected.notifications > 0) return undefined;
    this.#expected.delete(id);
    return expected.receipt;
  }

  /** @returns whether it waits; else nothing is before it */
  holds(receipt: Delivery): boolean {
    if (this.#expected.size === 0) return false;
    const expected = this.#expected.get(receipt.id);
    if (expected === undefined) return false;
    expected.receipt = receipt;
    return true;
  }
}
