import { z } from 'zod';
import type { Api } from './api.ts';
import { escapeHtml, page } from './html.ts';

/** The parts of a route's schema that are zod and must become JSON Schema in the OpenAPI document. */
const PARTS = ['params', 'querystring', 'body', 'headers'] as const;

/** @fastify/swagger's `transform`: the zod schemas of a route as JSON Schema, with the problem details of every error. */
export function documentedSchema({ schema, url }: { schema: unknown; url: string }): {
  schema: never;
  url: string;
} {
  const documented: Record<string, unknown> = {
    ...(schema as Record<string, unknown> | undefined),
  };
  for (const part of PARTS) {
    if (documented[part] instanceof z.ZodType)
      documented[part] = jsonSchemaOf(documented[part], 'input');
  }
  const responses = (documented.response ?? {}) as Record<string, unknown>;
  documented.response = {
    ...Object.fromEntries(
      Object.entries(responses).map(([status, body]) => [
        status,
        body instanceof z.ZodType ? { description: 'Done', ...jsonSchemaOf(body, 'output') } : body,
      ]),
    ),
    default: {
      description: 'Problem details (RFC 9457)',
      ...jsonSchemaOf(problemSchema, 'output'),
    },
  };
  return { schema: documented as never, url };
}

/** GET /docs/json, the OpenAPI 3.1 document, and GET /docs, the same as one page without scripts. */
export function addDocsRoutes(app: Api): void {
  app.get('/docs/json', { config: { access: 'page' }, schema: { hide: true } }, async () =>
    app.swagger(),
  );
  app.get(
    '/docs',
    { config: { access: 'page' }, schema: { hide: true } },
    async (_request, reply) => {
      return reply
        .type('text/html; charset=utf-8')
        .serializer(String)
        .send(docsPage(app.swagger() as OpenApi));
    },
  );
}

const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  errors: z.array(z.object({ at: z.string(), message: z.string() })).optional(),
});

function jsonSchemaOf(schema: z.ZodType, io: 'input' | 'output'): Record<string, unknown> {
  const { $schema: _unused, ...json } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return json;
}

interface OpenApi {
  readonly info: { readonly title: string; readonly version: string };
  readonly paths?: Readonly<Record<string, Readonly<Record<string, OpenApiOperation>>>>;
}

interface OpenApiOperation {
  readonly summary?: string;
  readonly description?: string;
  readonly tags?: readonly string[];
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
  }[];
  readonly requestBody?: {
    readonly content?: Readonly<Record<string, { readonly schema?: unknown }>>;
  };
}

function docsPage(api: OpenApi): string {
  const operations = Object.entries(api.paths ?? {}).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => operationSection(method, path, operation)),
  );
  return page({
    title: 'smppgate HTTP API',
    refreshSeconds: undefined,
    body: `<h1>smppgate HTTP API <small>${escapeHtml(api.info.version)}</small></h1>
<p>Send <code>Authorization: Bearer TOKEN</code>. Bodies and answers are JSON, ids and money decimal strings, errors problem
details (RFC 9457). The OpenAPI document is at <a href="/docs/json">/docs/json</a>.</p>
${operations.join('\n')}`,
  });
}

function operationSection(method: string, path: string, operation: OpenApiOperation): string {
  const parameters = (operation.parameters ?? []).map(
    (parameter) =>
      `<li><code>${escapeHtml(parameter.name)}</code> in ${escapeHtml(parameter.in)}${parameter.required === true ? ', required' : ''}</li>`,
  );
  const body = Object.values(operation.requestBody?.content ?? {})[0]?.schema;
  return `<h2><code>${escapeHtml(method.toUpperCase())} ${escapeHtml(path)}</code></h2>
<p>${escapeHtml(operation.summary ?? '')} ${escapeHtml(operation.description ?? '')}</p>
${parameters.length > 0 ? `<ul>${parameters.join('')}</ul>` : ''}
${body === undefined ? '' : `<details><summary>Body</summary><pre>${escapeHtml(JSON.stringify(body, null, 2))}</pre></details>`}`;
}
