import type { QueueLane } from '../domain/catalog.ts';
import type { MessageId } from '../domain/ids.ts';
import { IdFifo } from './id-fifo.ts';
import type { Message } from './message.ts';

/** Lanes in order of haste: 0 fast (OTP), 1 normal, 2 bulk. */
export const LANES = 3;
const HASTE: readonly QueueLane[] = [0, 1, 2];

/**
 * Octets of text and TLVs that one lane holds: 4,000 usual messages have 0.5 MB. Without it 4,000 messages of one
 * segment with 60 KB of TLVs each, which cost their sender no more than others, would hold 240 MB.
 */
const HOT_OCTETS_MAX = 16 * 1024 * 1024;
/** What a TLV costs beside its value. */
const TLV_OCTETS = 100;

/**
 * Turns a cycle of 21 picks: 16 fast, 4 normal, 1 bulk. OTP goes first, and bulk still gets about
 * 5 % of a busy carrier.
 */
const LANE_CYCLE: readonly number[] = [
  0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2,
];

/** One lane: messages with their content in memory first, then ids only. */
interface LaneQueue {
  hot: (Message | undefined)[];
  /** Index of the oldest of `hot` that is still queued (a shift of a long array costs its length). */
  hotHead: number;
  cold: IdFifo;
  /** Octets of text and TLVs in `hot`. */
  hotOctets: number;
  /** A page of `cold` is being read: what comes now goes behind it. */
  paging: boolean;
}

/**
 * What waits for one carrier. Messages come out of a lane in the order in which they went in; the
 * first `hotMax` of a lane, at most HOT_OCTETS_MAX of them, are held with their content, the rest as ids whose content is read from
 * the store when their turn comes. The limit is the disk: `accept` refuses above the account's and
 * the carrier's queue limit, not here.
 */
export class CarrierQueue {
  readonly #lanes: LaneQueue[] = [];
  readonly #hotMax: number;
  #turn = 0;

  /** @param hotMax messages of one lane held with their content, at least 1 */
  constructor(hotMax: number) {
    this.#hotMax = hotMax;
    for (let lane = 0; lane < LANES; lane++) {
      this.#lanes.push({
        hot: [],
        hotHead: 0,
        hotOctets: 0,
        cold: new IdFifo(),
        paging: false,
      });
    }
  }

  /** Messages waiting in a lane, in memory or not. */
  depth(lane: number): number {
    const q = this.#lanes[lane];
    return q === undefined ? 0 : q.hot.length - q.hotHead + q.cold.length;
  }

  get length(): number {
    return this.depth(0) + this.depth(1) + this.depth(2);
  }

  /** Adds a message at the end of its lane; its content is let go of when the lane is long. */
  push(message: Message): void {
    const q = this.#laneOf(message.lane);
    const isFull = q.hot.length - q.hotHead >= this.#hotMax || q.hotOctets >= HOT_OCTETS_MAX;
    if (isFull || q.cold.length > 0 || q.paging) q.cold.push(message.id);
    else {
      q.hot.push(message);
      q.hotOctets += octetsOf(message);
    }
  }

  /** Adds a message of which only the id is at hand (recovery). */
  pushId(lane: number, id: MessageId): void {
    this.#laneOf(lane).cold.push(id);
  }

  /**
   * Takes the next message whose content is at hand, by the lanes' shares; undefined when none is
   * (then `coldLane` says whether a lane waits for the store).
   */
  shift(): Message | undefined {
    for (let tries = 0; tries < LANE_CYCLE.length; tries++) {
      const lane = LANE_CYCLE[this.#turn] ?? 0;
      this.#turn = (this.#turn + 1) % LANE_CYCLE.length;
      const message = this.#shiftLane(lane);
      if (message !== undefined) return message;
    }
    return undefined;
  }

  /** The hastiest lane that has room in memory and ids in the store; undefined when none. */
  coldLane(): QueueLane | undefined {
    for (const lane of HASTE) {
      const q = this.#laneOf(lane);
      const hasRoom =
        q.hot.length - q.hotHead <= this.#hotMax / 2 && q.hotOctets <= HOT_OCTETS_MAX / 2;
      if (q.cold.length > 0 && hasRoom) return lane;
    }
    return undefined;
  }

  /** Takes up to `most` cold ids of a lane; hand them back with content through `warm`, or else through `putBack`. */
  takeCold(lane: number, most: number): MessageId[] {
    const q = this.#laneOf(lane);
    q.paging = true;
    return q.cold.take(most);
  }

  /** These could not be read: they go to the end of their lane. */
  putBack(lane: number, ids: readonly MessageId[]): void {
    const q = this.#laneOf(lane);
    q.paging = false;
    for (const id of ids) q.cold.push(id);
  }

  /** Adds messages just read from the store behind the hot ones of their lane. */
  warm(lane: number, messages: readonly Message[]): void {
    const q = this.#laneOf(lane);
    q.paging = false;
    q.hot.push(...messages);
    for (const message of messages) q.hotOctets += octetsOf(message);
  }

  /** Messages of a lane whose content is at hand. */
  hotDepth(lane: number): number {
    const q = this.#laneOf(lane);
    return q.hot.length - q.hotHead;
  }

  /** Messages of a lane of which only the id is at hand. */
  coldDepth(lane: number): number {
    return this.#laneOf(lane).cold.length;
  }

  /** Takes up to `most` messages of a lane whose content is at hand, first in first out. */
  takeHot(lane: number, most: number): Message[] {
    const taken: Message[] = [];
    while (taken.length < most) {
      const message = this.#shiftLane(lane);
      if (message === undefined) break;
      taken.push(message);
    }
    return taken;
  }

  /** Puts some of those back in front of their lane. */
  putBackHot(lane: number, messages: readonly Message[]): void {
    if (messages.length === 0) return;
    const q = this.#laneOf(lane);
    q.hot.splice(0, q.hotHead, ...messages);
    q.hotHead = 0;
    for (const message of messages) q.hotOctets += octetsOf(message);
  }

  /**
   * Lets go of a message that has ended, if its content is at hand; one of which only the id is here stays.
   * @returns whether it was here
   */
  forget(id: MessageId): boolean {
    for (const q of this.#lanes) {
      const at = q.hot.findIndex((message) => message?.id === id);
      const message = q.hot[at];
      if (message === undefined) continue;
      q.hot.splice(at, 1);
      q.hotOctets -= octetsOf(message);
      return true;
    }
    return false;
  }

  /** An id not above any that waits in a lane (by default in any): recovery reads from it on. */
  floor(lane?: number): MessageId | undefined {
    if (lane === undefined) return smaller(smaller(this.floor(0), this.floor(1)), this.floor(2));
    const q = this.#laneOf(lane);
    return q.hot.reduce<MessageId | undefined>(
      (floor, message) => smaller(floor, message?.id),
      q.cold.floor(),
    );
  }

  #laneOf(lane: number): LaneQueue {
    const q = this.#lanes[lane];
    if (q === undefined) throw new RangeError(`no lane ${lane}`);
    return q;
  }

  #shiftLane(lane: number): Message | undefined {
    const q = this.#laneOf(lane);
    const message = q.hot[q.hotHead];
    if (message === undefined) return undefined;
    q.hot[q.hotHead++] = undefined;
    q.hotOctets -= octetsOf(message);
    // Half the array is spent: move the rest down, so that memory follows the queue's length.
    if (q.hotHead > 1024 && q.hotHead * 2 > q.hot.length) {
      q.hot.splice(0, q.hotHead);
      q.hotHead = 0;
    }
    return message;
  }
}

/** What its submit_sm holds; nothing changes that while it is queued. */
function octetsOf({ submit }: Message): number {
  if (submit === undefined) return 0;
  let octets = submit.short_message.length;
  if (submit.tlvs !== undefined)
    for (const { value } of submit.tlvs) octets += TLV_OCTETS + value.length;
  return octets;
}

/** The smaller of two ids where either may be absent. */
export function smaller(a: MessageId | undefined, b: MessageId | undefined): MessageId | undefined {
  if (a === undefined) return b;
  return b === undefined || a < b ? a : b;
}
