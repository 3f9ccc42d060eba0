import type { Catalog, CatalogAccount } from '../domain/catalog.ts';
import { type AccountId, type MessageId, messageIdMs } from '../domain/ids.ts';
import type { Session } from '../session/session.ts';
import { type DeliverSm, newPdu, type ResponsePdu } from '../smpp/pdu.ts';
import { formatReceiptText, type ReceiptToFormat, receiptTlvs } from '../smpp/receipt-text.ts';
import * as status from '../smpp/status.ts';
import type { Lane } from '../store/lane.ts';
import { customerIdOf, type Message, type PartEnd, type ReceiptEcho } from './message.ts';
import type { GatewayObserver } from './observer.ts';
import { isSuccess, type Settlement, stateName } from './settlement.ts';

/** Receipts of one account that wait in memory for a free window; the rest waits in the store. */
const ACCOUNT_MEMORY_MAX = 2_000;
/** Over all accounts: about 300 octets each, 15 MB. */
const MEMORY_MAX = 50_000;
/** Receipts taken from the store at once for one account. */
const PAGE = 500;
/** Taken again when fewer than these are in memory: one page is always under way to a fast reader. */
const PAGE_BELOW = 250;
/** Wait after a customer's temporary error; then it goes through the store again. */
const RETRY_MS = 5_000;
/** esm_class of a delivery receipt (SMPP 3.4 §5.2.12). */
const ESM_CLASS_RECEIPT = 0x04;
/** registered_delivery bits 1-0 (SMPP 3.4 §5.2.17): 0 none, 1 always, 2 on failure; 5.0 adds 3 on success. */
const RECEIPT_BITS = 0x03;
/** network_error_code's network type: GSM (SMPP 3.4 §5.3.2.31). */
const NETWORK_GSM = 3;

/** A receipt for the waiting list: the row of the deferred lane. */
export interface Deferral {
  readonly id: MessageId;
  readonly account: AccountId;
  /** Ms to wait before it is tried again; 0 at once when he binds. */
  readonly retryAfterMs: number;
}

/** A customer's receipt on its way to him: the row of the returned lane. */
export interface CustomerReceipt extends Deferral {
  readonly customerId: string;
  readonly echo: ReceiptEcho;
  readonly state: number;
  readonly err: number;
  readonly doneAtMs: number;
  readonly segments: number;
  readonly delivered: number;
  /** Taken from the waiting list, where it must be struck off when it is returned. */
  readonly waited: boolean;
  /** The database's clock as known when its outcome went to the store, unix ms. */
  readonly sinceDbMs: number;
  /** His answer: command_status of deliver_sm_resp and when. */
  status: number;
  atMs: number;
  retryAfterMs: number;
}

export interface OutboxDeps {
  catalog(): Catalog;
  readonly now: () => number;
  readonly observer: GatewayObserver;
  readonly returned: Pick<Lane<CustomerReceipt, never>, 'push'>;
  /** Puts receipts on the waiting list in the store. */
  readonly deferred: Pick<Lane<Deferral, never>, 'push'>;
  /** Claims waiting receipts of an account for this node, oldest first. */
  takeWaiting(account: AccountId, most: number): Promise<CustomerReceipt[]>;
}

/** One account's receipts in this node's memory and the sessions that can take them. */
interface AccountBox {
  readonly account: AccountId;
  /** Sessions bound as receiver or transceiver; the next to be used is first. */
  readonly sessions: Session[];
  readonly queue: (CustomerReceipt | undefined)[];
  head: number;
  /** The store may hold more. */
  behind: boolean;
  taking: boolean;
}

/**
 * Returns receipts to customers, each at least once:
 *
 * ```
 *   settled ──> queue (memory) ── free window ──> deliver_sm ── resp 0 ──> returned (stored)
 *                 │ no receiver, or full                │ session lost: queue again
 *                 v                                     v resp "later"
 *               waiting list (store) <──────────────────┘
 *                 └── a receiver binds, or there is room ──> queue
 * ```
 * It is repeated only when his deliver_sm_resp was not stored.
 */
export class Outbox {
  readonly #deps: OutboxDeps;
  readonly #boxes = new Map<AccountId, AccountBox>();
  /** In memory and neither returned nor on the waiting list, oldest first. */
  readonly #held = new Set<CustomerReceipt>();

  constructor(deps: OutboxDeps) {
    this.#deps = deps;
  }

  /** A message is final: its receipt, if the customer asked for one. */
  offerSettled(settlement: Settlement, dbNowMs: number): void {
    const receipt = receiptOf(settlement.message, settlement, settlement.delivered, dbNowMs, false);
    if (receipt !== undefined) this.offer(receipt);
  }

  /** A receipt taken from the waiting list; undefined when its message has none. */
  waitingReceipt(message: Message, dbNowMs: number): CustomerReceipt | undefined {
    const { ended, parts, segments } = message;
    if (ended === undefined) return undefined;
    const whole = isSuccess(stateName(ended.state)) ? segments : 0;
    const delivered =
      parts?.filter((part) => part !== undefined && isSuccess(stateName(part.state))).length ??
      whole;
    return receiptOf(message, ended, delivered, dbNowMs, true);
  }

  /** Puts a receipt that was never in this node's memory on the waiting list (recovery). */
  deferUnseen(receipt: Pick<Deferral, 'id' | 'account'>, retryAfterMs: number): void {
    this.#deps.deferred.push({ ...receipt, retryAfterMs });
  }

  /** A receipt to be returned: sent now, queued, or put on the waiting list. */
  offer(receipt: CustomerReceipt): void {
    const box = this.#boxes.get(receipt.account);
    this.#held.add(receipt);
    if (box === undefined || box.sessions.length === 0) return this.#defer(receipt);
    if (box.queue.length - box.head >= ACCOUNT_MEMORY_MAX || this.#held.size > MEMORY_MAX) {
      box.behind = true;
      return this.#defer(receipt);
    }
    box.queue.push(receipt);
    this.#send(box);
  }

  /** A session that can receive was bound. */
  addSession(account: AccountId, session: Session): void {
    let box = this.#boxes.get(account);
    if (box === undefined) {
      box = { account, sessions: [], queue: [], head: 0, behind: true, taking: false };
      this.#boxes.set(account, box);
    }
    box.sessions.push(session);
    box.behind = true; // there may be some from before
    this.#send(box);
  }

  /** A session ended; `unanswered` are the receipts it had been sent. */
  removeSession(
    account: AccountId,
    session: Session,
    unanswered: readonly CustomerReceipt[],
  ): void {
    const box = this.#boxes.get(account);
    if (box === undefined) return;
    const at = box.sessions.indexOf(session);
    if (at >= 0) box.sessions.splice(at, 1);
    for (const receipt of unanswered) this.offer(receipt);
    if (box.sessions.length > 0) return;
    this.#boxes.delete(account);
    for (const receipt of box.queue) if (receipt !== undefined) this.#defer(receipt);
  }

  /** A session's window is open again. */
  onWindowOpen(account: AccountId): void {
    const box = this.#boxes.get(account);
    if (box !== undefined) this.#send(box);
  }

  /** The customer's deliver_sm_resp. */
  onAnswer(receipt: CustomerReceipt, pdu: ResponsePdu): void {
    receipt.status = pdu.command_status;
    receipt.atMs = this.#deps.now();
    if (isTemporary(pdu.command_status)) {
      receipt.retryAfterMs = RETRY_MS;
      this.#defer(receipt);
    } else this.#deps.returned.push(receipt);
    const box = this.#boxes.get(receipt.account);
    if (box !== undefined) this.#send(box);
  }

  /** The returned or deferred lane committed: the store has them. */
  onStored(receipts: readonly Deferral[]): void {
    for (const receipt of receipts) this.#held.delete(receipt as CustomerReceipt);
  }

  /** Accounts with a receiver bound here: the store is asked once a second which of them have receipts waiting. */
  boundAccounts(): AccountId[] {
    return [...this.#boxes.keys()];
  }

  /** The store says that these have receipts waiting. */
  wake(accounts: readonly AccountId[]): void {
    for (const account of accounts) {
      const box = this.#boxes.get(account);
      if (box === undefined) continue;
      box.behind = true;
      this.#send(box);
    }
  }

  /** See EpochProgress.checkpointMs: of the oldest receipt that is neither returned nor on the waiting list. */
  oldestDbMs(): number | undefined {
    const first = this.#held.values().next();
    return first.done ? undefined : first.value.sinceDbMs;
  }

  /** Receipts held in memory. */
  get size(): number {
    return this.#held.size;
  }

  #defer(receipt: CustomerReceipt): void {
    this.#deps.deferred.push(receipt);
  }

  #send(box: AccountBox): void {
    const account = this.#deps.catalog().accounts.get(box.account);
    while (account !== undefined && box.head < box.queue.length) {
      const receipt = box.queue[box.head];
      const session = nextSession(box.sessions);
      if (receipt === undefined || session === undefined) break;
      if (!session.request(deliverSm(receipt, account), receipt)) break;
      box.queue[box.head++] = undefined;
    }
    // Half the array is spent: move the rest down, so that memory follows what waits.
    if (box.head * 2 >= box.queue.length) {
      box.queue.splice(0, box.head);
      box.head = 0;
    }
    if (box.behind && !box.taking && box.queue.length - box.head < PAGE_BELOW) this.#take(box);
  }

  #take(box: AccountBox): void {
    box.taking = true;
    this.#deps.takeWaiting(box.account, PAGE).then(
      (receipts) => {
        box.taking = false;
        box.behind = receipts.length === PAGE;
        for (const receipt of receipts) this.offer(receipt);
      },
      () => {
        box.taking = false; // the next wake asks again
      },
    );
  }
}

/** The receipt of an ended message, if its customer asked for one of this kind. */
function receiptOf(
  message: Message,
  end: PartEnd,
  delivered: number,
  sinceDbMs: number,
  waited: boolean,
): CustomerReceipt | undefined {
  if (!wantsReceipt(message.registeredDelivery, stateName(end.state) === 'DELIVRD'))
    return undefined;
  const { id, account, echo, segments } = message;
  const { state, err, doneAtMs } = end;
  const customerId = customerIdOf(message);
  return {
    id,
    account,
    customerId,
    echo,
    state,
    err,
    doneAtMs,
    segments,
    delivered,
    waited,
    sinceDbMs,
    status: 0,
    atMs: 0,
    retryAfterMs: 0,
  };
}

/** Whether registered_delivery asks for a final receipt of this kind. */
export function wantsReceipt(registeredDelivery: number, delivered: boolean): boolean {
  switch (registeredDelivery & RECEIPT_BITS) {
    case 0:
      return false;
    case 2:
      return !delivered;
    case 3:
      return delivered;
    default:
      return true;
  }
}

/** Sessions take turns; one without room is passed over. */
function nextSession(sessions: Session[]): Session | undefined {
  for (let tries = sessions.length; tries > 0; tries--) {
    const session = sessions.shift();
    if (session === undefined) return undefined;
    sessions.push(session);
    if (session.windowFree() > 0) return session;
  }
  return undefined;
}

/** The receipt as this account wants it (`receipts:` of its resource); addresses are those of the submit_sm, exchanged. */
function deliverSm(receipt: CustomerReceipt, account: CatalogAccount): DeliverSm {
  const { echo } = receipt;
  const pdu = newPdu('deliver_sm', 0);
  pdu.service_type = echo.service_type;
  pdu.source_addr_ton = echo.dest_addr_ton;
  pdu.source_addr_npi = echo.dest_addr_npi;
  pdu.source_addr = echo.destination_addr;
  pdu.dest_addr_ton = echo.source_addr_ton;
  pdu.dest_addr_npi = echo.source_addr_npi;
  pdu.destination_addr = echo.source_addr;
  pdu.esm_class = ESM_CLASS_RECEIPT;
  const format = account.receipts;
  const fields: ReceiptToFormat = {
    id: receipt.customerId,
    sub: receipt.segments,
    dlvrd: receipt.delivered,
    submitMs: messageIdMs(receipt.id),
    doneMs: receipt.doneAtMs,
    zoneMinutes: format.utcOffsetMinutes,
    stat: stateName(receipt.state),
    state: receipt.state,
    err: receipt.err.toString(),
    text: echo.text,
    networkType: NETWORK_GSM,
    networkError: receipt.err & 0xffff,
  };
  if (format.tlv) pdu.tlvs = receiptTlvs(fields);
  if (format.text) {
    fields.id = textId(receipt.customerId, format.idBase);
    pdu.short_message = Buffer.from(formatReceiptText(fields), 'latin1');
  }
  return pdu;
}

/** The id as the text field shows it: the customer's own string, or its number in hex (`idBase: hex`). */
function textId(customerId: string, idBase: 'decimal' | 'hex'): string {
  return idBase === 'hex' && /^\d+$/.test(customerId)
    ? BigInt(customerId).toString(16).toUpperCase()
    : customerId;
}

/** Answers after which the customer wants it again: full, throttled, temporary, system error (SMPP 3.4 §5.1.3). */
function isTemporary(commandStatus: number): boolean {
  return (
    commandStatus === status.ESME_RMSGQFUL ||
    commandStatus === status.ESME_RTHROTTLED ||
    commandStatus === status.ESME_RX_T_APPN ||
    commandStatus === status.ESME_RSYSERR
  );
}
