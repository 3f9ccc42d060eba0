import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { type ApplyFault, applyText, countOpenings, exportText, faultText } from '../apply.ts';
import { type Api, type ApiDeps, actorOf } from './api.ts';
import { conflict, Problem } from './problem.ts';

/** 8 MiB: some thousands of accounts. Larger files go through RESOURCES_FILE. */
const FILE_MAX_OCTETS = 8 * 1024 * 1024;

/** Media types in which a resource file may come; all are read as YAML, of which JSON is a part. */
const FILE_TYPES = [
  'application/yaml',
  'application/x-yaml',
  'text/yaml',
  'text/plain',
  'application/json',
];

/**
 * PUT and GET /v1/resources. PUT takes the file as YAML or JSON; `?dryRun=true` only says what it would do. It is 409
 * while RESOURCES_FILE is set: two masters would undo each other.
 */
export function addResourceRoutes(app: Api, deps: ApiDeps): void {
  app.register(async (scope: Api) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(
      FILE_TYPES,
      { parseAs: 'string', bodyLimit: FILE_MAX_OCTETS },
      (_request, body, done) => done(null, body),
    );
    scope.put(
      '/v1/resources',
      {
        bodyLimit: FILE_MAX_OCTETS,
        schema: {
          summary: 'Apply a resource file, all or nothing',
          description:
            'Body: the file, YAML or JSON. 422 names every fault with its line; nothing is changed then.',
          tags: ['resources'],
          querystring: z.object({
            dryRun: z.enum(['true', 'false']).default('false'),
            allowLargeChanges: z
              .enum(['true', 'false'])
              .default('false')
              .describe('prices may change by changeMax times and more'),
          }),
          response: { 200: appliedSchema },
        },
      },
      async (request) => {
        const file = deps.runtime.facts.resourcesFile;
        const dryRun = request.query.dryRun === 'true';
        if (file !== undefined && !dryRun) {
          throw conflict(
            'resources-file-set',
            `the resources come from ${file}: change it there and send SIGHUP`,
          );
        }
        const text = typeof request.body === 'string' ? request.body : '';
        const result = await applyText(deps.pool, deps.secrets, {
          text,
          actor: actorOf(request),
          dryRun,
          allowLargeChanges: request.query.allowLargeChanges === 'true',
        });
        if ('faults' in result) throw faultsProblem(result.faults);
        countOpenings(deps.metrics, result);
        if (result.changed && !dryRun) await deps.runtime.catalogChanged();
        return {
          version: String(result.version),
          applied: result.changed && !dryRun,
          changes: result.changes.map(({ kind, name, action }) => ({ kind, name, action })),
          lines: result.lines,
          notInFile: result.notInFile,
          generated: result.generated,
        };
      },
    );
  });
  app.get(
    '/v1/resources',
    {
      schema: {
        summary: 'Export the resources; applied again they change nothing',
        description: 'JSON, or YAML with Accept: application/yaml. Passwords are hashed or sealed.',
        tags: ['resources'],
      },
    },
    async (request, reply) => {
      const text = await exportText(deps.pool);
      if (request.headers.accept?.includes('yaml') === true) {
        return reply.type('application/yaml').serializer(String).send(text);
      }
      return parseYaml(text);
    },
  );
}

const appliedSchema = z.object({
  version: z.string(),
  applied: z.boolean(),
  changes: z.array(z.object({ kind: z.string(), name: z.string(), action: z.string() })),
  lines: z.array(z.string()),
  notInFile: z.array(z.string()),
  generated: z.array(z.object({ kind: z.string(), name: z.string(), password: z.string() })),
});

/** 422 with every fault. */
export function faultsProblem(faults: readonly ApplyFault[]): Problem {
  return new Problem(422, 'resources-invalid', faults.map(faultText).join('; '), {
    items: faults.map((fault) => ({
      at:
        fault.line === undefined
          ? fault.key
          : `line ${fault.line}${fault.key === '' ? '' : `, ${fault.key}`}`,
      message: fault.message,
    })),
  });
}
