import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { ReplayAnswer } from '../../gateway/policy-replay.ts';
import type { Decided } from '../../gateway/replay-tally.ts';
import { findAccountId } from '../../store/accounts.ts';
import { type CandidatePolicies, candidatePolicies } from '../policy-candidate.ts';
import { type Api, type ApiDeps, actorOf } from './api.ts';
import { MAY } from './auth.ts';
import { auditContent, mayContent } from './content-access.ts';
import { badRequest, conflict, notFound, Problem } from './problem.ts';
import { faultsProblem } from './resources.ts';
import { time } from './time.ts';

/** 32 MiB, as of a resources file. */
const FILE_MAX_OCTETS = 32 * 1024 * 1024;
/** Messages of one replay: a million takes some ten minutes. */
const LIMIT_MAX = 1_000_000;
const LIMIT = 100_000;
const EXAMPLES_MAX = 200;
const REASON_MAX = 500;

/** What the answer leaves out, in every answer: who reads the counts must not take them for more than they are. */
const NOTES = [
  'submits that were refused are not stored and cannot be judged again: what would be accepted now and was refused then is not counted',
  'opt-outs, consents, senders and networks are as they are now',
  'rules that count (caps, duplicates, recipient patterns) begin with nothing at the first message',
];

/** What a change of the policies would have done to past traffic. */
export function addPolicyReplayRoute(app: Api, deps: ApiDeps): void {
  app.post(
    '/v1/policies/replay',
    {
      bodyLimit: FILE_MAX_OCTETS,
      config: { changes: false },
      schema: {
        summary: 'Judge past messages by a policy that is tried, and say what would change',
        description:
          'resources: a resources file whose policies and word lists judge, each account by the policy that it has; policy: ' +
          'one policy for all; neither: those in force. Reads only, and slowly enough for the traffic beside it: some ' +
          'thousand messages a second; one at a time (409). A policy of your own needs a role that may write or see ' +
          'content; sender, number and text of the examples need content=true, a role that may, and a reason. Audited.',
        tags: ['policies'],
        body: z.strictObject({
          since: time,
          until: time.optional(),
          account: z.string().max(64).optional(),
          resources: z.string().max(FILE_MAX_OCTETS).optional().describe('YAML or JSON'),
          policy: z.string().max(64).optional(),
          limit: z.int().min(1).max(LIMIT_MAX).default(LIMIT),
          examples: z.int().min(0).max(EXAMPLES_MAX).default(20),
          content: z.boolean().default(false),
          reason: z.string().trim().min(1).max(REASON_MAX).optional(),
        }),
        response: { 200: answerSchema },
      },
    },
    async (request, reply) => {
      const {
        since,
        until = new Date(deps.now()),
        account,
        limit,
        examples,
        content,
      } = request.body;
      if (until <= since) throw badRequest('until must be after since');
      if (account !== undefined && (await findAccountId(deps.pool, account)) === undefined)
        throw notFound('account', account);
      const { resources, policy, reason } = request.body;
      if (resources !== undefined || policy !== undefined) mayTry(request);
      if (content) {
        mayContent(request);
        if (reason === undefined) throw badRequest('content needs a reason');
      }
      const candidate = await candidateOf(deps, resources, policy);
      await auditContent(deps, request, 'policy.replay', account ?? 'all', {
        since: since.toISOString(),
        until: until.toISOString(),
        own: resources !== undefined || policy !== undefined,
        content,
        ...(reason !== undefined && { reason }),
      });
      const answer = await deps.runtime.replayPolicy({
        sinceMs: since.getTime(),
        untilMs: until.getTime(),
        account,
        limit,
        examples,
        content,
        policyOf: candidate?.policyOf ?? ((owner) => owner.policy),
        signal: closedSignal(reply),
      });
      if (answer === 'busy')
        throw conflict('replay-runs', 'another replay is under way: one at a time');
      if (answer === undefined)
        throw new Problem(503, 'starting', 'this node is starting: try again');
      return answerBody(answer, since, until);
    },
  );
}

/** Who could make a policy of patterns to guess texts with must be one who may change policies, or see texts anyway. */
function mayTry(request: FastifyRequest): void {
  const { actor } = request;
  if (actor === null || !(MAY[actor.role].write || MAY[actor.role].content))
    throw new Problem(403, 'role-too-low', `the token ${actorOf(request)} may not try policies`);
}

async function candidateOf(
  deps: ApiDeps,
  resources: string | undefined,
  policy: string | undefined,
): Promise<CandidatePolicies | undefined> {
  if (resources === undefined && policy === undefined) return undefined;
  const candidate = await candidatePolicies(deps.pool, resources, policy);
  if ('faults' in candidate) throw faultsProblem(candidate.faults);
  return candidate;
}

/** Aborted when the client goes away before it is answered. */
function closedSignal(reply: FastifyReply): AbortSignal {
  const closed = new AbortController();
  reply.raw.once('close', () => closed.abort());
  return closed.signal;
}

const decidedSchema = z.object({
  decision: z.enum(['accepted', 'deferred', 'held', 'refused']),
  rule: z.string().optional(),
});

const answerSchema = z.object({
  since: z.iso.datetime(),
  until: z.iso.datetime(),
  judged: z.int(),
  unreadable: z.int().describe('their content is gone'),
  changed: z.int(),
  stoppedAt: z.iso.datetime().optional().describe('the limit was reached: go on with since'),
  decisions: z.array(z.object({ was: decidedSchema, would: decidedSchema, messages: z.int() })),
  rules: z
    .array(z.object({ rule: z.string(), action: z.string(), messages: z.int() }))
    .describe('what each rule found; monitor: only tried'),
  examples: z.array(
    z.object({
      id: z.string(),
      account: z.string(),
      was: decidedSchema,
      would: decidedSchema,
      content: z.object({ from: z.string(), to: z.string(), text: z.string() }).optional(),
    }),
  ),
  notes: z.array(z.string()),
});

function answerBody(answer: ReplayAnswer, since: Date, until: Date): z.output<typeof answerSchema> {
  const { judged, unreadable, changed, counts, rules, examples, stoppedAtMs } = answer;
  const decisions = counts.map(({ from, to, messages }) => ({
    was: decidedBody(from),
    would: decidedBody(to),
    messages,
  }));
  return {
    since: since.toISOString(),
    until: until.toISOString(),
    judged,
    unreadable,
    changed,
    ...(stoppedAtMs !== undefined && { stoppedAt: new Date(stoppedAtMs).toISOString() }),
    decisions: decisions.sort((a, b) => b.messages - a.messages),
    rules: rules.toSorted((a, b) => b.messages - a.messages),
    examples: examples.map(({ id, account, from, to, content }) => ({
      id: id.toString(),
      account,
      was: decidedBody(from),
      would: decidedBody(to),
      ...(content !== undefined && { content }),
    })),
    notes: NOTES,
  };
}

function decidedBody({ is, rule }: Decided): z.output<typeof decidedSchema> {
  return { decision: is, ...(rule !== undefined && { rule }) };
}
