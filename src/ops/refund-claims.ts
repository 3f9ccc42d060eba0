import { createHash } from 'node:crypto';
import type { ClientBase, Pool } from 'pg';
import { endOfBusinessDay } from '../domain/business-days.ts';
import { compileTerms } from '../domain/compile-catalog.ts';
import type { AccountId, MessageId } from '../domain/ids.ts';
import { formatCredits, ZERO } from '../domain/money.ts';
import {
  type ClaimFinding,
  type ClaimJudgement,
  isContested,
  judgeRequest,
  outageOf,
} from '../domain/refund-claim.ts';
import { type CompiledTerms, looksAtNumbers } from '../domain/terms.ts';
import { findAccountId } from '../store/accounts.ts';
import { readClaims, type StoredClaim } from '../store/claim-facts.ts';
import { findNamed } from '../store/find-message.ts';
import { readWindows } from '../store/outages.ts';
import { inTransaction } from '../store/pool.ts';
import { type RefundItem, readItems, writeItems } from '../store/refund-items.ts';
import {
  contestedElsewhere,
  decideRequest,
  findByReference,
  findRequest,
  insertRequest,
  lockRequests,
  payPage,
  type RefundRequest,
} from '../store/refund-requests.ts';
import { readTermsOf } from '../store/resource-rows.ts';

/** Messages looked at in one statement. */
const PAGE = 2_000;
/** Messages of one id: a submit_multi gives its destinations one, 254 at the most (SMPP 3.4 §4.5.1). */
const SAME_ID_MAX = 254;
/** Attempts of a message that its evidence names. */
const TRIES_SHOWN = 10;

/** What requests are judged with. */
export interface ClaimDeps {
  readonly pool: Pool;
  /** Numbers of messages whose content is there; asked only while an outage or the terms speak of numbers. */
  destinationsOf(ids: readonly MessageId[]): Promise<ReadonlyMap<MessageId, string>>;
}

/** A request as it comes. */
export interface AskedRefund {
  readonly account: string;
  readonly reference: string;
  readonly reason: string;
  /** As the customer knows them. */
  readonly messages: readonly string[];
  readonly actor: string;
}

/** What became of a request, or why there is none. */
export type AskOutcome =
  | { readonly request: RefundRequest; readonly existing: boolean }
  | { readonly refused: 'noSuchAccount' | 'otherRequest' };

/**
 * Takes a refund request: each message is found, judged and kept with its evidence. What cannot become payable any more
 * (late, delivered, refunded or asked for before) is refused as it comes; a request of nothing else is closed at once.
 * The same reference with the same messages is the same request.
 */
export async function askRefund(deps: ClaimDeps, asked: AskedRefund): Promise<AskOutcome> {
  const messages = [...new Set(asked.messages)];
  const digest = createHash('sha256')
    .update([...messages].sort().join('\n'))
    .digest();
  return inTransaction(deps.pool, async (client) => {
    const account = await findAccountId(client, asked.account);
    if (account === undefined) return { refused: 'noSuchAccount' };
    await lockRequests(client, account);
    const before = await findByReference(client, account, asked.reference);
    if (before !== undefined && !before.digest.equals(digest)) return { refused: 'otherRequest' };
    const id = before?.id ?? (await make(deps, client, account, asked, messages, digest));
    const request = await findRequest(client, id);
    if (request === undefined) throw new Error('a request must be there once it is stored');
    return { request, existing: before !== undefined };
  });
}

async function make(
  deps: ClaimDeps,
  client: ClientBase,
  account: AccountId,
  asked: AskedRefund,
  messages: readonly string[],
  digest: Buffer,
): Promise<bigint> {
  const { named, unknown } = await resolve(client, account, messages);
  const judge = await judgeFor(deps, client, asked.account);
  const askedAtMs = await databaseMs(client);
  const items: RefundItem[] = [];
  for (const page of pages([...named.keys()])) {
    const elsewhere = await contestedElsewhere(client, page);
    for (const { claim, judged, evidence } of await judge(page, askedAtMs)) {
      const other = elsewhere.get(claim.id);
      const finding: ClaimFinding =
        other !== undefined && isContested(judged.finding) ? 'alreadyRequested' : judged.finding;
      items.push({
        message: claim.id,
        asked: named.get(claim.id) ?? '',
        finding,
        amount: other === undefined ? judged.amount : ZERO,
        evidence: other === undefined ? evidence : { ...evidence, request: other.toString() },
        contested: isContested(finding),
      });
    }
  }
  const { reference, reason, actor } = asked;
  const wanted = { account, accountName: asked.account, reference, reason, actor, digest };
  return insertRequest(client, { ...wanted, items, unknown }, refusalOf(items));
}

/** Why there is nothing to look into; undefined when there is. */
function refusalOf(items: readonly RefundItem[]): string | undefined {
  if (items.some((item) => item.contested)) return undefined;
  const counts = new Map<string, number>();
  for (const { finding } of items) counts.set(finding, (counts.get(finding) ?? 0) + 1);
  if (counts.size === 0) return 'none of the ids is a message of this account';
  return [...counts].map(([finding, count]) => `${count} x ${finding}`).join(', ');
}

/** A decision on a request. */
export interface Decision {
  readonly id: bigint;
  readonly decision: 'investigate' | 'approve' | 'refuse';
  readonly reason: string;
  readonly actor: string;
}

/** What became of a decision. */
export type DecisionOutcome =
  | RefundRequest
  | { readonly refused: 'noSuchRequest' | 'nothingRefundable' }
  | { readonly refused: 'decided'; readonly request: RefundRequest }
  | { readonly refused: 'notEnded'; readonly messages: number };

/**
 * Decides a request, once: of two operators the second is told that it is decided. An approval judges every message anew,
 * by the outages and terms of now and the time of the request, and sets the day until which it is paid.
 */
export async function decideRefund(deps: ClaimDeps, wanted: Decision): Promise<DecisionOutcome> {
  return inTransaction(deps.pool, async (client) => {
    const request = await findRequest(client, wanted.id, true);
    if (request === undefined) return { refused: 'noSuchRequest' };
    const isOpen = request.state === 'open' || request.state === 'investigating';
    if (!isOpen || (wanted.decision === 'investigate' && request.state !== 'open'))
      return { refused: 'decided', request };
    let dueAt: Date | undefined;
    if (wanted.decision === 'approve') {
      const found = await judgeAnew(deps, client, request);
      if (found.notEnded > 0) return { refused: 'notEnded', messages: found.notEnded };
      if (found.refundable === 0) return { refused: 'nothingRefundable' };
      dueAt = await dueDate(client, request.account);
    }
    const { reason, actor } = wanted;
    await decideRequest(client, request, { state: STATES[wanted.decision], reason, actor, dueAt });
    const decided = await findRequest(client, wanted.id);
    return decided ?? request;
  });
}

const STATES = { investigate: 'investigating', approve: 'approved', refuse: 'refused' } as const;

async function judgeAnew(
  deps: ClaimDeps,
  client: ClientBase,
  request: RefundRequest,
): Promise<{ refundable: number; notEnded: number }> {
  const judge = await judgeFor(deps, client, request.account);
  const found = { refundable: 0, notEnded: 0 };
  for (let after = 0n; ; ) {
    const page = await readItems(client, request.id, { after, limit: PAGE, contested: true });
    const last = page.at(-1);
    if (last === undefined) return found;
    after = last.message;
    const asked = new Map(page.map((item) => [item.message, item.asked]));
    const judged = await judge([...asked.keys()], request.at.getTime());
    const items = judged.map(({ claim, judged: { finding, amount }, evidence }) => {
      if (finding === 'refundable') found.refundable++;
      if (finding === 'notEnded') found.notEnded++;
      const name = asked.get(claim.id) ?? '';
      return { message: claim.id, asked: name, finding, amount, evidence, contested: true };
    });
    await writeItems(client, request.id, items);
  }
}

async function dueDate(client: ClientBase, account: string): Promise<Date> {
  const terms = await termsOf(client, account);
  const nowMs = await databaseMs(client);
  return new Date(endOfBusinessDay(nowMs, terms.refundDueBusinessDays, terms.businessDays));
}

/** What became of a payment. */
export type PaymentOutcome =
  | { readonly request: RefundRequest; readonly paid: bigint; readonly existing: boolean }
  | { readonly refused: 'noSuchRequest' }
  | { readonly refused: 'notApproved' | 'otherReference'; readonly request: RefundRequest };

/**
 * Pays an approved request, message by message in pages; broken off, the same call goes on where it stopped. The same
 * reference twice is one payment.
 */
export async function payRefund(
  deps: ClaimDeps,
  id: bigint,
  payment: { readonly reference: string; readonly actor: string },
): Promise<PaymentOutcome> {
  let paid = 0n;
  for (;;) {
    const page = await payPage(deps.pool, id, payment);
    paid += page?.paid ?? 0n;
    if (page?.done === false) continue;
    const request = await findRequest(deps.pool, id);
    if (request === undefined) return { refused: 'noSuchRequest' };
    if (page !== undefined) return { request, paid, existing: false };
    if (request.state !== 'paid') return { refused: 'notApproved', request };
    return request.payment?.reference === payment.reference
      ? { request, paid, existing: true }
      : { refused: 'otherReference', request };
  }
}

interface Judged {
  readonly claim: StoredClaim;
  readonly judged: ClaimJudgement;
  readonly evidence: object;
}

/** A judge by the terms and outages as they stand. */
async function judgeFor(
  deps: ClaimDeps,
  client: ClientBase,
  account: string,
): Promise<(ids: readonly MessageId[], askedAtMs: number) => Promise<Judged[]>> {
  const terms = await termsOf(client, account);
  const windows = await readWindows(client);
  const carriers = await carrierNames(client);
  const needsNumbers =
    windows.some((window) => window.prefix !== undefined) ||
    looksAtNumbers([...terms.refundAutomatic, ...terms.refundOnRequest]);
  return async (ids, askedAtMs) => {
    const claims = await readClaims(client, ids);
    const numbers: ReadonlyMap<MessageId, string> = needsNumbers
      ? await deps.destinationsOf(ids)
      : new Map();
    return [...claims.values()].map((claim) => {
      const number = numbers.get(claim.id);
      const outage = outageOf(claim, windows, number);
      const judged = judgeRequest(claim, terms, askedAtMs, outage, number ?? '');
      return { claim, judged, evidence: evidenceOf(claim, judged, carriers) };
    });
  };
}

/** Facts of the timeline that speak for or against it. */
function evidenceOf(
  claim: StoredClaim,
  judged: ClaimJudgement,
  carriers: ReadonlyMap<number, string>,
): object {
  const { end, purchasedAtMs } = claim;
  return {
    acceptedAt: timeOf(claim.acceptedAtMs),
    ...(purchasedAtMs !== undefined && { purchasedAt: timeOf(purchasedAtMs) }),
    ...(end && {
      state: end.state,
      endedAt: timeOf(end.atMs),
      cause: end.cause,
      fault: end.fault,
    }),
    ...(judged.outage !== undefined && { outage: judged.outage, countsAs: judged.fault }),
    segments: claim.segments,
    unitPrice: formatCredits(claim.unitPrice),
    givenBack: formatCredits(claim.givenBack),
    tries: claim.tries.slice(0, TRIES_SHOWN).map(({ carrier, atMs }) => ({
      carrier: carriers.get(carrier) ?? String(carrier),
      at: timeOf(atMs),
    })),
  };
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}

/** The messages of an account by the ids that it knows; one id of a submit_multi names several. */
async function resolve(
  client: ClientBase,
  account: AccountId,
  names: readonly string[],
): Promise<{ named: ReadonlyMap<MessageId, string>; unknown: readonly string[] }> {
  const named = new Map<MessageId, string>();
  const unknown: string[] = [];
  for (const page of pages(names)) {
    const queries = page.map((name) => ({ account, name, destinationHash: undefined }));
    const found = await findNamed(client, queries, SAME_ID_MAX);
    for (const [n, ids] of found.entries()) {
      if (ids.length === 0) unknown.push(page[n] ?? '');
      for (const id of ids) named.set(id, page[n] ?? '');
    }
  }
  return { named, unknown };
}

async function termsOf(client: ClientBase, account: string): Promise<CompiledTerms> {
  const stored = await readTermsOf(client, account);
  if (stored === undefined) throw new Error(`account ${account} has no terms`);
  return compileTerms(stored);
}

async function carrierNames(client: ClientBase): Promise<ReadonlyMap<number, string>> {
  const { rows } = await client.query<{ id: number; name: string }>('select id, name from carrier');
  return new Map(rows.map(({ id, name }) => [id, name]));
}

async function databaseMs(client: ClientBase): Promise<number> {
  const { rows } = await client.query<{ ms: number }>('select unix_ms(now())::float8 as ms');
  return rows[0]?.ms ?? 0;
}

function pages<T>(all: readonly T[]): T[][] {
  const cut: T[][] = [];
  for (let at = 0; at < all.length; at += PAGE) cut.push(all.slice(at, at + PAGE));
  return cut;
}
