/*
 * What credit as lots means, as plain as it can be said: a list of lots, a debt, no ledger and no SQL. The property test
 * compares the store with it after every step.
 */

/** A lot of the model. `expired`: its time is over, and what was in it then was taken. */
export interface ModelLot {
  readonly reference: string;
  /** Lower: expires sooner; undefined: never. */
  order: number;
  expired: boolean;
  swept: boolean;
  left: bigint;
  reserved: bigint;
}

interface Part {
  readonly lot: ModelLot;
  amount: bigint;
}

export interface ModelMessage {
  readonly price: bigint;
  readonly onDelivery: boolean;
  readonly parts: Part[];
}

/** The account's own lot: it alone may go below zero. */
const OWN = Number.MAX_SAFE_INTEGER;
/** More than any order of a lot with a time. */
const OVER = 2 ** 40;

/** An account with lots whose terms forfeit what comes back to expired credit. */
export class LotModel {
  readonly own: ModelLot = {
    reference: 'balance',
    order: OWN,
    expired: false,
    swept: false,
    left: 0n,
    reserved: 0n,
  };
  readonly lots: ModelLot[] = [this.own];
  readonly creditLine: bigint;

  constructor(creditLine: bigint) {
    this.creditLine = creditLine;
  }

  /** Neither spent nor reserved nor expired. */
  get spendable(): bigint {
    return this.#live().reduce((sum, lot) => sum + lot.left, this.creditLine);
  }

  topUp(reference: string, amount: bigint, order: number): void {
    this.sweep();
    this.lots.push({ reference, order, expired: false, swept: false, left: amount, reserved: 0n });
    this.#cover();
  }

  /** @returns undefined when it cannot be paid */
  pay(price: bigint, onDelivery: boolean): ModelMessage | undefined {
    this.sweep();
    if (price > this.spendable) return undefined;
    const parts = this.#take(price);
    if (onDelivery) for (const { lot, amount } of parts) lot.reserved += amount;
    return { price, onDelivery, parts };
  }

  /** Ends a message of which `back` is given back, the last taken first. */
  end(message: ModelMessage, back: bigint): void {
    let rest = back;
    for (const { lot, amount } of message.parts.toReversed()) {
      const given = amount < rest ? amount : rest;
      lot.left += given;
      rest -= given;
      if (message.onDelivery) lot.reserved -= amount;
    }
  }

  /** Its time is over: before that of all that are valid, and in its order among those that are over. */
  expire(reference: string): void {
    for (const lot of this.lots) {
      if (lot.reference !== reference || lot.expired) continue;
      lot.expired = true;
      lot.order -= OVER;
    }
  }

  /** What is expired goes, after what is owed was paid of it. */
  sweep(): void {
    if (!this.lots.some((lot) => lot.expired && lot.left > 0n)) return;
    this.#cover();
    for (const lot of this.lots) if (lot.expired && lot.left > 0n) lot.left = 0n;
  }

  penalty(amount: bigint): void {
    this.sweep();
    this.#cover();
    this.#take(amount);
  }

  /** What is owed is paid first. @returns what was paid back */
  refundPurchase(reference: string): bigint {
    this.sweep();
    this.#cover();
    const lot = this.lots.find((one) => one.reference === reference);
    if (lot === undefined || lot.expired) return 0n;
    const back = lot.left;
    lot.left = 0n;
    return back;
  }

  forfeit(): bigint {
    this.sweep();
    this.#cover();
    let sum = 0n;
    for (const lot of this.#live()) {
      if (lot.left <= 0n) continue;
      sum += lot.left;
      lot.left = 0n;
    }
    return sum;
  }

  #take(price: bigint): Part[] {
    const parts: Part[] = [];
    let rest = price;
    for (const lot of this.#live()) {
      if (rest === 0n) break;
      if (lot.left <= 0n) continue;
      const taken = lot.left < rest ? lot.left : rest;
      lot.left -= taken;
      rest -= taken;
      parts.push({ lot, amount: taken });
    }
    if (rest > 0n) {
      this.own.left -= rest;
      parts.push({ lot: this.own, amount: rest });
    }
    return parts;
  }

  #cover(): void {
    for (const lot of this.#ordered()) {
      if (lot === this.own || this.own.left >= 0n || lot.left <= 0n) continue;
      const owed = -this.own.left;
      const paid = lot.left < owed ? lot.left : owed;
      lot.left -= paid;
      this.own.left += paid;
    }
  }

  #live(): ModelLot[] {
    return this.#ordered().filter((lot) => !lot.expired);
  }

  #ordered(): ModelLot[] {
    return this.lots.toSorted((a, b) => a.order - b.order);
  }
}
