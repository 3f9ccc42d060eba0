import { type BatchId, batchId, type MessageId, MessageIdSequence } from '../domain/ids.ts';
import type { EpochKeeper } from '../store/epoch-keeper.ts';

/** The ids that one epoch issues: of messages, and of batches and leases (a space of their own). */
export class NodeIds {
  readonly #keeper: Pick<EpochKeeper, 'number' | 'idFloorMs' | 'idLimitMs'>;
  readonly #messages: MessageIdSequence;
  readonly #batches: MessageIdSequence;
  #batchMs: number;

  constructor(keeper: Pick<EpochKeeper, 'number' | 'idFloorMs' | 'idLimitMs'>) {
    this.#keeper = keeper;
    this.#messages = new MessageIdSequence(keeper.number, keeper.idFloorMs);
    this.#batches = new MessageIdSequence(keeper.number, keeper.idFloorMs);
    this.#batchMs = keeper.idFloorMs;
  }

  /**
   * The next message id; undefined above what the last heartbeat reserved: another node may own what follows.
   * @throws ClockStepError when the clock went back by more than 5 s
   */
  nextMessage(nowMs: number): MessageId | undefined {
    return nowMs > this.#keeper.idLimitMs ? undefined : this.#messages.next(nowMs);
  }

  /** The next id of a batch or lease. These need no true time, so a clock that went back is not followed. */
  nextBatch(): BatchId {
    this.#batchMs = Math.max(this.#batchMs, Date.now());
    return batchId(this.#batches.next(this.#batchMs));
  }
}
