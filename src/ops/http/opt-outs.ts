import { z } from 'zod';
import type { AccountId } from '../../domain/ids.ts';
import { normaliseDestination } from '../../domain/msisdn.ts';
import { findAccountId } from '../../store/accounts.ts';
import { writeAudit } from '../../store/audit.ts';
import { countOptOuts, listOptOuts, type OptOut, setOptOuts } from '../../store/opt-outs.ts';
import { inTransaction } from '../../store/pool.ts';
import { type Api, type ApiDeps, actorOf } from './api.ts';
import { badRequest, conflict, notFound } from './problem.ts';

/** Numbers in one request: some 150 KB. Larger lists go in several. */
const NUMBERS_MAX = 10_000;
const BODY_MAX_OCTETS = 1024 * 1024;
/** What every node holds in memory at the most (gateway/opt-out-set.ts: half of 2^23 slots). */
const OPT_OUTS_MAX = 4_000_000;
/** SMPP 3.4 §5.2.5 and §5.2.6. */
const TON_INTERNATIONAL = 1;
const NPI_ISDN = 1;

/** The numbers that want no messages of an account: list, add, remove, one or many at once. */
export function addOptOutRoutes(app: Api, deps: ApiDeps): void {
  addListing(app, deps);
  addSetting(app, deps, true);
  addSetting(app, deps, false);
}

function addListing(app: Api, deps: ApiDeps): void {
  app.get(
    '/v1/opt-outs',
    {
      schema: {
        summary: 'List the opt-outs of an account, or look one number up',
        tags: ['opt-outs'],
        querystring: z.object({
          account: z.string().min(1).max(64),
          number: z.string().max(20).optional(),
          after: z
            .string()
            .regex(/^[0-9a-f]{0,32}$/)
            .default('')
            .describe('`next` of the page before'),
          limit: z.coerce.number().int().min(1).max(NUMBERS_MAX).default(1000),
        }),
        response: { 200: listSchema },
      },
    },
    async (request) => {
      const { account, number, after, limit } = request.query;
      const id = await accountOf(deps, account);
      const hashes =
        number === undefined ? undefined : hashesOf(deps, numberOf(number, 'querystring.number'));
      const page = { after: Buffer.from(after, 'hex'), limit: limit + 1, hashes };
      const rows = await listOptOuts(deps.pool, id, page);
      const shown = rows.slice(0, limit);
      return {
        optOuts: shown.map((row) => bodyOf(deps, account, row)),
        ...(rows.length > limit && { next: shown.at(-1)?.hash.toString('hex') }),
      };
    },
  );
}

function addSetting(app: Api, deps: ApiDeps, out: boolean): void {
  app.route({
    method: out ? 'PUT' : 'DELETE',
    url: '/v1/opt-outs',
    bodyLimit: BODY_MAX_OCTETS,
    schema: {
      summary: out ? 'Opt numbers out of an account' : 'Opt numbers in again',
      description: `One \`number\` or up to ${NUMBERS_MAX} \`numbers\`; \`changed\` are those that were not so before.`,
      tags: ['opt-outs'],
      body: settingSchema,
      response: { 200: z.object({ account: z.string(), changed: z.int() }) },
    },
    handler: async (request) => {
      const body = request.body as z.output<typeof settingSchema>;
      const id = await accountOf(deps, body.account);
      const numbers = body.numbers ?? [body.number ?? ''];
      const wanted = numbers.map((number, i) =>
        numberOf(number, body.numbers === undefined ? 'body.number' : `body.numbers.${i}`),
      );
      const changed = await set(deps, actorOf(request), { ...body, id }, wanted, out);
      return { account: body.account, changed };
    },
  });
}

async function set(
  deps: ApiDeps,
  actor: string,
  account: { readonly account: string; readonly id: AccountId },
  numbers: readonly string[],
  out: boolean,
): Promise<number> {
  return inTransaction(deps.pool, async (client) => {
    if (out && (await countOptOuts(client)) + numbers.length > OPT_OUTS_MAX)
      throw conflict('too-many-opt-outs', `there may be ${OPT_OUTS_MAX} opt-outs at the most`);
    // In again it must be found under each key that it may stand under.
    const settings = numbers.flatMap((number) =>
      (out ? hashesOf(deps, number).slice(0, 1) : hashesOf(deps, number)).map((hash) => ({
        hash,
        sealed: deps.numbers.seal(number),
      })),
    );
    const changed = await setOptOuts(client, account.id, settings, out);
    if (changed > 0)
      await writeAudit(client, {
        actor,
        action: out ? 'optOuts.add' : 'optOuts.remove',
        subject: account.account,
        detail: { changed },
      });
    return changed;
  });
}

const settingSchema = z
  .strictObject({
    account: z.string().min(1).max(64),
    number: z.string().min(1).max(20).optional(),
    numbers: z.array(z.string().min(1).max(20)).min(1).max(NUMBERS_MAX).optional(),
  })
  .refine(({ number, numbers }) => (number === undefined) !== (numbers === undefined), {
    error: 'needs either number or numbers',
  });

const optOutSchema = z.object({
  account: z.string(),
  number: z.string(),
  source: z.string().describe('message: the subscriber wrote; operator: through this API'),
  at: z.iso.datetime(),
});
const listSchema = z.object({ optOuts: z.array(optOutSchema), next: z.string().optional() });

function bodyOf(deps: ApiDeps, account: string, row: OptOut): z.output<typeof optOutSchema> {
  const { source, at } = row;
  return { account, number: deps.numbers.open(row.number), source, at: at.toISOString() };
}

async function accountOf(deps: ApiDeps, name: string): Promise<AccountId> {
  const id = await findAccountId(deps.pool, name);
  if (id === undefined) throw notFound('account', name);
  return id;
}

function hashesOf(deps: ApiDeps, msisdn: string): Buffer[] {
  return [deps.hashDestination(msisdn)].flat();
}

/** A number in international form; in a query "+" arrives as a blank. */
function numberOf(text: string, at: string): string {
  const number = normaliseDestination(text.replace(/^ /, '+'), TON_INTERNATIONAL, NPI_ISDN);
  if ('malformed' in number) throw badRequest(`${at}: ${number.malformed}`);
  return number.msisdn;
}
