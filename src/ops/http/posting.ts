import { z } from 'zod';
import { type Credits, formatCredits, parseCredits, ZERO } from '../../domain/money.ts';
import { type EntryKind, readBalance } from '../../store/ledger-read.ts';
import type { Posted, PostingRefusal } from '../../store/postings.ts';
import type { ApiDeps } from './api.ts';
import { conflict, notFound, Problem } from './problem.ts';

// What the routes that post to a ledger share.

/** An amount of credits, as a decimal. */
export const money = z.string().transform((text, context): Credits => {
  const parsed = parseCredits(text);
  if (typeof parsed === 'bigint') return parsed;
  context.addIssue({ code: 'custom', message: parsed.error });
  return ZERO;
});
/** The caller's own name for a posting. */
export const reference = z.string().min(1).max(200);
/** Why; kept in the ledger and the audit. */
export const reason = z.string().min(1).max(500);

/** A posting that stands. */
export const postedSchema = z.object({
  account: z.string(),
  entry: z.string(),
  kind: z.string(),
  credits: z.string(),
  reference: z.string(),
  at: z.iso.datetime(),
  existing: z.boolean(),
  available: z.string(),
});

/** A refused posting as a problem. A total switch: a new refusal does not compile until it has a status. */
export function accepted(name: string, result: Posted | PostingRefusal): Posted {
  if (!('refused' in result)) return result;
  switch (result.refused) {
    case 'noSuchAccount':
      throw notFound('account', name);
    case 'terminated':
      throw conflict('account-terminated', `the account ${name} is terminated for good`);
    case 'trial':
      throw conflict(
        'trial-account',
        `${name} is a trial account: its credit is what it began with`,
      );
    case 'otherPosting':
      throw conflict('reference-taken', 'this reference was posted with another kind or amount');
    case 'belowMinimum':
      throw new Problem(
        422,
        'below-minimum',
        `the terms of ${name} take top-ups from ${result.minimum} credits on`,
      );
    case 'overLimit':
      throw new Problem(
        422,
        'balance-limit',
        `${name} would have, or owe, more than ${result.limit} credits`,
      );
  }
}

/** 201 for a new posting, 200 for one that stood already; only a new one is counted. */
export async function answerPosting(
  deps: ApiDeps,
  account: string,
  kind: EntryKind,
  posted: Posted,
  reference: string,
  reply: { code(status: number): { send(body: z.output<typeof postedSchema>): unknown } },
): Promise<unknown> {
  if (!posted.existing) {
    const size = posted.amount < 0n ? -posted.amount : posted.amount;
    deps.metrics.credits.child(account, kind).inc(Number(size));
  }
  const balance = await readBalance(deps.pool, account);
  return reply.code(posted.existing ? 200 : 201).send({
    account,
    entry: posted.entry.toString(),
    kind,
    credits: formatCredits(posted.amount),
    reference,
    at: posted.at.toISOString(),
    existing: posted.existing,
    available: formatCredits(balance?.available ?? ZERO),
  });
}
