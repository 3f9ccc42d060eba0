import type { ClientBase } from 'pg';
import { z } from 'zod';
import type { AccountId } from '../../domain/ids.ts';
import { CONSENT_EVIDENCE, type EvidenceField, evidenceBits } from '../../domain/rules/consent.ts';
import { RECIPIENTS_MAX } from '../../gateway/recipient-set.ts';
import { TimestampColumn } from '../../store/arrays.ts';
import { writeAudit } from '../../store/audit.ts';
import {
  CONSENT_CHANNEL,
  type Consent,
  type ConsentSettings,
  giveNewConsents,
  listConsents,
  setConsents,
} from '../../store/consents.ts';
import { inTransaction } from '../../store/pool.ts';
import { countRecipients, scopeIds } from '../../store/recipient-scopes.ts';
import { readPolicyOf } from '../../store/resource-rows.ts';
import { SEALED_NUMBER_OCTETS } from '../../store/sealing.ts';
import { type Api, type ApiDeps, actorOf } from './api.ts';
import {
  accountNamed,
  addBulkScope,
  classNames,
  EVERY_ACCOUNT,
  eachChecked,
  entriesOf,
} from './bulk.ts';
import { ConsentColumns, type ToldOrigin } from './consent-columns.ts';
import { consentOf, type TakenConsents } from './consent-entry.ts';
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

/** How far the clock of whoever tells of a consent may be ahead: a day, which a wrong time zone is less than. */
const SKEW_MS = 86_400_000;
const COLUMNS = ['number', 'class', 'textVersion', 'source', 'at', 'evidence'];

/** The numbers that allowed messages of an account: list, give, withdraw, one or many at once. */
export function addConsentRoutes(app: Api, deps: ApiDeps): void {
  addListing(app, deps);
  addBulkScope(
    app,
    (scope) => {
      addSetting(scope, deps, true);
      addSetting(scope, deps, false);
    },
    LINES_MAX_OCTETS,
  );
}

function addListing(app: Api, deps: ApiDeps): void {
  app.get(
    '/v1/consents',
    {
      schema: {
        summary: 'List the consents of an account with their evidence, or look one number up',
        tags: ['consents'],
        querystring: recipientQuery,
        response: { 200: listSchema },
      },
    },
    async (request) => {
      const { account } = request.query;
      const { shown, ...next } = await recipientPage(deps, request.query, (id, query) =>
        listConsents(deps.pool, id, query),
      );
      const needed = await evidenceNeeded(deps, account);
      return { consents: shown.map((row) => bodyOf(deps, account, row, needed)), ...next };
    },
  );
}

function addSetting(app: Api, deps: ApiDeps, given: boolean): void {
  app.route({
    method: given ? 'PUT' : 'DELETE',
    url: '/v1/consents',
    schema: {
      summary: given ? 'Note that numbers allowed messages' : 'Note that they no longer do',
      description:
        `JSON: one consent, or a list of \`consents\`; application/x-ndjson: one a line; text/csv: ` +
        `\`${COLUMNS.join(',')}\` a line, with the account in the query. At most ${NUMBERS_MAX} (JSON: 8 MiB); all or ` +
        `nothing up to ${STORED_AT_ONCE}, beyond it in several commits: after a failure send them again. ` +
        'Without `class`, which is one that there is, a consent is about all messages of the account; its `at` is at most ' +
        'a day ahead. `changed` are those that are new, other than ' +
        'before, or withdrawn. What the `evidence` of a consent rule of the account names must be there; consents given ' +
        'before that do not have it stay, and do not count there.',
      tags: ['consents'],
      querystring: z.object({ account: z.string().min(1).max(64).optional() }),
      response: { 200: z.object({ account: z.string(), changed: z.int(), ...inForceShape }) },
    },
    handler: async (request) => {
      const entries = entriesOf(request.body, 'consents', COLUMNS);
      const query = request.query as { readonly account?: string };
      const [first] = entries;
      const account = query.account ?? accountIn(first?.entry);
      if (account === undefined || account === EVERY_ACCOUNT)
        throw badRequest('account: needs the name of an account');
      const id = await accountNamed(deps, account);
      const nowMs = deps.now();
      const taken = given ? await takenOf(deps, account, nowMs) : ANY;
      const columns = new ConsentColumns();
      const take = (entry: unknown) => {
        const consent = consentOf(entry, account, taken);
        if ('wrong' in consent) return consent;
        const { msisdn, told } = consent;
        columns.add(told, nowMs, given ? seal(deps, msisdn, told.evidence) : undefined);
        return msisdn;
      };
      const numbers = await eachChecked(entries, take, NUMBERS_MAX);
      const what = { account, id, given };
      const changed = await set(deps, actorOf(request), what, numbers, columns);
      return { account, changed, ...(await inForce(deps, CONSENT_CHANNEL)) };
    },
  });
}

interface Setting {
  readonly account: string;
  readonly id: AccountId;
  readonly given: boolean;
}

async function set(
  deps: ApiDeps,
  actor: string,
  what: Setting,
  numbers: readonly string[],
  columns: ConsentColumns,
): Promise<number> {
  // Before the lock is taken: hashing and sealing of one request go on while another one is written.
  const classOf = (nth: number) => columns.originOf(nth).class;
  const run = await HashRun.of(deps, numbers, what.given, classOf);
  let changed = 0;
  for (const part of run.commits()) changed += await store(deps, actor, what, part, columns);
  return changed;
}

async function store(
  deps: ApiDeps,
  actor: string,
  { account, id, given }: Setting,
  part: HashedPart,
  columns: ConsentColumns,
): Promise<number> {
  return inTransaction(deps.pool, async (client) => {
    if (given && (await countRecipients(client, 'consents')) + part.length > RECIPIENTS_MAX)
      throw conflict('too-many-consents', `there may be ${RECIPIENTS_MAX} consents at the most`);
    const scopes = await scopesOf(client, columns.classes());
    const settings = () => settingsOf(part, columns, scopes);
    const added = given && part.isLong ? await giveNewConsents(client, id, settings()) : undefined;
    const changed = added ?? (await setConsents(client, { account: id, given }, settings()));
    if (changed > 0)
      await writeAudit(client, {
        actor,
        action: given ? 'consents.give' : 'consents.withdraw',
        subject: account,
        detail: { changed },
      });
    return changed;
  });
}

async function scopesOf(
  client: ClientBase,
  classes: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const asked = classes.map((trafficClass) => ({ sender: '', trafficClass }));
  const ids = await scopeIds(client, asked);
  if (ids === undefined) throw conflict('too-many-scopes', 'too many senders and classes');
  return new Map(classes.map((name, i) => [name, ids[i] ?? 0]));
}

function* settingsOf(
  part: HashedPart,
  columns: ConsentColumns,
  scopes: ReadonlyMap<string, number>,
): Generator<ConsentSettings> {
  for (const { nths, hashes, sealed } of part) {
    const ats = new TimestampColumn();
    ats.begin(nths.length);
    const originOf: number[] = [];
    const places = new Map<ToldOrigin, number>();
    for (const nth of nths) {
      const origin = columns.originOf(nth);
      const place = places.get(origin) ?? places.size;
      places.set(origin, place);
      originOf.push(place);
      ats.push(columns.atMs(nth));
    }
    yield {
      hashes,
      sealed: sealed((nth) => columns.sealed(nth)),
      ats: ats.end(),
      originOf,
      origins: Array.from(places.keys(), (origin) => ({
        ...origin,
        scope: scopes.get(origin.class) ?? 0,
      })),
    };
  }
}

function accountIn(entry: unknown): string | undefined {
  if (typeof entry !== 'object' || entry === null || !('account' in entry)) return undefined;
  return typeof entry.account === 'string' ? entry.account : undefined;
}

/** Withdrawn is whatever there is. */
const ANY: TakenConsents = { needed: [], classes: undefined, latestMs: Number.POSITIVE_INFINITY };

async function takenOf(deps: ApiDeps, account: string, nowMs: number): Promise<TakenConsents> {
  return {
    needed: await evidenceNeeded(deps, account),
    classes: await classNames(deps),
    latestMs: nowMs + SKEW_MS,
  };
}

/** What the rules of an account's policy ask of a consent. */
async function evidenceNeeded(deps: ApiDeps, account: string): Promise<readonly EvidenceField[]> {
  const policy = await readPolicyOf(deps.pool, account);
  return [...new Set(policy?.spec.rules.flatMap((rule) => rule.consent?.evidence ?? []))];
}

/** The number with its evidence, where there is some: a number alone is sealed with the others of the list. */
function seal(
  { sealing }: ApiDeps,
  number: string,
  evidence: string | undefined,
): Buffer | undefined {
  if (evidence === undefined) return undefined;
  return sealing.sealRecord(Buffer.from(JSON.stringify({ number, evidence })));
}

function unseal({ sealing }: ApiDeps, sealed: Buffer): z.output<typeof sealedSchema> {
  const isNumber = sealed.length === SEALED_NUMBER_OCTETS;
  if (isNumber) return { number: sealing.openNumber(sealed) };
  return sealedSchema.parse(JSON.parse(sealing.openRecord(sealed).toString()));
}

const consentSchema = z.object({
  account: z.string(),
  number: z.string(),
  class: z.string().optional(),
  textVersion: z.string(),
  source: z.string(),
  at: z.iso.datetime(),
  evidence: z.string().optional(),
  lacks: z
    .array(z.enum(CONSENT_EVIDENCE))
    .optional()
    .describe('of what a rule of the account asks for: it does not count there'),
});
const listSchema = z.object({ consents: z.array(consentSchema), next: z.string().optional() });
const sealedSchema = z.object({ number: z.string(), evidence: z.string().optional() });

function bodyOf(
  deps: ApiDeps,
  account: string,
  row: Consent,
  needed: readonly EvidenceField[],
): z.output<typeof consentSchema> {
  const lacks = needed.filter(
    (field) => (row.evidence & evidenceBits((one) => one === field)) === 0,
  );
  const { number, evidence } = unseal(deps, row.sealed);
  return {
    account,
    number,
    ...(row.trafficClass && { class: row.trafficClass }),
    textVersion: row.textVersion,
    source: row.source,
    at: row.at.toISOString(),
    ...(evidence !== undefined && { evidence }),
    ...(lacks.length > 0 && { lacks }),
  };
}
