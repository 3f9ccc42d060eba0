import { z } from 'zod';
import { parseTariffCsv, tariffCsv } from '../../domain/tariff-csv.ts';
import { loadResources } from '../../store/resource-rows.ts';
import { applyResources } from '../../store/resources.ts';
import { type Api, type ApiDeps, actorOf, nameParams } from './api.ts';
import { conflict, notFound } from './problem.ts';
import { faultsProblem } from './resources.ts';

/** 16 MiB: some 500,000 rows. */
const FILE_MAX_OCTETS = 16 * 1024 * 1024;

/** Tariffs as CSV: out, and in again with a diff, whether or not it is applied. */
export function addTariffRoutes(app: Api, deps: ApiDeps): void {
  addExport(app, deps);
  app.register(async (scope: Api) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(
      ['text/csv', 'text/plain'],
      { parseAs: 'string', bodyLimit: FILE_MAX_OCTETS },
      (_request, body, done) => done(null, body),
    );
    addImport(scope, deps);
  });
}

function addExport(app: Api, deps: ApiDeps): void {
  app.get(
    '/v1/tariffs/:name',
    {
      schema: {
        summary: 'A tariff as CSV, a price a row',
        tags: ['resources'],
        params: nameParams,
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      const found = (await loadResources(deps.pool)).tariffs.find((each) => each.name === name);
      if (found === undefined) throw notFound('tariff', name);
      return reply.type('text/csv').serializer(String).send(tariffCsv(found.spec));
    },
  );
}

function addImport(app: Api, deps: ApiDeps): void {
  app.put(
    '/v1/tariffs/:name',
    {
      bodyLimit: FILE_MAX_OCTETS,
      schema: {
        summary: 'Replace the prices of a tariff by those of a CSV file, or make it',
        description:
          'Columns by heading: prefix or network, class, sender, from, until, price. Accepted messages keep their price. ' +
          '422 names each fault with its line, and each price that changes by changeMax (10) times or more.',
        tags: ['resources'],
        params: nameParams,
        querystring: z.object({
          dryRun: z.enum(['true', 'false']).default('false'),
          allowLargeChanges: z.enum(['true', 'false']).default('false'),
        }),
        response: { 200: importedSchema },
      },
    },
    async (request) => {
      const { name } = request.params;
      const dryRun = request.query.dryRun === 'true';
      const file = deps.runtime.facts.resourcesFile;
      if (file !== undefined && !dryRun) {
        const reason = `the resources come from ${file}: change it there and send SIGHUP`;
        throw conflict('resources-file-set', reason);
      }
      const text = typeof request.body === 'string' ? request.body : '';
      const result = await applyResources(deps.pool, deps.secrets, {
        next: ({ tariffs }) => {
          const parsed = parseTariffCsv(text, tariffs.get(name));
          if ('errors' in parsed) throw faultsProblem(parsed.errors);
          return { ok: { tariffs: new Map(tariffs).set(name, parsed.ok) } };
        },
        actor: actorOf(request),
        dryRun,
        allowLargeChanges: request.query.allowLargeChanges === 'true',
      });
      if ('errors' in result) {
        const faults = result.errors.map(({ key, message }) => ({ line: undefined, key, message }));
        throw faultsProblem(faults);
      }
      if (result.changed && !dryRun) await deps.runtime.catalogChanged();
      const change = result.changes.find((each) => each.name === name);
      const fields = change !== undefined && change.action !== 'remove' ? change.fields : [];
      return {
        version: String(result.version),
        applied: result.changed && !dryRun,
        lines: result.lines,
        prices: fields.map(({ path, before, after }) => ({
          price: path,
          before: before === undefined ? null : unquoted(before),
          after: after === undefined ? null : unquoted(after),
        })),
      };
    },
  );
}

const importedSchema = z.object({
  version: z.string(),
  applied: z.boolean(),
  lines: z.array(z.string()),
  prices: z.array(
    z.object({ price: z.string(), before: z.string().nullable(), after: z.string().nullable() }),
  ),
});

function unquoted(text: string): string {
  return String(JSON.parse(text));
}
