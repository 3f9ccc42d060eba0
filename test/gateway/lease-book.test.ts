import { describe, expect, it } from 'vitest';
import { messageId } from '../../src/domain/ids.ts';
import { LeaseBook, NO_LEASE } from '../../src/gateway/lease-book.ts';

describe('LeaseBook', () => {
  it('gives a lease to be deleted once each of its keys is accounted for, and once only', () => {
    const book = new LeaseBook();
    const lease = book.add(7n, 2, messageId(5n));
    expect(book.floor()).toBe(5n);
    book.settle(lease);
    expect(book.takeDone()).toEqual([]);
    book.settle(lease);
    expect(book.takeDone()).toEqual([7n]);
    expect(book.takeDone()).toEqual([]);
    expect(book.floor()).toBeUndefined();
  });

  it('has the floor of all that are open', () => {
    const book = new LeaseBook();
    const [old, young] = [book.add(1n, 1, messageId(10n)), book.add(2n, 1, messageId(20n))];
    expect(book.floor()).toBe(10n);
    book.settle(old);
    expect(book.floor()).toBe(20n);
    book.settle(young);
    expect(book.takeDone()).toEqual([1n, 2n]);
  });

  it('gives those again that could not be deleted', () => {
    const book = new LeaseBook();
    book.settle(book.add(1n, 1, messageId(1n)));
    const done = book.takeDone();
    book.putBack(done);
    book.settle(book.add(2n, 1, messageId(2n)));
    expect(book.takeDone()).toEqual([1n, 2n]);
  });

  it('takes no notice of what is under no lease', () => {
    const book = new LeaseBook();
    book.settle(NO_LEASE);
    book.settle(NO_LEASE);
    expect(book.takeDone()).toEqual([]);
  });
});
