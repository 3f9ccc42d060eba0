/**
 * Identities. Each kind of number has its own brand, so that an account can never be passed where a
 * carrier is meant. The `as` casts that make them stand in this file only.
 */

declare const brand: unique symbol;

/** A value of type T that only the named maker may produce. */
export type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** Internal message id: 41 bits of milliseconds since 2025, 10 of node, 12 of sequence; fits a signed int8. */
export type MessageId = Branded<bigint, 'MessageId'>;
/** Row id of an account (int4). */
export type AccountId = Branded<number, 'AccountId'>;
/** Row id of a customer's bind, that is, of one system_id (int4). */
export type BindId = Branded<number, 'BindId'>;
/** Row id of a carrier (int4). */
export type CarrierId = Branded<number, 'CarrierId'>;
/** Row id of one start of one node (int4). */
export type EpochId = Branded<number, 'EpochId'>;
/** Identity of one write batch, by which a commit in doubt is read back (int8). */
export type BatchId = Branded<bigint, 'BatchId'>;

/** 2025-01-01T00:00:00Z in unix milliseconds: the zero of the clock inside a message id. */
export const MESSAGE_ID_EPOCH_MS = 1_735_689_600_000;
/** Node numbers are 0 to 1023 (10 bits). */
export const MESSAGE_ID_NODES = 1024;
/** Ids that one node can make in one millisecond (12 bits of sequence). */
export const MESSAGE_ID_SEQUENCES = 4096;
/** A clock this far behind the last issued id stops accepting (docs: Identity). */
export const CLOCK_STEP_LIMIT_MS = 5000;

/** 41 bits of milliseconds: ids last until 2094. */
const MS_SPAN = 2 ** 41;
const NODE_SHIFT = 12n;
const MS_SHIFT = 22n;

/** Brands a row id as an account's. */
export function accountId(n: number): AccountId {
  return n as AccountId;
}

/** Brands a row id as a bind's. */
export function bindId(n: number): BindId {
  return n as BindId;
}

/** Brands a row id as a carrier's. */
export function carrierId(n: number): CarrierId {
  return n as CarrierId;
}

/** Brands a row id as an epoch's. */
export function epochId(n: number): EpochId {
  return n as EpochId;
}

/** Brands a number as a batch's. */
export function batchId(n: bigint): BatchId {
  return n as BatchId;
}

/** Brands an id that comes back from the store. */
export function messageId(n: bigint): MessageId {
  return n as MessageId;
}

/** The clock stepped back by more than {@link CLOCK_STEP_LIMIT_MS}: accepting must stop until it has caught up. */
export class ClockStepError extends Error {
  readonly behindMs: number;
  constructor(behindMs: number) {
    super(`the clock is ${behindMs} ms behind the last issued message id`);
    this.name = 'ClockStepError';
    this.behindMs = behindMs;
  }
}

/**
 * Makes the ids of one node: strictly rising, whatever the clock does.
 *
 * A clock that steps back by at most 5 s is waited out on the last millisecond; a further one throws
 * {@link ClockStepError}. When the 4096 ids of a millisecond are used up the next millisecond is begun early.
 */
export class MessageIdSequence {
  readonly #node: number;
  #lastMs: number;
  #sequence: number;
  #last: bigint;

  /**
   * @param node 0 to 1023
   * @param floorMs unix ms below which no id is issued (one past the last stored id's); a clock more than 5 s behind it throws as well
   */
  constructor(node: number, floorMs: number) {
    if (!Number.isInteger(node) || node < 0 || node >= MESSAGE_ID_NODES) {
      throw new RangeError(`node number ${node} is not between 0 and ${MESSAGE_ID_NODES - 1}`);
    }
    this.#node = node;
    this.#lastMs = Math.max(floorMs, MESSAGE_ID_EPOCH_MS) - 1;
    this.#sequence = MESSAGE_ID_SEQUENCES - 1;
    this.#last = 0n;
  }

  /** The next id. @throws ClockStepError when `nowMs` is over 5 s behind the last id, RangeError after 2094 */
  next(nowMs: number): MessageId {
    if (nowMs > this.#lastMs) return this.#begin(nowMs);
    if (this.#lastMs - nowMs > CLOCK_STEP_LIMIT_MS) throw new ClockStepError(this.#lastMs - nowMs);
    if (this.#sequence === MESSAGE_ID_SEQUENCES - 1) return this.#begin(this.#lastMs + 1);
    this.#sequence += 1;
    this.#last += 1n;
    return this.#last as MessageId;
  }

  #begin(ms: number): MessageId {
    this.#last = compose(ms, this.#node);
    this.#lastMs = ms;
    this.#sequence = 0;
    return this.#last as MessageId;
  }
}

/** When an id was made, in unix milliseconds. */
export function messageIdMs(id: MessageId): number {
  return Number(id >> MS_SHIFT) + MESSAGE_ID_EPOCH_MS;
}

/** The node number that made an id, 0 to 1023. */
export function messageIdNode(id: MessageId): number {
  return Number((id >> NODE_SHIFT) & 0x3ffn);
}

/** The lowest id of a millisecond over all nodes: the bound for ranges and partitions. @throws RangeError outside 2025 to 2094 */
export function firstIdAt(unixMs: number): MessageId {
  return compose(unixMs, 0) as MessageId;
}

function compose(unixMs: number, node: number): bigint {
  const ms = Math.floor(unixMs) - MESSAGE_ID_EPOCH_MS;
  if (!(ms >= 0 && ms < MS_SPAN))
    throw new RangeError(`no message id can stand for unix ms ${unixMs}`);
  return (BigInt(ms) << MS_SHIFT) | (BigInt(node) << NODE_SHIFT);
}
