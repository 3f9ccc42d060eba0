import { z } from 'zod';
import { formatCredits } from '../../domain/money.ts';
import { forfeitBalance } from '../../store/forfeits.ts';
import { readExpiring } from '../../store/lots.ts';
import { type PurchaseRefundRefusal, refundPurchase } from '../../store/purchase-refunds.ts';
import { type Api, type ApiDeps, actorOf, nameParams } from './api.ts';
import { accepted, answerPosting, postedSchema, reason, reference } from './posting.ts';
import { conflict, notFound, type Problem } from './problem.ts';

/** What becomes of credit: purchases paid back, balances forfeited, what expires soon. */
export function addCreditRoutes(app: Api, deps: ApiDeps): void {
  addPurchaseRefunds(app, deps);
  addForfeits(app, deps);
  addExpiring(app, deps);
}

function addPurchaseRefunds(app: Api, deps: ApiDeps): void {
  app.post(
    '/v1/accounts/:name/purchase-refunds',
    {
      schema: {
        summary: 'Pay back what is unspent of a top-up',
        description:
          'Within purchaseRefundWithinHours of the terms from the top-up on, later 409. What was used of it is not ' +
          'paid back, and nothing of one that is used up, or used at all where purchaseRefundOf is unused.',
        tags: ['money'],
        params: nameParams,
        body: z.strictObject({ topUpReference: reference, reference, reason }),
        response: { 200: postedSchema, 201: postedSchema },
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      const wanted = { account: name, actor: actorOf(request), ...request.body };
      const posted = await refundPurchase(deps.pool, wanted);
      if ('refused' in posted) throw refusal(name, wanted.topUpReference, posted);
      return answerPosting(deps, name, 'purchase_refund', posted, wanted.reference, reply);
    },
  );
}

function addForfeits(app: Api, deps: ApiDeps): void {
  app.post(
    '/v1/accounts/:name/forfeits',
    {
      schema: {
        summary: 'Take all available credit of an account',
        description: 'What is reserved for messages under way stays until they end.',
        tags: ['money'],
        params: nameParams,
        body: z.strictObject({ reference, reason }),
        response: { 200: postedSchema, 201: postedSchema },
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      const wanted = { account: name, actor: actorOf(request), cause: 'operator', ...request.body };
      const posted = accepted(name, await forfeitBalance(deps.pool, wanted));
      return answerPosting(deps, name, 'forfeit', posted, wanted.reference, reply);
    },
  );
}

const DAY_MS = 86_400_000;

function addExpiring(app: Api, deps: ApiDeps): void {
  app.get(
    '/v1/expiring-credit',
    {
      schema: {
        summary: 'Credit of all accounts that expires soon and is not spent, first to expire first',
        tags: ['money'],
        querystring: z.object({
          days: z.coerce.number().int().min(0).max(36_500).default(30),
          limit: z.coerce.number().int().min(1).max(1000).default(100),
        }),
        response: {
          200: z.object({
            until: z.iso.datetime(),
            expiring: z.array(
              z.object({
                account: z.string(),
                lot: z.object({ id: z.int(), reference: z.string() }).optional(),
                credits: z.string(),
                expiresAt: z.iso.datetime(),
              }),
            ),
          }),
        },
      },
    },
    async (request) => {
      const { days, limit } = request.query;
      const until = new Date(deps.now() + days * DAY_MS);
      const expiring = await readExpiring(deps.pool, until, limit);
      return {
        until: until.toISOString(),
        expiring: expiring.map(({ account, lot, left, expiresAt }) => ({
          account,
          ...(lot && { lot }),
          credits: formatCredits(left),
          expiresAt: expiresAt.toISOString(),
        })),
      };
    },
  );
}

/** Why a purchase is not paid back, as a problem. A total switch: a new refusal does not compile until it has a status. */
function refusal(name: string, topUp: string, result: PurchaseRefundRefusal): Problem {
  switch (result.refused) {
    case 'noSuchAccount':
      return notFound('account', name);
    case 'noSuchTopUp':
      return notFound('top-up', topUp);
    case 'otherPosting':
      return conflict('reference-taken', 'this reference was posted with another kind or top-up');
    case 'nothingLeft':
      return conflict('nothing-left', `nothing of ${topUp} is left: used credit is not paid back`);
    case 'used':
      return conflict(
        'used',
        `${topUp} was used: by the terms only an unused purchase is paid back`,
      );
    case 'trial':
      return conflict('trial-account', `${name} is a trial account: its credit was not bought`);
    case 'tooLate':
      return conflict(
        'too-late',
        `a purchase can be paid back within ${result.withinHours} hours; ${topUp} was at ${result.toppedUpAt.toISOString()}`,
      );
  }
}
