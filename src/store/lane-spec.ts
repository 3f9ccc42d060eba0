import type { Client } from 'pg';
import type { BatchId } from '../domain/ids.ts';
import type { DependencyError } from './errors.ts';

/** What a lane writes and whom it tells. */
export interface LaneSpec<Item, Verdict> {
  /** For logs and metrics: accept, sent, settle, returned. */
  readonly name: string;
  /** Opens the lane's own connection (connectStore). Called again whenever it is lost. */
  connect(): Promise<Client>;
  /**
   * Writes one batch in one transaction that also inserts `batch` into the table of batches. May be called again
   * for items whose write certainly failed, then with another batch id and perhaps fewer of them.
   */
  write(client: Client, batch: BatchId, items: Item[]): Promise<Verdict[]>;
  /** Reads the verdicts stored with a batch: default one number per octet, none stored: []. */
  verdictsOf?(stored: Buffer | null): Verdict[];
  /** Items of a batch at most. */
  readonly maxBatch: number;
  /** How long the first item waits for company. 0: until the end of this turn of the event loop. */
  readonly lingerMs: number;
  /** It is committed; the next batch is already on its way. */
  onCommitted(items: Item[], verdicts: Verdict[]): void;
  /** It is certain that these are not committed and that the lane will not try again. */
  onNotCommitted(items: Item[], error: DependencyError): void;
  /**
   * Their commit is in doubt and was not read back for `doubtMaxMs`: who waits for an answer is to wait no longer.
   * They are answered all the same once it is known.
   */
  onLongDoubt?(items: Item[]): void;
  /** Ms; needed with onLongDoubt. */
  readonly doubtMaxMs?: number;
  /** Called when the lane loses its connection (with the error) and when it has one again (undefined). */
  onConnection?(error: DependencyError | undefined): void;
  /** After a commit or a read-back: how long the batch took, and its size. */
  onBatch?(size: number, tookMs: number): void;
  /**
   * What happens to items while there is no connection, and to a batch that failed for a passing reason:
   * `refuse` hands them back at once (accept: the customer gets an error and can try again), `keep` (the default)
   * holds and retries them until the database answers (what carriers and customers said must be stored). Kept items
   * have no limit here: whoever feeds the lane stops at a depth().
   */
  readonly whileDown?: 'keep' | 'refuse';
  /** Unix ms. */
  now(): number;
  /** Never the same twice, on no node; rising with time, so that old rows can be deleted by range. */
  newBatchId(): BatchId;
}
