import { z } from 'zod';
import { formatCredits } from '../../domain/money.ts';
import {
  type AccountRow,
  findAccount,
  listAccounts,
  type StatusChange,
  setAccountStatus,
} from '../../store/accounts.ts';
import { readAccountSpec } from '../../store/resource-rows.ts';
import { applyResources } from '../../store/resources.ts';
import { isAlreadyThere, patchedAccount, wantedAccount } from '../account-changes.ts';
import { countOpenings } from '../apply.ts';
import { type Api, type ApiDeps, actorOf, nameParams } from './api.ts';
import { conflict, notFound } from './problem.ts';
import { faultsProblem } from './resources.ts';

/** Accounts: list, create, look at, change, suspend, resume, terminate. */
export function addAccountRoutes(app: Api, deps: ApiDeps): void {
  addReading(app, deps);
  addCreating(app, deps);
  addPatching(app, deps);
  for (const change of STATUS_CHANGES) addStatusChange(app, deps, change);
}

function addReading(app: Api, deps: ApiDeps): void {
  app.get(
    '/v1/accounts',
    {
      schema: {
        summary: 'List accounts by name',
        tags: ['accounts'],
        querystring: z.object({
          after: z.string().max(64).default('').describe('the last name of the page before'),
          limit: z.coerce.number().int().min(1).max(1000).default(100),
        }),
        response: {
          200: z.object({ accounts: z.array(accountSchema), next: z.string().optional() }),
        },
      },
    },
    async (request) => {
      const { after, limit } = request.query;
      const rows = await listAccounts(deps.pool, after, limit + 1);
      const accounts = rows.slice(0, limit).map(accountBody);
      return { accounts, ...(rows.length > limit && { next: accounts.at(-1)?.name }) };
    },
  );
  app.get(
    '/v1/accounts/:name',
    {
      schema: {
        summary: 'One account with its settings; passwords are hashed',
        tags: ['accounts'],
        params: nameParams,
        response: { 200: accountSchema.extend({ spec: z.unknown() }) },
      },
    },
    async (request) => wholeAccount(deps, request.params.name),
  );
}

function addCreating(app: Api, deps: ApiDeps): void {
  app.post(
    '/v1/accounts',
    {
      schema: {
        summary: 'Create an account',
        description: 'The body is an account as in the resource file. 409 when the name is taken.',
        tags: ['accounts'],
        body: z.looseObject({ name: z.string() }),
        response: {
          201: accountSchema.extend({ spec: z.unknown(), generated: z.array(z.unknown()) }),
        },
      },
    },
    async (request, reply) => {
      const { name } = request.body;
      const result = await applyResources(deps.pool, deps.secrets, {
        actor: actorOf(request),
        dryRun: false,
        next: (current) => wantedAccount(current, request.body),
      });
      if ('errors' in result) {
        if (isAlreadyThere(result))
          throw conflict('account-exists', `there is an account ${JSON.stringify(name)} already`);
        throw faultsProblem(
          result.errors.map(({ key, message }) => ({ line: undefined, key, message })),
        );
      }
      countOpenings(deps.metrics, result);
      await deps.runtime.catalogChanged();
      return reply
        .code(201)
        .send({ ...(await wholeAccount(deps, name)), generated: result.generated });
    },
  );
}

function addPatching(app: Api, deps: ApiDeps): void {
  app.patch(
    '/v1/accounts/:name',
    {
      schema: {
        summary: 'Change settings of an account',
        description:
          'The body is merged into the account as in the resource file (RFC 7396: null removes a key, lists are ' +
          'replaced whole). A file in RESOURCES_FILE that has the account sets it back when it is next applied.',
        tags: ['accounts'],
        params: nameParams,
        querystring: z.object({
          allowLargeChanges: z
            .enum(['true', 'false'])
            .default('false')
            .describe('prices may change by ten times and more'),
        }),
        body: z.looseObject({}),
        response: {
          200: accountSchema.extend({ spec: z.unknown(), generated: z.array(z.unknown()) }),
        },
      },
    },
    async (request) => {
      const { name } = request.params;
      const known = await findAccount(deps.pool, name);
      if (known === undefined) throw notFound('account', name);
      const result = await applyResources(deps.pool, deps.secrets, {
        actor: actorOf(request),
        dryRun: false,
        allowLargeChanges: request.query.allowLargeChanges === 'true',
        next: (current) => patchedAccount(current, name, request.body),
      });
      if ('errors' in result) {
        throw faultsProblem(
          result.errors.map(({ key, message }) => ({ line: undefined, key, message })),
        );
      }
      if (result.changed) await deps.runtime.catalogChanged();
      return { ...(await wholeAccount(deps, name)), generated: result.generated };
    },
  );
}

const reasonBody = z.strictObject({ reason: z.string().min(1).max(500) });
const forfeit = z.boolean().optional().describe('take what is left of its credit');
const dropBinds = z.boolean().optional().describe('end its sessions; else they stay for receipts');
/** Whatever a change may say. */
const eraseContent = z
  .boolean()
  .optional()
  .describe('destroy what its messages say, for good; else as terms.onTermination.content says');
const statusBody = reasonBody.extend({ dropBinds, forfeit, eraseContent });

const STATUS_CHANGES = [
  {
    verb: 'suspend',
    status: 'suspended',
    summary: 'Stop an account; its queued messages end by terms.onRefusal',
    body: statusBody,
  },
  {
    verb: 'resume',
    status: 'active',
    summary: 'Let a suspended account send again',
    body: reasonBody,
  },
  {
    verb: 'terminate',
    status: 'terminated',
    summary: 'End an account for good; its credit and content by terms.onTermination',
    body: reasonBody.extend({ forfeit, eraseContent }),
  },
] as const;

function addStatusChange(app: Api, deps: ApiDeps, change: (typeof STATUS_CHANGES)[number]): void {
  app.post(
    `/v1/accounts/:name/${change.verb}`,
    {
      schema: {
        summary: change.summary,
        tags: ['accounts'],
        params: nameParams,
        body: change.body,
        response: { 200: accountSchema },
      },
    },
    async (request) => {
      const { name } = request.params;
      const { reason, dropBinds, forfeit, eraseContent } = statusBody.parse(request.body);
      const done = await setAccountStatus(deps.pool, {
        name,
        status: change.status,
        reason,
        actor: actorOf(request),
        dropBinds,
        eraseContent,
        forfeit: forfeitOf(change.status, forfeit),
      });
      if ('refused' in done) {
        if (done.refused === 'noSuchAccount') throw notFound('account', name);
        throw conflict('account-terminated', `the account ${name} is terminated for good`);
      }
      if (done.forfeited > 0n)
        deps.metrics.credits.child(name, 'forfeit').inc(Number(done.forfeited));
      if (done.changed) {
        await deps.runtime.catalogChanged();
        if (change.status !== 'active') await deps.runtime.accountStopped(name, reason);
      }
      const row = await findAccount(deps.pool, name);
      if (row === undefined) throw notFound('account', name);
      return accountBody(row);
    },
  );
}

/** Nothing said: a termination goes by the terms, a suspension by hand takes nothing. */
function forfeitOf(
  status: (typeof STATUS_CHANGES)[number]['status'],
  asked: boolean | undefined,
): StatusChange['forfeit'] {
  if (status === 'active' || asked === false) return undefined;
  if (asked === true) return 'operator';
  return status === 'terminated' ? 'byTerms' : undefined;
}

async function wholeAccount(deps: ApiDeps, name: string): Promise<AccountBody & { spec: unknown }> {
  const row = await findAccount(deps.pool, name);
  const spec = await readAccountSpec(deps.pool, name);
  if (row === undefined || spec === undefined) throw notFound('account', name);
  return { ...accountBody(row), spec };
}

const accountSchema = z.object({
  name: z.string(),
  status: z.enum(['active', 'suspended', 'terminated']),
  statusReason: z.string().optional(),
  statusAt: z.iso.datetime().optional(),
  demo: z.boolean(),
  createdAt: z.iso.datetime(),
  credits: z.string(),
  reserved: z.string(),
  expiresAt: z.iso.datetime().nullable(),
});
type AccountBody = z.output<typeof accountSchema>;

function accountBody(row: AccountRow): AccountBody {
  return {
    name: row.name,
    status: row.status,
    ...(row.statusReason !== undefined && { statusReason: row.statusReason }),
    ...(row.statusAt !== undefined && { statusAt: row.statusAt.toISOString() }),
    demo: row.demo,
    createdAt: row.createdAt.toISOString(),
    credits: formatCredits(row.credits),
    reserved: formatCredits(row.reserved),
    expiresAt: row.expiresAt?.toISOString() ?? null,
  };
}
