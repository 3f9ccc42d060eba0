import { z } from 'zod';
import type { AccountId } from '../../domain/ids.ts';
import { RECIPIENTS_MAX } from '../../gateway/recipient-set.ts';
import { writeAudit } from '../../store/audit.ts';
import {
  addNewOptOuts,
  listOptOuts,
  OPT_OUT_CHANNEL,
  type OptOut,
  type OptOutSettings,
  setOptOuts,
} from '../../store/opt-outs.ts';
import { inTransaction } from '../../store/pool.ts';
import { countRecipients, type RecipientScope, scopeIds } from '../../store/recipient-scopes.ts';
import { type Api, type ApiDeps, actorOf } from './api.ts';
import {
  accountNamed,
  addBulkScope,
  classNames,
  eachChecked,
  entriesOf,
  msisdnOf,
  noSuchClass,
} from './bulk.ts';
import {
  type HashedPart,
  HashRun,
  LINES_MAX_OCTETS,
  NUMBERS_MAX,
  STORED_AT_ONCE,
} from './hash-run.ts';
import { inForce, inForceShape } from './in-force.ts';
import { badRequest, conflict } from './problem.ts';
import { recipientPage, recipientQuery } from './recipient-pages.ts';

/** The numbers that want no messages of an account: list, add, remove, one or many at once. */
export function addOptOutRoutes(app: Api, deps: ApiDeps): void {
  addListing(app, deps);
  const add = (scope: Api) => {
    addSetting(scope, deps, true);
    addSetting(scope, deps, false);
  };
  addBulkScope(app, add, LINES_MAX_OCTETS);
}

function addListing(app: Api, deps: ApiDeps): void {
  app.get(
    '/v1/opt-outs',
    {
      schema: {
        summary: 'List the opt-outs of an account, or look one number up',
        tags: ['opt-outs'],
        querystring: recipientQuery,
        response: { 200: listSchema },
      },
    },
    async (request) => {
      const { account } = request.query;
      const { shown, ...next } = await recipientPage(deps, request.query, (id, query) =>
        listOptOuts(deps.pool, id, query),
      );
      return { optOuts: shown.map((row) => bodyOf(deps, account, row)), ...next };
    },
  );
}

function addSetting(app: Api, deps: ApiDeps, out: boolean): void {
  app.route({
    method: out ? 'PUT' : 'DELETE',
    url: '/v1/opt-outs',
    schema: {
      summary: out ? 'Opt numbers out of an account' : 'Opt numbers in again',
      description:
        `JSON: one \`number\` or a list of \`numbers\`; text/csv: a number a line, application/x-ndjson: ` +
        `\`{"number"}\` a line, with account, sender and class in the query. At most ${NUMBERS_MAX} (JSON: 8 MiB); all ` +
        `or nothing up to ${STORED_AT_ONCE}, beyond it in several commits: after a failure send them again. ` +
        'account "*": of all accounts; sender, class: only that sender, only that class (objection to marketing: ' +
        'promotional); one that there is. `changed` are those that were not so before.',
      tags: ['opt-outs'],
      querystring: scopeSchema,
      response: { 200: z.object({ account: z.string(), changed: z.int(), ...inForceShape }) },
    },
    handler: async (request) => {
      const entries = entriesOf(request.body, 'numbers', ['number']);
      const query = request.query as z.output<typeof scopeSchema>;
      const [first] = entries;
      const {
        account,
        sender,
        class: trafficClass,
      } = scopeOf({ ...query, ...asObject(first?.entry) });
      if (out && trafficClass !== '' && !(await classNames(deps)).has(trafficClass))
        throw badRequest(noSuchClass(trafficClass));
      const read = (entry: unknown) => numberOf(entry, account, sender, trafficClass);
      const numbers = await eachChecked(entries, read, NUMBERS_MAX);
      const id = await accountNamed(deps, account);
      const scope = { sender: sender.toLowerCase(), trafficClass };
      const changed = await set(deps, actorOf(request), { account, id, scope, out }, numbers);
      return { account, changed, ...(await inForce(deps, OPT_OUT_CHANNEL)) };
    },
  });
}

interface Setting {
  readonly account: string;
  readonly id: AccountId;
  readonly scope: RecipientScope;
  readonly out: boolean;
}

/** Sets numbers, up to STORED_AT_ONCE in one commit: what subscribers' messages ask for waits no longer for the list. */
async function set(
  deps: ApiDeps,
  actor: string,
  what: Setting,
  numbers: readonly string[],
): Promise<number> {
  // Before the lock is taken: hashing and sealing of one request go on while another one is written.
  const run = await HashRun.of(deps, numbers, what.out);
  let changed = 0;
  for (const part of run.commits()) changed += await store(deps, actor, what, part);
  return changed;
}

async function store(
  deps: ApiDeps,
  actor: string,
  { account, id, scope: { sender, trafficClass }, out }: Setting,
  part: HashedPart,
): Promise<number> {
  return inTransaction(deps.pool, async (client) => {
    if (out && (await countRecipients(client, 'optOuts')) + part.length > RECIPIENTS_MAX)
      throw conflict('too-many-opt-outs', `there may be ${RECIPIENTS_MAX} opt-outs at the most`);
    const [scope] = (await scopeIds(client, [{ sender, trafficClass }])) ?? [];
    if (scope === undefined) throw conflict('too-many-scopes', 'too many senders and classes');
    const what = { account: id, scope, out };
    const added =
      out && part.isLong ? await addNewOptOuts(client, what, settingsOf(part)) : undefined;
    const changed = added ?? (await setOptOuts(client, what, settingsOf(part)));
    if (changed > 0)
      await writeAudit(client, {
        actor,
        action: out ? 'optOuts.add' : 'optOuts.remove',
        subject: account,
        detail: {
          changed,
          ...(sender && { sender }),
          ...(trafficClass && { class: trafficClass }),
        },
      });
    return changed;
  });
}

function* settingsOf(part: HashedPart): Generator<OptOutSettings> {
  for (const { nths, hashes, sealed } of part)
    yield { length: nths.length, hashes, sealed: sealed() };
}

const scopeSchema = z.object({
  account: z.string().min(1).max(64).optional(),
  sender: z.string().max(21).optional(),
  class: z.string().max(64).optional(),
});

const entrySchema = z.strictObject({
  ...scopeSchema.shape,
  number: z.string().min(1).max(20),
});

function scopeOf(given: Record<string, unknown>): {
  account: string;
  sender: string;
  class: string;
} {
  const { data } = scopeSchema.safeParse(given);
  if (data?.account === undefined)
    throw badRequest('account: needs the name of an account, or "*"');
  return { account: data.account, sender: data.sender ?? '', class: data.class ?? '' };
}

function asObject(entry: unknown): Record<string, unknown> {
  return typeof entry === 'object' && entry !== null ? { ...entry } : {};
}

/** One request is about one scope: an entry that names another would be put into the wrong one. */
function numberOf(
  entry: unknown,
  account: string,
  sender: string,
  trafficClass: string,
): string | { readonly wrong: string } {
  const parsed = entrySchema.safeParse(entry);
  const msisdn = parsed.success ? msisdnOf(parsed.data.number) : undefined;
  if (!parsed.success || msisdn === undefined) return { wrong: 'has no international number' };
  const { data } = parsed;
  const isSame =
    (data.account ?? account) === account &&
    (data.sender ?? sender) === sender &&
    (data.class ?? trafficClass) === trafficClass;
  return isSame ? msisdn : { wrong: 'is of another account, sender or class than the first' };
}

const optOutSchema = z.object({
  account: z.string(),
  number: z.string(),
  sender: z.string().optional(),
  class: z.string().optional(),
  source: z.string().describe('message: the subscriber wrote; operator: through this API'),
  at: z.iso.datetime(),
});
const listSchema = z.object({ optOuts: z.array(optOutSchema), next: z.string().optional() });

function bodyOf(deps: ApiDeps, account: string, row: OptOut): z.output<typeof optOutSchema> {
  const { source, at, sender, trafficClass } = row;
  return {
    account,
    number: deps.sealing.openNumber(row.number),
    ...(sender && { sender }),
    ...(trafficClass && { class: trafficClass }),
    source,
    at: at.toISOString(),
  };
}
