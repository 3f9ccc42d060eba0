import { z } from 'zod';
import { networkCode } from '../../domain/route-schema.ts';
import { country } from '../../domain/rules/parts.ts';
import { instant } from '../../domain/schema-parts.ts';
import { checkSender } from '../../domain/sender-id.ts';
import { SENDERS_MAX } from '../../gateway/sender-list.ts';
import { writeAudit } from '../../store/audit.ts';
import { inTransaction } from '../../store/pool.ts';
import {
  countSenders,
  listSenders,
  putSenders,
  SENDER_CHANNEL,
  type SenderSetting,
  type StoredSender,
  senderKey,
} from '../../store/senders.ts';
import { type Api, type ApiDeps, actorOf } from './api.ts';
import {
  accountNamed,
  addBulkScope,
  classNames,
  ENTRIES_MAX,
  eachChecked,
  entriesOf,
  noSuchClass,
} from './bulk.ts';
import { inForce, inForceShape } from './in-force.ts';
import { needKnownNetworks } from './network-known.ts';
import { badRequest, conflict } from './problem.ts';

const COLUMNS = ['sender', 'status', 'class', 'country', 'operator', 'from', 'until', 'note'];

/** Senders that accounts may use: list, register, remove, one or many at once. */
export function addSenderRoutes(app: Api, deps: ApiDeps): void {
  addListing(app, deps);
  addBulkScope(app, (scope) => {
    addSetting(scope, deps, true);
    addSetting(scope, deps, false);
  });
}

function addListing(app: Api, deps: ApiDeps): void {
  app.get(
    '/v1/senders',
    {
      schema: {
        summary: 'List the registered senders of an account',
        tags: ['senders'],
        querystring: z.object({
          account: z.string().min(1).max(64).describe('"*": those of all accounts'),
          sender: z.string().max(21).optional(),
          after: z.coerce.number().int().min(0).default(0).describe('`next` of the page before'),
          limit: z.coerce.number().int().min(1).max(10_000).default(1000),
        }),
        response: { 200: listSchema },
      },
    },
    async (request) => {
      const { account, sender, after, limit } = request.query;
      const id = await accountNamed(deps, account);
      const page = { after: BigInt(after), limit: limit + 1, sender: sender && senderKey(sender) };
      const rows = await listSenders(deps.pool, id, page);
      const shown = rows.slice(0, limit);
      return {
        senders: shown.map((row) => bodyOf(account, row)),
        ...(rows.length > limit && { next: Number(shown.at(-1)?.change) }),
      };
    },
  );
}

function addSetting(app: Api, deps: ApiDeps, isPut: boolean): void {
  app.route({
    method: isPut ? 'PUT' : 'DELETE',
    url: '/v1/senders',
    schema: {
      summary: isPut ? 'Register senders, or change their status' : 'Remove senders',
      description:
        `JSON: one sender, or a list of \`senders\`; application/x-ndjson: one a line; text/csv: ` +
        `\`${COLUMNS.join(',')}\` a line, with the account in the query ("*": all). At most ${ENTRIES_MAX}; all or ` +
        'nothing. One registration each of account, sender (whatever its case), class, country and operator (MCC and ' +
        'MNC of which numbers are known, else 409, or MCC alone); what is absent is any, and a class is one that there ' +
        'is. Status: pending, approved, blocked.',
      tags: ['senders'],
      querystring: z.object({ account: z.string().min(1).max(64).optional() }),
      response: { 200: z.object({ changed: z.int(), ...inForceShape }) },
    },
    handler: async (request) => {
      const entries = entriesOf(request.body, 'senders', COLUMNS);
      const query = request.query as { readonly account?: string };
      const classes = isPut ? await classNames(deps) : undefined;
      const given = await eachChecked(entries, (entry) => senderOf(entry, query.account, classes));
      const ids = new Map<string, SenderSetting['account']>();
      for (const { account } of given)
        if (!ids.has(account)) ids.set(account, await accountNamed(deps, account));
      const settings = given.map(({ account, ...one }) => ({
        ...one,
        account: ids.get(account) ?? badAccount(account),
      }));
      const changed = await put(deps, actorOf(request), settings, isPut);
      return { changed, ...(await inForce(deps, SENDER_CHANNEL)) };
    },
  });
}

async function put(
  deps: ApiDeps,
  actor: string,
  settings: readonly SenderSetting[],
  isPut: boolean,
): Promise<number> {
  return inTransaction(deps.pool, async (client) => {
    if (isPut && (await countSenders(client)) + settings.length > SENDERS_MAX)
      throw conflict('too-many-senders', `there may be ${SENDERS_MAX} at the most`);
    if (isPut)
      await needKnownNetworks(
        client,
        settings.map(({ operator }) => operator),
      );
    const changed = await putSenders(client, settings);
    const [first] = settings;
    if (changed > 0 && first !== undefined)
      await writeAudit(client, {
        actor,
        action: isPut ? 'senders.put' : 'senders.remove',
        subject: settings.length === 1 ? first.sender : null,
        detail: {
          changed,
          ...(settings.length === 1 && { status: first.status, note: first.note }),
        },
      });
    return changed;
  });
}

const entrySchema = z.strictObject({
  account: z.string().min(1).max(64).optional(),
  sender: z.string().min(1).max(21),
  status: z.enum(['pending', 'approved', 'blocked']).optional(),
  class: z.string().min(1).max(64).optional(),
  country: country.optional(),
  operator: networkCode.optional(),
  from: instant.optional(),
  until: instant.optional(),
  note: z.string().max(500).optional(),
});

type Given = Omit<SenderSetting, 'account'> & { readonly account: string };

/** @param classes that there are; undefined: it is to be removed, whatever its class */
function senderOf(
  entry: unknown,
  ofQuery: string | undefined,
  classes: ReadonlySet<string> | undefined,
): Given | { readonly wrong: string } {
  const parsed = entrySchema.safeParse(entry);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return { wrong: `${issue?.path.join('.') || 'it'}: ${issue?.message ?? 'is no sender'}` };
  }
  const { account = ofQuery, sender, status, class: trafficClass = '', ...rest } = parsed.data;
  if (account === undefined) return { wrong: 'needs an account, or "*"' };
  const form = checkSender(sender, 0, 0);
  if ('malformed' in form) return { wrong: form.malformed };
  if (classes !== undefined && status === undefined) return { wrong: 'needs a status' };
  if (trafficClass !== '' && classes?.has(trafficClass) === false)
    return { wrong: noSuchClass(trafficClass) };
  return {
    account,
    sender: form.addr,
    trafficClass,
    country: rest.country ?? '',
    operator: rest.operator ?? '',
    status: classes === undefined ? 'removed' : (status ?? 'pending'),
    from: rest.from,
    until: rest.until,
    note: rest.note,
  };
}

function badAccount(name: string): never {
  throw badRequest(`there is no account ${name}`);
}

const senderSchema = z.object({
  account: z.string(),
  sender: z.string(),
  status: z.string(),
  class: z.string().optional(),
  country: z.string().optional(),
  operator: z.string().optional(),
  from: z.iso.datetime().optional(),
  until: z.iso.datetime().optional(),
  note: z.string().optional(),
  at: z.iso.datetime(),
});
const listSchema = z.object({ senders: z.array(senderSchema), next: z.int().optional() });

function bodyOf(account: string, row: StoredSender): z.output<typeof senderSchema> {
  const { sender, status, trafficClass, country, operator, from, until, note, at } = row;
  return {
    account,
    sender,
    status,
    ...(trafficClass && { class: trafficClass }),
    ...(country && { country }),
    ...(operator && { operator }),
    from,
    until,
    note,
    at: at.toISOString(),
  };
}
