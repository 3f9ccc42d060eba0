import { z } from 'zod';
import { messageId } from '../../domain/ids.ts';
import { formatCredits } from '../../domain/money.ts';
import { normaliseDestination } from '../../domain/msisdn.ts';
import { findAccount } from '../../store/accounts.ts';
import { type SessionThen, sessionsAtAccept } from '../../store/bind-history.ts';
import { keepReconciliation } from '../../store/books-check.ts';
import { findMessages, listMessages, type MessageHead } from '../../store/message-heads.ts';
import { reconcile } from '../../store/reconcile.ts';
import { readTimeline, type TimelineEvent } from '../../store/timeline.ts';
import type { Api, ApiDeps } from './api.ts';
import { hashesOf } from './bulk.ts';
import { badRequest, conflict, notFound } from './problem.ts';
import { time } from './time.ts';

/** Messages: their timelines, lists, and the reconciliation of the ledger with them. */
export function addMessageRoutes(app: Api, deps: ApiDeps): void {
  addList(app, deps);
  addTimeline(app, deps);
  addReconciliation(app, deps);
}

/** A list without `from` covers this long. */
const LIST_HOURS = 24;
const HOUR_MS = 3_600_000;
/** Ids of another node may be ahead of this clock by less than this. */
const CLOCKS_APART_MS = 60_000;

function addList(app: Api, deps: ApiDeps): void {
  app.get(
    '/v1/messages',
    {
      schema: {
        summary: 'Messages by account, number and time of accept, newest first',
        description:
          `from <= accepted < until; by default the last ${LIST_HOURS} hours. The number is compared by its keyed ` +
          'hash; neither it nor the text is shown. next: send it as before for the page after.',
        tags: ['messages'],
        querystring: z.object({
          account: z.string().max(64).optional(),
          to: z.string().max(40).optional().describe('the number, international'),
          from: time.optional(),
          until: time.optional(),
          before: decimalId.optional(),
          limit: z.coerce.number().int().min(1).max(1000).default(100),
        }),
        response: { 200: z.object({ messages: z.array(headSchema), next: z.string().optional() }) },
      },
    },
    async (request) => {
      const { account, to, before, limit } = request.query;
      if (account !== undefined && (await findAccount(deps.pool, account)) === undefined)
        throw notFound('account', account);
      const until = request.query.until ?? new Date(deps.now() + CLOCKS_APART_MS);
      const rows = await listMessages(deps.pool, {
        account,
        destinationHashes: to === undefined ? undefined : hashesOf(deps, numberOf(to)),
        from: request.query.from ?? new Date(until.getTime() - LIST_HOURS * HOUR_MS),
        until,
        before: before === undefined ? undefined : messageId(before),
        limit: limit + 1,
      });
      const messages = rows.slice(0, limit).map(headBody);
      return { messages, ...(rows.length > limit && { next: messages.at(-1)?.id }) };
    },
  );
}

function addTimeline(app: Api, deps: ApiDeps): void {
  app.get(
    '/v1/messages/:id',
    {
      schema: {
        summary: 'All that happened to a message',
        description:
          'By the internal id, or by the message_id that the customer got; 409 when several accounts have that id: ' +
          'then say ?account=. sessions: it came over one of them; written some seconds behind, kept 90 days.',
        tags: ['messages'],
        params: z.object({ id: z.string().min(1).max(65) }),
        querystring: z.object({ account: z.string().max(64).optional() }),
        response: {
          200: headSchema.extend({
            sessions: z
              .array(sessionSchema)
              .describe('bound when it was accepted, by its systemId'),
            events: z.array(eventSchema),
          }),
        },
      },
    },
    async (request) => {
      const { id: name } = request.params;
      const ids = await findMessages(deps.pool, name, request.query.account);
      const [id] = ids;
      if (id === undefined) throw notFound('message', name);
      if (ids.length > 1) {
        throw conflict(
          'message-ambiguous',
          `${ids.length} messages have this id: ${ids.join(', ')}; ask by the internal id or by account`,
        );
      }
      const timeline = await readTimeline(deps.pool, id);
      if (timeline === undefined) throw notFound('message', name);
      const sessions = await sessionsAtAccept(deps.pool, id, timeline.message.acceptedAt);
      return {
        ...headBody(timeline.message),
        sessions: sessions.map(sessionBody),
        events: timeline.events.map(eventBody),
      };
    },
  );
}

function addReconciliation(app: Api, deps: ApiDeps): void {
  let running: ReturnType<typeof reconcile> | undefined;
  app.get(
    '/v1/reconciliation',
    {
      schema: {
        summary: 'Compare balances, ledger, messages and outcomes with each other',
        description: 'Reads all of them: seconds to minutes. Requests that meet share one run.',
        tags: ['money'],
        response: {
          200: z.object({
            ok: z.boolean(),
            accounts: z.int(),
            mismatches: z.array(mismatchSchema),
          }),
        },
      },
    },
    async () => {
      running ??= reconcile(deps.pool).finally(() => {
        running = undefined;
      });
      const result = await running;
      await keepReconciliation(deps.pool, result);
      return result;
    },
  );
}

/** An internal id in decimal. */
const decimalId = z
  .string()
  .regex(/^[0-9]{1,18}$/, 'must be a message id')
  .transform((text) => BigInt(text));

const headSchema = z.object({
  id: z.string(),
  messageId: z.string().describe('what the customer got in submit_sm_resp'),
  account: z.string(),
  systemId: z.string().optional(),
  carrier: z
    .string()
    .optional()
    .describe('that took it, or was sent it last; absent: it never left'),
  queuedFor: z.string().optional().describe('of what never left: whose queue it is or was in'),
  state: z.string(),
  fault: z.string().optional().describe('whose fault its end is; absent while it is on its way'),
  cause: z.string().optional(),
  origin: z.enum(['carrier', 'gateway']).optional().describe('who says how it ended'),
  acceptedAt: z.iso.datetime(),
  validUntil: z.iso.datetime(),
  segments: z.int(),
  unitPrice: z.string(),
  price: z.string(),
  chargeOn: z.enum(['submit', 'delivered']),
  tariff: z.string().optional(),
  tariffVersion: z
    .int()
    .describe('what it said: GET /v1/tariffs/{tariff}/versions/{tariffVersion}'),
  policy: z.string().optional().describe('absent: the built-in one, version 0 of "open"'),
  policyVersion: z.int().describe('the same under /v1/policies: by which it was judged'),
  terms: z.string().optional(),
  termsVersion: z.int().describe('the same under /v1/terms'),
  node: z.int(),
});

const sessionSchema = z.object({
  session: z.int(),
  address: z.string(),
  port: z.int(),
  boundAs: z.string(),
  boundAt: z.iso.datetime(),
  endedAt: z.iso.datetime().nullable(),
});

function sessionBody({ boundAt, endedAt, ...rest }: SessionThen): z.input<typeof sessionSchema> {
  return { ...rest, boundAt: boundAt.toISOString(), endedAt: endedAt?.toISOString() ?? null };
}

const eventSchema = z.object({
  at: z.iso.datetime(),
  event: z.string(),
  state: z.string().optional(),
  carrier: z.string().optional(),
  queuedFor: z.string().optional().describe('of accepted: as routed then'),
  upstreamId: z.string().optional(),
  status: z.string().optional(),
  segment: z.int().optional(),
  attempt: z.int().optional(),
  fault: z.string().optional(),
  cause: z.string().optional(),
  origin: z.enum(['carrier', 'gateway']).optional(),
  err: z.int().optional(),
  doneAt: z.iso.datetime().optional(),
  money: z.string().optional(),
  entry: z.string().optional(),
  detail: z.string().optional(),
});

const mismatchSchema = z.object({
  check: z.string(),
  account: z.string(),
  where: z.string(),
  what: z.string(),
  expected: z.string(),
  found: z.string(),
});

/** A number as people type it: E.164 with or without "+" or "00". A "+" that a URL turned into a blank is one too. */
function numberOf(text: string): string {
  const number = normaliseDestination(text.replace(/^ /, '+'), TON_INTERNATIONAL, NPI_ISDN);
  if ('malformed' in number) throw badRequest(`to: ${number.malformed}`);
  return number.msisdn;
}

/** SMPP 3.4 §5.2.5 and §5.2.6. */
const TON_INTERNATIONAL = 1;
const NPI_ISDN = 1;

function headBody(head: MessageHead): z.output<typeof headSchema> {
  return {
    id: head.id.toString(),
    messageId: head.customerId,
    account: head.account,
    ...(head.systemId !== undefined && { systemId: head.systemId }),
    ...(head.carrier !== undefined && { carrier: head.carrier }),
    ...(head.queuedFor !== undefined && { queuedFor: head.queuedFor }),
    state: head.state,
    ...head.end,
    acceptedAt: head.acceptedAt.toISOString(),
    validUntil: head.validUntil.toISOString(),
    segments: head.segments,
    unitPrice: formatCredits(head.unitPrice),
    price: formatCredits(head.price),
    chargeOn: head.chargedOn,
    ...(head.tariff !== undefined && { tariff: head.tariff }),
    tariffVersion: head.tariffVersion,
    ...(head.policy !== undefined && { policy: head.policy }),
    policyVersion: head.policyVersion,
    ...(head.terms !== undefined && { terms: head.terms }),
    termsVersion: head.termsVersion,
    node: head.node,
  };
}

/** undefined fields are left out by JSON. */
function eventBody(event: TimelineEvent): z.input<typeof eventSchema> {
  const { at, doneAt, status, money, entry, ...rest } = event;
  const present = Object.fromEntries(
    Object.entries(rest).filter(([, value]) => value !== undefined),
  );
  return {
    at: at.toISOString(),
    ...(present as Pick<z.output<typeof eventSchema>, 'event'>),
    ...(status !== undefined && { status: `0x${status.toString(16).padStart(8, '0')}` }),
    ...(doneAt !== undefined && { doneAt: doneAt.toISOString() }),
    ...(money !== undefined && { money: formatCredits(money) }),
    ...(entry !== undefined && { entry: entry.toString() }),
  };
}
