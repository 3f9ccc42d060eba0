import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { formatCredits } from '../../domain/money.ts';
import { findAccountId } from '../../store/accounts.ts';
import {
  type DecideRefusal,
  type DecisionKind,
  decideHeld,
  findHeld,
  type HeldMessage,
  listHeld,
} from '../../store/moderation.ts';
import { inTransaction } from '../../store/pool.ts';
import { listViolations, violationsSinceResume } from '../../store/violations.ts';
import type { HeldContent } from '../runtime.ts';
import { type Api, type ApiDeps, actorOf, nameParams } from './api.ts';
import { auditContent, mayContent } from './content-access.ts';
import { badRequest, conflict, notFound } from './problem.ts';

/** Messages that wait for a moderator: listed, looked at, released, refused. And violations of accounts. */
export function addModerationRoutes(app: Api, deps: ApiDeps): void {
  addList(app, deps);
  addOne(app, deps);
  for (const decision of DECISIONS) addDecision(app, deps, decision);
  addViolations(app, deps);
}

const REASON_MAX = 500;
/** Whole messages in one answer: each is opened and decoded. */
const PAGE_MAX = 200;

const contentQuery = {
  content: z.enum(['true', 'false']).default('false'),
  reason: z.string().trim().min(1).max(REASON_MAX).optional(),
};

function addList(app: Api, deps: ApiDeps): void {
  app.get(
    '/v1/moderation',
    {
      schema: {
        summary: 'Messages that wait for a moderator, oldest first',
        description:
          'A long message that was submitted in parts is one. ' +
          'Sender, number and text only with content=true, which needs a role that may, and a reason, and is audited. ' +
          'next: send it as after for the page after.',
        tags: ['moderation'],
        querystring: z.object({
          account: z.string().max(64).optional(),
          after: decimalId.default(0n),
          limit: z.coerce.number().int().min(1).max(PAGE_MAX).default(50),
          ...contentQuery,
        }),
        response: { 200: z.object({ messages: z.array(heldSchema), next: z.string().optional() }) },
      },
    },
    async (request) => {
      const { account, after, limit } = request.query;
      if (account !== undefined && (await findAccountId(deps.pool, account)) === undefined)
        throw notFound('account', account);
      const rows = await listHeld(deps.pool, { account, after, limit: limit + 1 });
      const page = rows.slice(0, limit);
      const subject = account ?? 'all';
      const content = await contentOf(deps, request, request.query, subject, page);
      const messages = page.map((held) => heldBody(held, content));
      return { messages, ...(rows.length > limit && { next: messages.at(-1)?.id }) };
    },
  );
}

function addOne(app: Api, deps: ApiDeps): void {
  app.get(
    '/v1/moderation/:id',
    {
      schema: {
        summary: 'One message that a rule held, and what was decided',
        tags: ['moderation'],
        params: z.object({ id: decimalId }),
        querystring: z.object(contentQuery),
        response: { 200: heldSchema },
      },
    },
    async (request) => {
      const held = await theHeld(deps, request.params.id);
      const subject = held.id.toString();
      return heldBody(held, await contentOf(deps, request, request.query, subject, [held]));
    },
  );
}

const DECISIONS = [
  {
    verb: 'release',
    is: 'released',
    summary: 'Let a held message go: it is sent at once, or at its own time',
  },
  {
    verb: 'refuse',
    is: 'refused',
    summary: 'End a held message REJECTD, its money by terms.onRefusal',
  },
] as const;

function addDecision(app: Api, deps: ApiDeps, { verb, is, summary }: (typeof DECISIONS)[number]) {
  app.post(
    `/v1/moderation/:id/${verb}`,
    {
      schema: {
        summary,
        description:
          'The first decision counts: 409 after another, or when the message has ended. version: of the content that ' +
          'was looked at; 409 when the customer has replaced it since.',
        tags: ['moderation'],
        params: z.object({ id: decimalId }),
        body: z.strictObject({
          reason: z.string().trim().min(1).max(REASON_MAX),
          version: z.int().min(0).max(32_767).optional(),
        }),
        response: { 200: heldSchema },
      },
    },
    async (request) => {
      const { id } = request.params;
      const { reason, version } = request.body;
      const by = actorOf(request);
      const told = await inTransaction(deps.pool, (client) =>
        decideHeld(client, { id, version, is, by, reason }),
      );
      if (told !== 'decided') throw notDecided(id, told);
      // Stored already: a node that is away or behind ends it later.
      if (is === 'refused') await deps.runtime.refuseHeld(id);
      return heldBody(await theHeld(deps, id), undefined);
    },
  );
}

function addViolations(app: Api, deps: ApiDeps): void {
  app.get(
    '/v1/accounts/:name/violations',
    {
      schema: {
        summary: 'What rules refused or held and counts against an account, newest first',
        description:
          'counted: since its last resume; at terms.onViolation.suspendAfter it is suspended. next: send it as before ' +
          'for the page after.',
        tags: ['accounts'],
        params: nameParams,
        querystring: z.object({
          before: decimalId.optional(),
          limit: z.coerce.number().int().min(1).max(1000).default(100),
        }),
        response: {
          200: z.object({
            counted: z.int(),
            violations: z.array(violationSchema),
            next: z.string().optional(),
          }),
        },
      },
    },
    async (request) => {
      const { name } = request.params;
      const { before, limit } = request.query;
      const account = await findAccountId(deps.pool, name);
      if (account === undefined) throw notFound('account', name);
      const { count } = await violationsSinceResume(deps.pool, account);
      const rows = await listViolations(deps.pool, { account, before, limit: limit + 1 });
      const violations = rows.slice(0, limit).map(({ id, at, rule, message }) => ({
        id: id.toString(),
        at: at.toISOString(),
        rule,
        ...(message !== undefined && { message }),
      }));
      const next = rows.length > limit ? { next: violations.at(-1)?.id } : {};
      return { counted: count, violations, ...next };
    },
  );
}

async function theHeld(deps: ApiDeps, id: bigint): Promise<HeldMessage> {
  const held = await findHeld(deps.pool, id);
  if (held === undefined) throw notFound('held message', id.toString());
  return held;
}

function notDecided(id: bigint, why: DecideRefusal): Error {
  switch (why) {
    case 'unknown':
      return notFound('held message', id.toString());
    case 'ended':
      return conflict('message-ended', `the message ${id} has ended`);
    case 'replaced':
      return conflict('message-replaced', `the message ${id} was replaced: look at it again`);
    case 'released':
    case 'refused':
      return conflict('already-decided', `the message ${id} was ${why} before`);
  }
}

/** What messages say, if it is asked for: by a role that may, with a reason, written down before. */
async function contentOf(
  deps: ApiDeps,
  request: FastifyRequest,
  asked: { readonly content: 'true' | 'false'; readonly reason?: string | undefined },
  subject: string,
  held: readonly HeldMessage[],
): Promise<ReadonlyMap<bigint, HeldContent> | undefined> {
  if (asked.content !== 'true') return undefined;
  mayContent(request);
  if (asked.reason === undefined) throw badRequest('content needs a reason');
  const { reason } = asked;
  await auditContent(deps, request, 'moderation.content', subject, { reason });
  return deps.runtime.heldContent(held);
}

/** An internal id in decimal. */
const decimalId = z
  .string()
  .regex(/^[0-9]{1,18}$/, 'must be an id')
  .transform((text) => BigInt(text));

const decisionSchema = z.object({
  is: z.enum(['released', 'refused'] satisfies DecisionKind[]),
  at: z.iso.datetime(),
  by: z.string(),
  reason: z.string(),
});

const heldSchema = z.object({
  id: z.string(),
  account: z.string(),
  rule: z.string(),
  why: z.string().optional(),
  since: z.iso.datetime(),
  releaseAt: z.iso.datetime().optional().describe('its own time to be sent'),
  validUntil: z.iso.datetime(),
  parts: z.int().describe('messages that it came in; segments and price are those of all of them'),
  messages: z
    .array(z.string())
    .optional()
    .describe('ids of its parts, in order, where there are several'),
  segments: z.int(),
  price: z.string(),
  version: z.int().describe('of its content; 0: as submitted'),
  waits: z.boolean(),
  decision: decisionSchema.optional(),
  content: z.object({ from: z.string(), to: z.string(), text: z.string() }).optional(),
});

const violationSchema = z.object({
  id: z.string(),
  at: z.iso.datetime(),
  rule: z.string(),
  message: z.string().optional().describe('of one that was held'),
});

function heldBody(
  held: HeldMessage,
  contents: ReadonlyMap<bigint, HeldContent> | undefined,
): z.output<typeof heldSchema> {
  const { decision } = held;
  const content = contents?.get(held.id);
  return {
    id: held.id.toString(),
    account: held.account,
    rule: held.rule,
    ...(held.reason !== undefined && { why: held.reason }),
    since: held.since.toISOString(),
    ...(held.releaseAt !== undefined && { releaseAt: held.releaseAt.toISOString() }),
    validUntil: held.validUntil.toISOString(),
    parts: held.parts.length,
    ...(held.parts.length > 1 && { messages: held.parts.map(String) }),
    segments: held.segments,
    price: formatCredits(held.price),
    version: held.version,
    waits: held.isOpen && decision === undefined,
    ...(decision !== undefined && { decision: { ...decision, at: decision.at.toISOString() } }),
    ...(content !== undefined && { content }),
  };
}
