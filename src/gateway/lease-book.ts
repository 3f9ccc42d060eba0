import type { MessageId } from '../domain/ids.ts';
import { smaller } from './queue.ts';

/** A committed lease and how many of its keys are not accounted for in the store yet. */
export interface Lease {
  readonly id: bigint;
  open: number;
  /** An id not above any of its messages'. */
  readonly floor: MessageId | undefined;
}

/** A sending that is under no lease yet. */
export const NO_LEASE: Lease = { id: 0n, open: 0, floor: undefined };

/**
 * This node's open leases. A lease is done when each of its keys has a stored answer or stands in
 * unknown_outcome; the sent lane then deletes it with its next batch.
 */
export class LeaseBook {
  readonly #open = new Map<bigint, Lease>();
  #done: bigint[] = [];

  /** A lease was committed for `keys` keys, the smallest message id among them being `floor`. */
  add(id: bigint, keys: number, floor: MessageId | undefined): Lease {
    const lease: Lease = { id, open: keys, floor };
    if (keys > 0) this.#open.set(id, lease);
    return lease;
  }

  /** One key of a lease is accounted for in the store. */
  settle(lease: Lease): void {
    if (--lease.open > 0 || !this.#open.delete(lease.id)) return;
    this.#done.push(lease.id);
  }

  /** A lease whose commit failed or is in doubt: its keys go out under another, so that a row of it must go. */
  abandon(id: bigint): void {
    this.#done.push(id);
  }

  /**
   * Leases done since the last call, for the sent lane to delete; `putBack` what could not be. A row that stays keeps
   * messages that were given back unsent from ever expiring.
   */
  takeDone(): bigint[] {
    const done = this.#done;
    if (done.length > 0) this.#done = [];
    return done;
  }

  /** These could not be deleted: they are taken again. */
  putBack(done: readonly bigint[]): void {
    this.#done.push(...done);
  }

  /** An id not above any message's whose key in a lease is open. */
  floor(): MessageId | undefined {
    let floor: MessageId | undefined;
    for (const lease of this.#open.values()) floor = smaller(floor, lease.floor);
    return floor;
  }
}
