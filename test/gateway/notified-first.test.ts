import { describe, expect, it } from 'vitest';
import { messageId } from '../../src/domain/ids.ts';
import type { Delivery } from '../../src/gateway/delivery.ts';
import { NotifiedFirst } from '../../src/gateway/notified-first.ts';

const A = messageId(1n);
const B = messageId(2n);
/** It looks at nothing else of a receipt. */
const receiptOf = (id: typeof A) => ({ id }) as Delivery;

describe('NotifiedFirst', () => {
  it('holds the receipt of a message until its last notification is stored', () => {
    const first = new NotifiedFirst();
    const receipt = receiptOf(A);
    first.expect(A);
    first.expect(A);
    expect(first.holds(receipt)).toBe(true);
    expect(first.stored(A)).toBeUndefined();
    expect(first.stored(A)).toBe(receipt);
    expect(first.holds(receipt)).toBe(false);
  });

  it('holds no receipt of another message, nor one that comes after', () => {
    const first = new NotifiedFirst();
    first.expect(A);
    expect(first.holds(receiptOf(B))).toBe(false);
    expect(first.stored(A)).toBeUndefined();
    expect(first.holds(receiptOf(A))).toBe(false);
  });

  it('takes a notification that it was not told of for none', () => {
    const first = new NotifiedFirst();
    expect(first.stored(A)).toBeUndefined();
  });
});
