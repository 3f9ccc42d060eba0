import { z } from 'zod';
import { findAccountId } from '../../store/accounts.ts';
import { readAlerts } from '../../store/traffic-slots.ts';
import { type Api, type ApiDeps, nameParams } from './api.ts';
import { notFound, Problem } from './problem.ts';

/** Ids in one request: about a second of this node, in steps. */
const IDS_MAX = 10_000;
/** As many of the longest there are, with room. */
const IDS_OCTETS = 1024 * 1024;

/** What is unusual of accounts' traffic, and what their customers say of it. */
export function addAccountTrafficRoutes(app: Api, deps: ApiDeps): void {
  addSignals(app, deps);
  addConversions(app, deps);
}

function addSignals(app: Api, { pool }: ApiDeps): void {
  app.get(
    '/v1/accounts/:name/signals',
    {
      schema: {
        summary: "What is unusual of an account's traffic now",
        description:
          'By the rules prefixMix and deliveryFalls of its policy, by the first digits of numbers.',
        tags: ['accounts'],
        params: nameParams,
        response: { 200: z.object({ signals: z.array(signalSchema) }) },
      },
    },
    async (request) => {
      const { name } = request.params;
      const account = await findAccountId(pool, name);
      if (account === undefined) throw notFound('account', name);
      const alerts = await readAlerts(pool, account);
      return {
        signals: alerts.map(({ rule, prefix, since, lastSeen, detail }) => ({
          rule,
          prefix,
          since: since.toISOString(),
          lastSeen: lastSeen.toISOString(),
          ...detail,
        })),
      };
    },
  );
}

const signalSchema = z.object({
  rule: z.string(),
  prefix: z.string(),
  since: z.iso.datetime(),
  lastSeen: z.iso.datetime(),
  measure: z.enum(['share', 'deliveryRatio', 'conversionRatio']),
  value: z.number(),
  usual: z.number().optional(),
  messages: z.number(),
});

function addConversions(app: Api, { pool, runtime }: ApiDeps): void {
  app.post(
    '/v1/accounts/:name/conversions',
    {
      bodyLimit: IDS_OCTETS,
      schema: {
        summary: 'Say of one-time passwords that the code was entered',
        description:
          'By the message_ids that the customer got. Counted into the traffic that `deliveryFalls` with `of: conversion` ' +
          `looks at. At most ${IDS_MAX}. A repeated id, one of no message of the account (or of several destinations), and ` +
          'one of a message older than 31 days change nothing and are listed. `confirmed: false` changes nothing at all.',
        tags: ['accounts'],
        params: nameParams,
        body: z.strictObject({
          messages: z.array(z.string().min(1).max(65)).min(1).max(IDS_MAX),
          confirmed: z.boolean().default(true),
        }),
        response: { 200: convertedSchema },
      },
    },
    async (request) => {
      const { name } = request.params;
      const { messages, confirmed } = request.body;
      const account = await findAccountId(pool, name);
      if (account === undefined) throw notFound('account', name);
      const nothing = { counted: 0, repeated: [], unknown: [], late: [] };
      const done = confirmed ? await runtime.confirm(account, messages) : nothing;
      if (done === undefined)
        throw new Problem(503, 'node-not-running', 'this node is starting or has lost its epoch', {
          headers: { 'retry-after': '5' },
        });
      return { account: name, ...done };
    },
  );
}

const convertedSchema = z.object({
  account: z.string(),
  counted: z.int().describe('messages that were not confirmed before'),
  repeated: z.array(z.string()),
  unknown: z.array(z.string()),
  late: z.array(z.string()),
});
