import type { Pool } from 'pg';
import type { AccountId, MessageId } from '../domain/ids.ts';
import type { EpochKeeper } from '../store/epoch-keeper.ts';
import { accountsWaiting, takeWaiting } from '../store/waiting.ts';
import type { MessageLoader } from './loader.ts';
import type { CustomerReceipt, Outbox } from './outbox.ts';

/** A receipt whose message cannot be read now is tried again after this. */
const UNREADABLE_MS = 600_000;

export interface WaitingReceiptsDeps {
  readonly pool: Pool;
  readonly keeper: Pick<EpochKeeper, 'epoch' | 'dbNowMs'>;
  readonly loader: MessageLoader;
  outbox(): Outbox;
  /** Settles when what was put on the list is committed. */
  stored(): Promise<void>;
}

/** The waiting list of the store, as the outbox and recovery use it. */
export class WaitingReceipts {
  readonly #deps: WaitingReceiptsDeps;

  constructor(deps: WaitingReceiptsDeps) {
    this.#deps = deps;
  }

  /** Claims waiting receipts of an account for this node, oldest first. */
  async take(account: AccountId, most: number): Promise<CustomerReceipt[]> {
    const { pool, keeper, loader } = this.#deps;
    const ids = await takeWaiting(pool, keeper.epoch, account, most);
    // Claimed and not to be had: back on the list, or nobody would ever take them again.
    const giveBack = (back: readonly MessageId[], retryAfterMs: number): void => {
      for (const id of back) this.#deps.outbox().deferUnseen({ id, account }, retryAfterMs);
    };
    const messages = await loader.load(ids).catch((error) => {
      giveBack(ids, 0);
      throw error;
    });
    const readable = new Set(messages.map((message) => message.id));
    const unreadable = ids.filter((id) => !readable.has(id));
    giveBack(unreadable, UNREADABLE_MS);
    const receiptOf = (message: (typeof messages)[number]) =>
      this.#deps.outbox().waitingReceipt(message, keeper.dbNowMs);
    return messages.flatMap((message) => receiptOf(message) ?? []);
  }

  /** Puts an adopted node's unreturned receipts on the list; settles when that is committed. */
  add(rows: readonly { readonly id: MessageId; readonly account: AccountId }[]): Promise<void> {
    for (const row of rows) this.#deps.outbox().deferUnseen(row, 0);
    return this.#deps.stored();
  }

  /** Once a second: tells the outbox which of its accounts have receipts waiting. */
  async tick(): Promise<void> {
    const bound = this.#deps.outbox().boundAccounts();
    if (bound.length === 0) return;
    const waiting = await accountsWaiting(this.#deps.pool, bound).catch(() => []);
    this.#deps.outbox().wake(waiting);
  }
}
