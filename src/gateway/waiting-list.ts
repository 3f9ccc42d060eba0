import type { Pool } from 'pg';
import type { Catalog } from '../domain/catalog.ts';
import type { AccountId, MessageId } from '../domain/ids.ts';
import { decodePdu } from '../smpp/codec.ts';
import type { DeliverSm } from '../smpp/pdu.ts';
import type { ContentKeys } from '../store/content-keys.ts';
import type { EpochKeeper } from '../store/epoch-keeper.ts';
import { loadInbound, type StoredInbound } from '../store/inbound.ts';
import { withClient } from '../store/pool.ts';
import {
  accountsWaiting,
  recipientKey,
  recipientsWaiting,
  type TakenRow,
  takeWaiting,
} from '../store/waiting.ts';
import {
  type Deferral,
  type Delivery,
  FINAL_RECEIPT,
  MOBILE_ORIGINATED,
  mobileOriginated,
  NOTIFICATION,
  notificationOf,
  type Origin,
} from './delivery.ts';
import { subscriberOf } from './inbound.ts';
import type { MessageLoader } from './loader.ts';
import type { Message } from './message.ts';
import type { Outbox } from './outbox.ts';

/** A delivery that cannot be read now is tried again after this. */
const UNREADABLE_MS = 600_000;

export interface WaitingListDeps {
  readonly pool: Pool;
  readonly keeper: Pick<EpochKeeper, 'epoch' | 'dbNowMs'>;
  readonly loader: MessageLoader;
  readonly keys: ContentKeys;
  catalog(): Catalog;
  readonly now: () => number;
  outbox(): Outbox;
  /** Settles when what was put on the list is committed. */
  stored(): Promise<void>;
}

/** The waiting list of the store, as the outbox and recovery use it. */
export class WaitingList {
  readonly #deps: WaitingListDeps;

  constructor(deps: WaitingListDeps) {
    this.#deps = deps;
  }

  /** Claims waiting deliveries of an account for this node, oldest first; none that is older than the account keeps them. */
  async take(account: AccountId, most: number): Promise<{ taken: number; deliveries: Delivery[] }> {
    const { pool, keeper } = this.#deps;
    const keepMs = this.#deps.catalog().accounts.get(account)?.receipts.keepMs ?? 0;
    const rows = await takeWaiting(pool, keeper.epoch, account, most, this.#deps.now() - keepMs);
    const found = await this.#read(rows).catch((error) => {
      // Claimed and not to be had: back on the list, or nobody would ever take them again.
      for (const row of rows) this.#giveBack(row, 0);
      throw error;
    });
    const deliveries: Delivery[] = [];
    for (const row of rows) {
      const delivery = found.get(keyOf(row));
      if (delivery === undefined) this.#giveBack(row, UNREADABLE_MS);
      else deliveries.push(delivery);
    }
    return { taken: rows.length, deliveries };
  }

  /** Of each delivery: 0 nothing older waits for its recipient, 2 only what is in this node's memory, else 1. */
  recipientsWaiting(account: AccountId, asked: readonly Delivery[]): Promise<readonly number[]> {
    const keys = asked.map(({ recipient, order }) => ({ recipient: this.keyOf(recipient), order }));
    return recipientsWaiting(this.#deps.pool, this.#deps.keeper.epoch, account, keys);
  }

  /** The key under which a recipient stands on the list. */
  keyOf(recipient: string | bigint): bigint {
    return typeof recipient === 'bigint'
      ? recipient
      : recipientKey(this.#deps.keys.numberHash(recipient));
  }

  /** Puts an adopted node's unreturned receipts on the list; settles when that is committed. */
  add(rows: readonly Pick<Deferral, 'id' | 'account' | 'order' | 'recipient'>[]): Promise<void> {
    for (const { id, account, order, recipient } of rows) {
      const row = { id, account, order, recipient, kind: FINAL_RECEIPT, tries: 0 };
      this.#deps.outbox().deferUnseen({ ...row, retryAfterMs: 0 });
    }
    return this.#deps.stored();
  }

  /** Once a second: tells the outbox which of its accounts have something waiting. */
  async tick(): Promise<void> {
    const bound = this.#deps.outbox().boundAccounts();
    if (bound.size === 0) return;
    const waiting = await accountsWaiting(this.#deps.pool, this.#deps.keeper.epoch, [
      ...bound.keys(),
    ]).catch(() => undefined);
    if (waiting !== undefined) this.#deps.outbox().wake(bound, waiting);
  }

  #giveBack(row: TakenRow, retryAfterMs: number): void {
    this.#deps.outbox().deferUnseen({ ...row, retryAfterMs });
  }

  async #read(rows: readonly TakenRow[]): Promise<Map<string, Delivery>> {
    const { loader, pool, keys } = this.#deps;
    const inbound = rows.filter((row) => row.kind !== FINAL_RECEIPT);
    const stored =
      inbound.length === 0 ? [] : await withClient(pool, (client) => loadInbound(client, inbound));
    await keys.load(stored.flatMap((one) => (one.contentKey === 0 ? [] : one.contentKey)));
    const byKey = new Map(stored.map((one) => [keyOf(one), one]));
    const ids = new Set(rows.flatMap((row) => (row.kind === MOBILE_ORIGINATED ? [] : row.id)));
    const messages = ids.size === 0 ? [] : await loader.load([...ids]);
    const byId = new Map(messages.map((message) => [message.id, message]));
    const found = new Map<string, Delivery>();
    for (const row of rows) {
      const delivery = this.#deliveryOf(row, byId.get(row.id), byKey.get(keyOf(row)));
      if (delivery !== undefined) found.set(keyOf(row), delivery);
    }
    return found;
  }

  #deliveryOf(
    row: TakenRow,
    message: Message | undefined,
    stored: StoredInbound | undefined,
  ): Delivery | undefined {
    const origin: Origin = {
      order: row.order,
      tries: row.tries,
      waited: true,
      sinceDbMs: this.#deps.keeper.dbNowMs,
    };
    if (row.kind === FINAL_RECEIPT)
      return message && this.#deps.outbox().waitingReceipt(message, origin);
    if (stored === undefined) return undefined;
    if (row.kind === MOBILE_ORIGINATED) {
      const pdu = this.#open(stored);
      return pdu && mobileOriginated(row.id, row.account, subscriberOf(pdu), pdu, origin);
    }
    const { err, receivedAtMs } = stored;
    const state = row.kind - NOTIFICATION;
    return message && notificationOf(message, { state, err, doneAtMs: receivedAtMs }, origin);
  }

  /** The deliver_sm of a mobile-originated message; undefined when its key is destroyed or it was altered. */
  #open({ contentKey, id, content }: StoredInbound): DeliverSm | undefined {
    if (content === null) return undefined;
    try {
      const plain = this.#deps.keys.open(contentKey, id, 0, content);
      const pdu = plain && decodePdu(plain, 0, plain.length);
      return pdu?.command === 'deliver_sm' ? pdu : undefined;
    } catch {
      return undefined;
    }
  }
}

function keyOf({ id, kind }: { readonly id: MessageId; readonly kind: number }): string {
  return `${id}/${kind}`;
}
