import { z } from 'zod';
import { credits, formatCredits, subtract } from '../../domain/money.ts';
import { findAccount } from '../../store/accounts.ts';
import {
  readBalance,
  readStatement,
  type StatementCursor,
  type StatementEntry,
} from '../../store/ledger-read.ts';
import { type Lot, readLots } from '../../store/lots.ts';
import { databaseNow } from '../../store/partitions.ts';
import { postByOperator, readEvidence, topUp } from '../../store/postings.ts';
import { type Api, type ApiDeps, actorOf, nameParams } from './api.ts';
import { accepted, answerPosting, money, postedSchema, reason, reference } from './posting.ts';
import { badRequest, notFound } from './problem.ts';
import { time } from './time.ts';

/** Money of an account: balance, statement, top-ups, penalties, adjustments. Every POST needs a reference. */
export function addMoneyRoutes(app: Api, deps: ApiDeps): void {
  addBalance(app, deps);
  addStatement(app, deps);
  addTopUps(app, deps);
  addPenalties(app, deps);
  addAdjustments(app, deps);
}

function addBalance(app: Api, deps: ApiDeps): void {
  app.get(
    '/v1/accounts/:name/balance',
    {
      schema: {
        summary: 'What an account has',
        description:
          'lots, where the account has any, in the order in which they are spent; expiresAt is then the first expiry.',
        tags: ['money'],
        params: nameParams,
        response: {
          200: z.object({
            account: z.string(),
            credits: z.string(),
            reserved: z.string(),
            available: z.string(),
            expiresAt: z.iso.datetime().nullable(),
            lots: z.array(lotSchema).optional(),
          }),
        },
      },
    },
    async (request) => {
      const balance = await readBalance(deps.pool, request.params.name);
      if (balance === undefined) throw notFound('account', request.params.name);
      const lots = await readLots(deps.pool, request.params.name);
      return {
        account: balance.account,
        credits: formatCredits(balance.credits),
        reserved: formatCredits(balance.reserved),
        available: formatCredits(balance.available),
        expiresAt: balance.expiresAt?.toISOString() ?? null,
        ...(lots.length > 0 && { lots: lots.map(lotBody) }),
      };
    },
  );
}

/** A statement without `from` covers this long. */
const STATEMENT_DAYS = 30;
const DAY_MS = 86_400_000;

function addStatement(app: Api, deps: ApiDeps): void {
  app.get(
    '/v1/accounts/:name/statement',
    {
      schema: {
        summary: 'Entries of an account, oldest first',
        description: `from <= time < to; by default the last ${STATEMENT_DAYS} days. next: send it as cursor for the page after.`,
        tags: ['money'],
        params: nameParams,
        querystring: z.object({
          from: time.optional(),
          to: time.optional(),
          limit: z.coerce.number().int().min(1).max(1000).default(100),
          cursor: z.string().max(200).optional(),
        }),
        response: { 200: statementSchema },
      },
    },
    async (request) => {
      const account = await findAccount(deps.pool, request.params.name);
      if (account === undefined) throw notFound('account', request.params.name);
      const { limit, cursor } = request.query;
      // The clock of the entries; it counts whole milliseconds, and what was posted in this one is in.
      const end = request.query.to ?? new Date((await databaseNow(deps.pool)) + 1);
      const from = request.query.from ?? new Date(end.getTime() - STATEMENT_DAYS * DAY_MS);
      if (from > end) throw badRequest('to must not be before from');
      const after = cursor === undefined ? undefined : readCursor(cursor);
      const page = await readStatement(deps.pool, {
        accountId: account.id,
        from,
        to: end,
        limit,
        after,
      });
      const penalties = page.entries.filter(({ kind }) => kind === 'penalty');
      const evidence = await readEvidence(
        deps.pool,
        penalties.map(({ id }) => id),
      );
      return {
        account: account.name,
        from: from.toISOString(),
        to: end.toISOString(),
        opening: formatCredits(page.opening),
        entries: page.entries.map((entry) => ({ ...entryBody(entry), ...evidence.get(entry.id) })),
        closing: formatCredits(page.closing),
        ...(page.next && { next: writeCursor(page.next) }),
      };
    },
  );
}

function addTopUps(app: Api, deps: ApiDeps): void {
  app.post(
    '/v1/accounts/:name/top-ups',
    {
      schema: {
        summary: 'Add credits to an account',
        description: 'The same reference twice is one top-up; with another amount it is 409.',
        tags: ['money'],
        params: nameParams,
        body: z.strictObject({
          credits: money.refine((c) => c > 0n, 'must be above 0'),
          reference,
        }),
        response: { 200: postedSchema, 201: postedSchema },
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      const posted = accepted(
        name,
        await topUp(deps.pool, { account: name, actor: actorOf(request), ...request.body }),
      );
      return answerPosting(deps, name, 'top_up', posted, request.body.reference, reply);
    },
  );
}

/** What a penalty rests on, shown with its entry on the statement. */
const evidenceFields = {
  carrier: z.string().min(1).max(64).optional(),
  carrierReference: z.string().min(1).max(200).optional().describe("the carrier's own name for it"),
  evidence: z.string().min(1).max(2_000).optional().describe('never a number or a text'),
};

function addPenalties(app: Api, deps: ApiDeps): void {
  app.post(
    '/v1/accounts/:name/penalties',
    {
      schema: {
        summary: 'Take credits for a violation; the balance may go below zero',
        tags: ['money'],
        params: nameParams,
        body: z.strictObject({
          credits: money.refine((c) => c > 0n, 'must be above 0'),
          reference,
          reason,
          ...evidenceFields,
        }),
        response: { 200: postedSchema, 201: postedSchema },
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      const { credits: taken, carrier, carrierReference, evidence, ...rest } = request.body;
      const hasEvidence = (carrier ?? carrierReference ?? evidence) !== undefined;
      const posting = {
        ...rest,
        account: name,
        actor: actorOf(request),
        kind: 'penalty',
        amount: credits(-taken),
        ...(hasEvidence && { evidence: { carrier, carrierReference, evidence } }),
      } as const;
      const posted = accepted(name, await postByOperator(deps.pool, posting));
      return answerPosting(deps, name, 'penalty', posted, rest.reference, reply);
    },
  );
}

function addAdjustments(app: Api, deps: ApiDeps): void {
  app.post(
    '/v1/accounts/:name/adjustments',
    {
      schema: {
        summary: 'Correct the credits of an account, up or (negative) down',
        tags: ['money'],
        params: nameParams,
        body: z.strictObject({
          credits: money.refine((c) => c !== 0n, 'must not be 0'),
          reference,
          reason,
        }),
        response: { 200: postedSchema, 201: postedSchema },
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      const { credits: amount, ...rest } = request.body;
      const posting = {
        ...rest,
        account: name,
        actor: actorOf(request),
        kind: 'adjustment',
        amount,
      } as const;
      const posted = accepted(name, await postByOperator(deps.pool, posting));
      return answerPosting(deps, name, 'adjustment', posted, rest.reference, reply);
    },
  );
}

const lotSchema = z.object({
  id: z.int(),
  reference: z.string(),
  original: z.string(),
  credits: z.string(),
  reserved: z.string(),
  available: z.string(),
  expiresAt: z.iso.datetime().nullable(),
});

function lotBody(lot: Lot): z.output<typeof lotSchema> {
  return {
    id: lot.id,
    reference: lot.reference,
    original: formatCredits(lot.original),
    credits: formatCredits(lot.credits),
    reserved: formatCredits(lot.reserved),
    available: formatCredits(subtract(lot.credits, lot.reserved)),
    expiresAt: lot.expiresAt?.toISOString() ?? null,
  };
}

const entrySchema = z.object({
  id: z.string(),
  at: z.iso.datetime(),
  kind: z.string(),
  amount: z.string(),
  reserved: z.string(),
  balance: z.string(),
  messages: z.int(),
  segments: z.int(),
  reference: z.string().optional(),
  cause: z.string().optional(),
  actor: z.string().optional(),
  reason: z.string().optional(),
  lot: z.object({ id: z.int(), reference: z.string() }).optional(),
  carrier: z.string().optional().describe('of a penalty: who passed it on'),
  carrierReference: z.string().optional(),
  evidence: z.string().optional(),
});

const statementSchema = z.object({
  account: z.string(),
  from: z.iso.datetime(),
  to: z.iso.datetime(),
  opening: z.string(),
  entries: z.array(entrySchema),
  closing: z.string(),
  next: z.string().optional(),
});

function entryBody(entry: StatementEntry): z.output<typeof entrySchema> {
  return {
    id: entry.id.toString(),
    at: entry.at.toISOString(),
    kind: entry.kind,
    amount: formatCredits(entry.amount),
    reserved: formatCredits(entry.reserved),
    balance: formatCredits(entry.balance),
    messages: entry.messages,
    segments: entry.segments,
    ...(entry.reference !== undefined && { reference: entry.reference }),
    ...(entry.cause !== undefined && { cause: entry.cause }),
    ...(entry.actor !== undefined && { actor: entry.actor }),
    ...(entry.reason !== undefined && { reason: entry.reason }),
    ...(entry.lot && { lot: entry.lot }),
  };
}

function writeCursor(cursor: StatementCursor): string {
  return Buffer.from(`${cursor.atMicros}.${cursor.id}.${cursor.balance}`).toString('base64url');
}

function readCursor(text: string): StatementCursor {
  const match = /^(\d{1,18})\.(\d{1,18})\.(-?\d{1,19})$/.exec(
    Buffer.from(text, 'base64url').toString('latin1'),
  );
  if (match === null) throw badRequest('cursor is not one of this statement');
  const [, at = '', id = '', balance = ''] = match;
  return { atMicros: BigInt(at), id: BigInt(id), balance: credits(BigInt(balance)) };
}
