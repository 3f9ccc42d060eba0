import type { Catalog } from '../domain/catalog.ts';
import type { CompiledTerms } from '../domain/terms.ts';
import type { SettleVerdict } from '../store/settle.ts';
import { type Message, NO_CARRIER, type PartEnd } from './message.ts';
import {
  allEnds,
  expiredPart,
  isWorse,
  type Settlement,
  settleByParts,
  settleWhole,
  unreceiptedPart,
} from './settlement.ts';

/** Hears what the end-unsent lane made of an end. */
type Told = (verdict: SettleVerdict) => void;

export interface EndingsDeps {
  catalog(): Catalog;
  readonly now: () => number;
  /** Gives a message its final state (settle lane). */
  settle(settlement: Settlement): void;
  /** The same, but only if no carrier can have it (end-unsent lane). */
  endUnsent(settlement: Settlement): void;
}

/** The ends that no receipt makes: one method for each row of "How a message ends, and its money" that is ours. */
export class Endings {
  readonly #deps: EndingsDeps;

  constructor(deps: EndingsDeps) {
    this.#deps = deps;
  }

  /** Its validity is over and it was never sent: EXPIRED, the platform's fault. */
  neverSent(message: Message, told?: Told): void {
    if (message.carrier === NO_CARRIER) return this.stopped(message, told);
    const { now, endUnsent } = this.#deps;
    const terms = this.#termsOf(message);
    endUnsent(settleWhole(message, 'EXPIRED', 'platform', 'neverSent', terms, now(), told));
  }

  /** Its account was stopped while it was queued, or a moderator refused it: REJECTD, by terms.onRefusal. */
  stopped(message: Message, told?: Told): void {
    const { now, endUnsent } = this.#deps;
    const terms = this.#termsOf(message);
    const cause = refusedCause(message);
    endUnsent(settleWhole(message, 'REJECTD', 'customer', cause, terms, now(), told));
  }

  /** The long message that it is a part of was refused as a whole: REJECTD, refunded whole unless its rule charges. */
  refusedWhole(message: Message, charged: boolean, told: Told): void {
    const { now, endUnsent } = this.#deps;
    const terms = this.#termsOf(message);
    const cause = charged ? 'refusedCharged' : 'policy';
    endUnsent(settleWhole(message, 'REJECTD', 'customer', cause, terms, now(), told));
  }

  /** Its customer cancelled it: DELETED, refunded whole, unless a carrier has it or may have it. */
  cancelled(message: Message, told: Told): void {
    const { now, endUnsent } = this.#deps;
    const terms = this.#termsOf(message);
    endUnsent(settleWhole(message, 'DELETED', 'none', 'cancelled', terms, now(), told));
  }

  /** Accepted only to be refused by a receipt: at no charge, or at one that its rule keeps. */
  rejected(message: Message): void {
    if (message.ended !== undefined) return;
    const { now, settle } = this.#deps;
    const terms = this.#termsOf(message);
    settle(settleWhole(message, 'REJECTD', 'customer', refusedCause(message), terms, now()));
  }

  /** Its outcome stayed unknown and its carrier's resource says `expire`: open segments end EXPIRED. */
  givenUp(message: Message, committed: () => void): void {
    this.#settleOpen(message, expiredPart(this.#deps.now()), committed);
  }

  /** Validity and grace are over: segments without a receipt end UNKNOWN. */
  withoutReceipt(message: Message): void {
    this.#settleOpen(message, unreceiptedPart(this.#deps.now()), undefined);
  }

  /**
   * Some of its segments have ended, and the carrier's `segmentsWaitHours` for the others are over: the message ends by
   * the worst of those, and the others cost what terms.noReceipt says.
   */
  byKnownSegments(message: Message): void {
    const known = message.parts?.filter((part) => part !== undefined) ?? [];
    if (message.ended !== undefined || message.parts === undefined || known.length === 0) return;
    const worst = known.reduce((a, b) => (isWorse(b.state, a.state) ? b : a));
    const ends = message.parts.map((part) => part ?? unreceiptedPart(this.#deps.now()));
    const rest = { carrier: message.carrier, answer: undefined, sentAtMs: 0, receivedAtMs: 0 };
    const settlement = settleByParts(message, ends, 'noReceipt', this.#termsOf(message), rest);
    const { state, fault, err, doneAtMs } = worst;
    this.#deps.settle({ ...settlement, state, fault, err, doneAtMs });
  }

  /** The one receipt that its carrier sends for all of its segments has come, and the carrier has all of them. */
  byOneReceipt(message: Message): void {
    const ends = allEnds(message, true);
    if (message.ended !== undefined || ends === undefined) return;
    const rest = { carrier: message.carrier, answer: undefined, sentAtMs: 0, receivedAtMs: 0 };
    this.#deps.settle(settleByParts(message, ends, 'receipt', this.#termsOf(message), rest));
  }

  /** Its last segment ended in another copy of it (another node's, or one read from the store): all have ended. */
  bySegments(message: Message): void {
    if (message.parts?.includes(undefined) === false) this.withoutReceipt(message);
  }

  /** Ends a message by what is known of its segments and by `open` for the others. */
  #settleOpen(message: Message, open: PartEnd, answer: (() => void) | undefined): void {
    if (message.ended !== undefined) return answer?.();
    const parts = message.parts ?? [undefined];
    const cause = parts.includes(undefined) ? 'noReceipt' : 'receipt';
    const ends = parts.map((part) => part ?? open);
    const rest = { carrier: message.carrier, answer, sentAtMs: 0, receivedAtMs: 0 };
    this.#deps.settle(settleByParts(message, ends, cause, this.#termsOf(message), rest));
  }

  /** The terms in force now: money follows them when a message ends. */
  #termsOf(message: Message): CompiledTerms {
    return (this.#deps.catalog().accounts.get(message.account) ?? message.owner).terms;
  }
}

/** What was accepted only to be refused keeps its price, where its rule charges, whatever else ends it first. */
function refusedCause({ carrier, price }: Message): 'refusedCharged' | 'refusedLater' {
  return carrier === NO_CARRIER && price > 0n ? 'refusedCharged' : 'refusedLater';
}
