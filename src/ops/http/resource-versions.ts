import { z } from 'zod';
import { BUILT_IN_POLICIES, type ResourceKind } from '../../domain/resources.ts';
import {
  type ListVersion,
  listResourceVersions,
  listsOfPolicyVersion,
  type ResourceVersion,
  readResourceVersion,
  type VersionContent,
} from '../../store/resource-versions.ts';
import { readSnapshot } from '../../store/snapshot.ts';
import { type Api, type ApiDeps, nameParams } from './api.ts';
import { notFound, Problem } from './problem.ts';

/** What is shown by version, by its place in the path: what messages record the versions of, and the lists of policies. */
const KINDS = [
  { path: 'policies', kind: 'policies', what: 'policy', tag: 'policies' },
  { path: 'word-lists', kind: 'wordLists', what: 'word list', tag: 'policies' },
  { path: 'tariffs', kind: 'tariffs', what: 'tariff', tag: 'resources' },
  { path: 'terms', kind: 'terms', what: 'terms', tag: 'resources' },
] as const;

type Kind = (typeof KINDS)[number];

/** The version of what exists without being stored: see compile-catalog.ts. */
const BUILT_IN = 0;
/** A version is an integer of the store. */
const VERSION_MAX = 2 ** 31 - 1;

/** Versions of policies, word lists, tariffs and terms: which there were, and what each of them said. */
export function addResourceVersionRoutes(app: Api, deps: ApiDeps): void {
  for (const kind of KINDS) {
    addListing(app, deps, kind);
    addShowing(app, deps, kind);
  }
}

function addListing(app: Api, deps: ApiDeps, { path, kind, what, tag }: Kind): void {
  app.get(
    `/v1/${path}/:name/versions`,
    {
      schema: {
        summary: `The versions of a ${what}, newest first`,
        tags: [tag],
        params: nameParams,
        querystring: z.object({
          before: z.coerce
            .number()
            .int()
            .min(1)
            .max(VERSION_MAX)
            .optional()
            .describe('only older ones: the last version of the page before'),
          limit: z.coerce.number().int().min(1).max(1000).default(100),
        }),
        response: { 200: listSchema },
      },
    },
    async (request) => {
      const { name } = request.params;
      const { before, limit } = request.query;
      return readSnapshot(deps.pool, async (client) => {
        const [newest] = await listResourceVersions(client, kind, name, 1);
        const isBuiltIn = builtIn(kind, name) !== undefined;
        if (newest === undefined && !isBuiltIn) throw notFound(what, name);
        const versions = await listResourceVersions(client, kind, name, limit, before);
        const isLast = isBuiltIn && versions.length < limit;
        const inForce = newest?.removed === false ? newest.version : isBuiltIn && BUILT_IN;
        return {
          name,
          ...(inForce !== false && { inForce }),
          versions: [
            ...versions.map(lineOf),
            ...(isLast ? [{ version: BUILT_IN, removed: false }] : []),
          ],
        };
      });
    },
  );
}

function addShowing(app: Api, deps: ApiDeps, { path, kind, what, tag }: Kind): void {
  app.get(
    `/v1/${path}/:name/versions/:version`,
    {
      schema: {
        summary: `What a ${what} said in one of its versions, when, and who made it`,
        ...(kind === 'policies' && { description: OF_POLICIES }),
        tags: [tag],
        params: nameParams.extend({ version: z.coerce.number().int().min(0).max(VERSION_MAX) }),
        response: { 200: kind === 'policies' ? policySchema : contentSchema },
      },
    },
    async (request) => {
      const { name, version } = request.params;
      return readSnapshot(deps.pool, async (client) => {
        const own = version === BUILT_IN ? builtIn(kind, name) : undefined;
        if (own !== undefined) return { name, version, spec: own, wordLists: [] };
        const found = await readResourceVersion(client, kind, name, version);
        if (found === undefined)
          throw new Problem(
            404,
            'version-not-found',
            `there is no version ${version} of ${what} ${JSON.stringify(name)}`,
          );
        if (kind !== 'policies') return contentOf(found);
        const lists = await listsOfPolicyVersion(client, name, version);
        return { ...contentOf(found), wordLists: lists.map(listBody) };
      });
    },
  );
}

const OF_POLICIES =
  '`wordLists`: the versions of the lists that it judged by. Several of one name, under a version from before policies ' +
  'changed with their lists: the newest whose `from` is before a message judged it.';

function builtIn(kind: ResourceKind, name: string) {
  return kind === 'policies' ? BUILT_IN_POLICIES.get(name) : undefined;
}

const lineSchema = z.object({
  version: z.int(),
  from: z.iso.datetime().optional().describe('absent: built in'),
  actor: z.string().optional(),
  removed: z.boolean(),
});
const listSchema = z.object({
  name: z.string(),
  inForce: z.int().optional().describe('absent: it was removed'),
  versions: z.array(lineSchema),
});
const contentSchema = z.object({
  name: z.string(),
  version: z.int(),
  from: z.iso.datetime().optional().describe('since when it was in force; absent: built in'),
  until: z.iso.datetime().optional().describe('absent: it is in force'),
  actor: z.string().optional(),
  spec: z.unknown().describe('as in the resources file'),
});
const policySchema = contentSchema.extend({
  wordLists: z.array(z.object({ name: z.string(), version: z.int(), from: z.iso.datetime() })),
});

function lineOf({ version, at, actor, removed }: ResourceVersion): z.output<typeof lineSchema> {
  return { version, from: at.toISOString(), ...(actor !== undefined && { actor }), removed };
}

function contentOf({
  name,
  version,
  from,
  until,
  actor,
  spec,
}: VersionContent<Kind['kind']>): z.output<typeof contentSchema> {
  return {
    name,
    version,
    from: from.toISOString(),
    ...(until !== undefined && { until: until.toISOString() }),
    ...(actor !== undefined && { actor }),
    spec,
  };
}

function listBody({ name, version, from }: ListVersion) {
  return { name, version, from: from.toISOString() };
}
