import { z } from 'zod';
import { resourceSetOf } from '../../domain/resources.ts';
import type { WordListSpec } from '../../domain/word-list-schema.ts';
import { categoriesOf, parseWords } from '../../domain/words/parse-words.ts';
import { loadResources } from '../../store/resource-rows.ts';
import { type Applied, type ApplyErrors, applyResources } from '../../store/resources.ts';
import { readResourcesFile } from '../resources-reader.ts';
import { type Api, type ApiDeps, actorOf, nameParams } from './api.ts';
import { badRequest, conflict, notFound } from './problem.ts';

/** 8 MiB of words and their JSON: some 500,000 entries. */
const BODY_MAX_OCTETS = 12 * 1024 * 1024;

/** Word lists one by one, beside the resources file: list, read, put and remove. */
export function addWordListRoutes(app: Api, deps: ApiDeps): void {
  addReading(app, deps);
  addPutting(app, deps);
  app.delete(
    '/v1/word-lists/:name',
    {
      schema: {
        summary: 'Remove a word list that no policy uses',
        tags: ['policies'],
        params: nameParams,
        response: { 200: z.object({ changed: z.boolean() }) },
      },
    },
    async (request) => {
      const { name } = request.params;
      const known = resourceSetOf(await loadResources(deps.pool)).wordLists;
      if (!known.has(name)) throw notFound('word list', name);
      return change(deps, actorOf(request), name, undefined);
    },
  );
}

function addReading(app: Api, deps: ApiDeps): void {
  app.get(
    '/v1/word-lists',
    {
      schema: {
        summary: 'The word lists, their entries by category',
        tags: ['policies'],
        response: { 200: z.object({ wordLists: z.array(summarySchema) }) },
      },
    },
    async () => {
      const { wordLists } = resourceSetOf(await loadResources(deps.pool));
      return { wordLists: [...wordLists].map(([name, spec]) => summaryOf(name, spec)) };
    },
  );
  app.get(
    '/v1/word-lists/:name',
    {
      schema: {
        summary: 'One word list with its words, a line each',
        tags: ['policies'],
        params: nameParams,
        response: { 200: summarySchema.extend({ words: z.string() }) },
      },
    },
    async (request) => {
      const { name } = request.params;
      const spec = resourceSetOf(await loadResources(deps.pool)).wordLists.get(name);
      if (spec === undefined) throw notFound('word list', name);
      return { ...summaryOf(name, spec), words: spec.words };
    },
  );
}

function addPutting(app: Api, deps: ApiDeps): void {
  app.put(
    '/v1/word-lists/:name',
    {
      bodyLimit: BODY_MAX_OCTETS,
      schema: {
        summary: 'Make a word list, or put these words in place of its own',
        description:
          '`words`: a list, or one text with a word or phrase a line, `[category]` headings, `=exact` and `!never` lines. ' +
          'Without an entry only where `empty=true` asks for it: rules about it would find nothing.',
        tags: ['policies'],
        params: nameParams,
        querystring: z.object({ empty: z.stringbool().default(false) }),
        body: z.record(z.string(), z.unknown()),
        response: { 200: z.object({ changed: z.boolean() }) },
      },
    },
    async (request) => {
      const { name } = request.params;
      const file = JSON.stringify({ wordLists: { [name]: request.body } });
      const read = await readResourcesFile(file);
      if ('errors' in read)
        throw badRequest(
          'the word list is not valid',
          read.errors.map(({ key, message }) => ({ at: key, message })),
        );
      const spec = read.ok.wordLists?.get(name);
      const { empty } = request.query;
      if (!empty && spec !== undefined && categoriesOf(spec.words, spec.category).size === 0)
        throw badRequest(
          `the list ${name} would have no entries, and rules about it find nothing: ${EMPTY_ALLOWED}`,
        );
      return change(deps, actorOf(request), name, spec);
    },
  );
}

/** Whoever empties a list reads what he can do: the option of the command, the query parameter of HTTP. */
const EMPTY_ALLOWED = 'if that is meant, --empty (over HTTP ?empty=true) lets it pass';

const summarySchema = z.object({
  name: z.string(),
  language: z.string(),
  category: z.string(),
  entries: z.number(),
  categories: z.record(z.string(), z.number()),
});

function summaryOf(name: string, spec: WordListSpec): z.output<typeof summarySchema> {
  const categories: Record<string, number> = {};
  let entries = 0;
  for (const entry of parseWords(spec.words, spec.category)) {
    categories[entry.category] = (categories[entry.category] ?? 0) + 1;
    entries += 1;
  }
  return { name, language: spec.language, category: spec.category, entries, categories };
}

/** Stores one list (undefined: removes it) as an apply of its own, and brings it into force. */
async function change(
  deps: ApiDeps,
  actor: string,
  name: string,
  spec: WordListSpec | undefined,
): Promise<{ changed: boolean }> {
  const file = deps.runtime.facts.resourcesFile;
  if (file !== undefined)
    throw conflict(
      'resources-file-set',
      `the resources come from ${file}: change it there and send SIGHUP`,
    );
  const result: Applied | ApplyErrors = await applyResources(deps.pool, deps.secrets, {
    actor,
    dryRun: false,
    next: (current) => {
      const wordLists = new Map(current.wordLists);
      if (spec === undefined) wordLists.delete(name);
      else wordLists.set(name, spec);
      return { ok: { wordLists } };
    },
  });
  if ('errors' in result)
    throw conflict(
      'word-list-in-use',
      result.errors.map(({ key, message }) => `${key} ${message}`).join('; '),
    );
  if (result.changed) await deps.runtime.catalogChanged();
  return { changed: result.changed };
}
