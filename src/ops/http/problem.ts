import { STATUS_CODES } from 'node:http';

/** One thing wrong with the request: where (a JSON path or `line N`) and what. */
export interface ProblemItem {
  readonly at: string;
  readonly message: string;
}

/** The body of every error of the HTTP API (RFC 9457), sent as application/problem+json. */
export interface ProblemBody {
  /** A URN that names the kind of problem and does not change: `urn:smppgate:problem:account-not-found`. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly errors?: readonly ProblemItem[];
}

/** A refusal of the HTTP API, thrown by a handler and turned into problem details at one place, http/server.ts. */
export class Problem extends Error {
  readonly status: number;
  readonly kind: string;
  readonly items: readonly ProblemItem[] | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    kind: string,
    detail: string,
    more: { items?: readonly ProblemItem[]; headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(detail);
    this.name = 'Problem';
    this.status = status;
    this.kind = kind;
    this.items = more.items;
    this.headers = more.headers ?? {};
  }

  /** The RFC 9457 object. */
  body(): ProblemBody {
    return {
      type: `urn:smppgate:problem:${this.kind}`,
      title: STATUS_CODES[this.status] ?? 'Error',
      status: this.status,
      detail: this.message,
      ...(this.items && { errors: this.items }),
    };
  }
}

/** 404: there is no such thing, by its name. @param what in words */
export function notFound(what: string, name: string): Problem {
  const kind = `${what.replaceAll(' ', '-')}-not-found`;
  return new Problem(404, kind, `there is no ${what} ${JSON.stringify(name)}`);
}

/** 409: the request contradicts what is stored. */
export function conflict(kind: string, detail: string): Problem {
  return new Problem(409, kind, detail);
}

/** 400: the request itself is wrong. */
export function badRequest(detail: string, items?: readonly ProblemItem[]): Problem {
  return new Problem(400, 'bad-request', detail, items ? { items } : {});
}

/**
 * Any error as a problem. Fastify's own (malformed JSON, too large, wrong media type) carry a status below 500 and a
 * message meant for the client; a text that cannot be stored is 400; a lost database is 503; everything else is 500 without its text, which goes to the log.
 */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const status = statusOfError(error);
  if (status !== undefined && status < 500) {
    return new Problem(status, kindOfStatus(status), (error as Error).message);
  }
  if (NO_TEXT.has(codeOf(error))) {
    return badRequest('a text of the request has the character U+0000, which cannot be stored');
  }
  if (codeOf(error) === QUERY_CANCELED) {
    return new Problem(503, 'query-too-long', 'this takes too long: ask for a shorter time');
  }
  if (isLostDatabase(error)) {
    return new Problem(
      503,
      'store-unavailable',
      'the database does not answer; nothing was changed unless a later read shows it',
      {
        headers: { 'retry-after': '5' },
      },
    );
  }
  return new Problem(
    500,
    'internal',
    'the request failed inside the gateway; its log has the reason',
  );
}

function statusOfError(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('statusCode' in error)) return undefined;
  return typeof error.statusCode === 'number' ? error.statusCode : undefined;
}

function kindOfStatus(status: number): string {
  return (STATUS_CODES[status] ?? 'error').toLowerCase().replaceAll(/[^a-z]+/g, '-');
}

/**
 * SQLSTATE of a text that PostgreSQL has no characters for, as such and inside JSON: of a string that came as JSON or in
 * a path only U+0000 is left that can be it.
 */
const NO_TEXT: ReadonlySet<string> = new Set(['22021', '22P05']);
/** SQLSTATE of a statement that was over its time. */
const QUERY_CANCELED = '57014';

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** SQLSTATE classes 08 (connection), 53 (resources), 57 (operator intervention), and Node's socket errors. */
function isLostDatabase(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = codeOf(error);
  return (
    /^(08|53|57)...$/.test(code) ||
    ['ECONNREFUSED', 'ECONNRESET', 'ENOENT', 'EPIPE', 'ETIMEDOUT'].includes(code) ||
    /Connection terminated|timeout exceeded when trying to connect/.test(error.message)
  );
}
