import type { LedgerBook, LedgerMessage } from './books.ts';
import type { JudgeTerms } from './verdict.ts';

/** Takes one mischarge in words. */
export type TellMischarge = (detail: string) => void;

/**
 * Judges the ledger against the messages it charges: what was posted is what they cost, message by message and
 * account by account, every entry follows from the one before, and the balance is the sum of the entries.
 * @returns what was charged in all, micro-credits
 */
export function judgeMoney(ledger: LedgerBook, terms: JudgeTerms, fault: TellMischarge): bigint {
  const accounts = new Set(ledger.balances.map(({ account }) => account));
  for (const message of ledger.messages) judgeOutcomeMoney(message, terms, fault);
  let charged = 0n;
  for (const account of accounts) charged += judgeAccount(account, ledger, terms, fault);
  return charged;
}

/** Gives what the account was charged. */
function judgeAccount(
  account: string,
  ledger: LedgerBook,
  terms: JudgeTerms,
  fault: TellMischarge,
): bigint {
  const messages = ledger.messages.filter((message) => message.account === account);
  const entries = ledger.entries.filter((entry) => entry.account === account);
  const total = (of: (message: LedgerMessage) => bigint) =>
    messages.reduce((sum, message) => sum + of(message), 0n);
  const posted = (kind: string, of: 'amount' | 'reservedDelta') =>
    entries.reduce((sum, entry) => (entry.kind === kind ? sum + entry[of] : sum), 0n);
  const price = ({ unitPrice, segments }: LedgerMessage) => unitPrice * BigInt(segments);
  const onSubmit = total((message) => (message.chargeOnDelivery ? 0n : price(message)));
  const expected: [string, bigint, bigint][] = [
    ['top_up', posted('top_up', 'amount'), terms.openingCredit],
    [
      'charge',
      posted('charge', 'amount'),
      -onSubmit - total(({ outcome }) => outcome?.charge ?? 0n),
    ],
    ['refund', posted('refund', 'amount'), total(({ outcome }) => outcome?.refund ?? 0n)],
    [
      'reserve',
      posted('reserve', 'reservedDelta'),
      total((m) => (m.chargeOnDelivery ? price(m) : 0n)),
    ],
    [
      'release',
      posted('release', 'reservedDelta'),
      -total(({ outcome }) => outcome?.release ?? 0n),
    ],
  ];
  for (const [kind, is, shall] of expected) {
    if (is !== shall) fault(`${account}: ${kind} comes to ${is}, not ${shall}`);
  }
  for (const balance of ledger.balances) {
    if (balance.account === account) judgeChain(account, balance.side, ledger, fault);
  }
  return -posted('charge', 'amount');
}

/** Every entry's balance after it follows from the one before, and the last is the balance. */
function judgeChain(account: string, side: number, ledger: LedgerBook, fault: TellMischarge): void {
  const entries = ledger.entries
    .filter((entry) => entry.account === account && entry.side === side)
    .sort((a, b) => (a.version < b.version ? -1 : 1));
  let credits = 0n;
  let reserved = 0n;
  let version = 0n;
  for (const entry of entries) {
    credits += entry.amount;
    reserved += entry.reservedDelta;
    version += 1n;
    const isRight =
      entry.version === version &&
      entry.creditsAfter === credits &&
      entry.reservedAfter === reserved;
    if (!isRight) {
      fault(`${account} side ${side}: entry ${entry.version} does not follow`);
      return;
    }
  }
  const balance = ledger.balances.find((b) => b.account === account && b.side === side);
  if (balance?.credits !== credits || balance.reserved !== reserved) {
    fault(`${account} side ${side}: the balance is not the sum of its entries`);
  }
}

function judgeOutcomeMoney(message: LedgerMessage, terms: JudgeTerms, fault: TellMischarge): void {
  const { id, unitPrice, segments, chargeOnDelivery, outcome } = message;
  if (unitPrice !== terms.unitPrice || segments !== 1) {
    fault(`message ${id}: ${segments} segments at ${unitPrice}`);
  }
  if (!outcome) return;
  const price = unitPrice * BigInt(segments);
  const isDelivered = outcome.state === 'DELIVRD';
  const isRefunded = !isDelivered && terms.refundedFaults.has(outcome.fault);
  // Without a receipt (fault unknown) the price is kept or charged: the runs' terms say noReceipt: keep.
  const isReleased = !isDelivered && outcome.fault !== 'unknown';
  const refund = isRefunded && !chargeOnDelivery ? price : 0n;
  const release = isReleased && chargeOnDelivery ? price : 0n;
  const charge = chargeOnDelivery ? price - release : 0n;
  if (outcome.refund !== refund || outcome.release !== release || outcome.charge !== charge) {
    fault(
      `message ${id} (${outcome.state}, ${outcome.fault}): refund ${outcome.refund}, charge ${outcome.charge}, release ${outcome.release}`,
    );
  }
}
