import { z } from 'zod';
import { CliError } from './io.ts';

/** Where the daemon is and how to be let in. */
export interface ApiSettings {
  /** SMPPGATE_URL, such as http://127.0.0.1:8080 */
  readonly url: string;
  /** ADMIN_TOKEN; undefined when none is configured and the file in dataDir cannot be read. */
  readonly token: string | undefined;
}

/** An answer waits this long: a reconciliation of a large ledger takes minutes. */
const ANSWER_TIMEOUT_MS = 600_000;

const problemSchema = z.object({
  detail: z.string(),
  errors: z.array(z.object({ at: z.string(), message: z.string() })).optional(),
});

/** The HTTP API as the commands use it. Every failure is a CliError of one line (a line per fault of a resource file). */
export class ApiClient {
  readonly #settings: ApiSettings;

  constructor(settings: ApiSettings) {
    this.#settings = settings;
  }

  /** GET, the JSON answer checked against `schema`. */
  async get<T>(schema: z.ZodType<T>, path: string): Promise<T> {
    return schema.parse(JSON.parse(await this.#request('GET', path)));
  }

  /** GET of an answer that is not JSON. */
  async getText(path: string, accept: string): Promise<string> {
    return this.#request('GET', path, undefined, accept);
  }

  /** POST of a JSON body. */
  async post<T>(schema: z.ZodType<T>, path: string, body: unknown): Promise<T> {
    return schema.parse(
      JSON.parse(
        await this.#request('POST', path, { type: 'application/json', text: JSON.stringify(body) }),
      ),
    );
  }

  /** PUT, PATCH or DELETE of a JSON body. */
  async send<T>(
    method: 'PUT' | 'PATCH' | 'DELETE',
    schema: z.ZodType<T>,
    path: string,
    body: unknown,
  ): Promise<T> {
    const json = { type: 'application/json', text: JSON.stringify(body) };
    return schema.parse(JSON.parse(await this.#request(method, path, json)));
  }

  /** PUT or DELETE of a list as it is. */
  async sendText<T>(
    method: 'PUT' | 'DELETE',
    schema: z.ZodType<T>,
    path: string,
    body: { type: string; text: string },
  ): Promise<T> {
    return schema.parse(JSON.parse(await this.#request(method, path, body)));
  }

  /** PUT of a file as it is. */
  async put<T>(
    schema: z.ZodType<T>,
    path: string,
    body: { type: string; text: string },
  ): Promise<T> {
    return schema.parse(JSON.parse(await this.#request('PUT', path, body)));
  }

  /** DELETE without a body. */
  async delete<T>(schema: z.ZodType<T>, path: string): Promise<T> {
    return schema.parse(JSON.parse(await this.#request('DELETE', path)));
  }

  /** GET of a stream of JSON lines, each given as soon as it came, until it ends or `signal` aborts it. */
  async *lines(path: string, signal: AbortSignal): AsyncGenerator<string> {
    let rest = '';
    const decoder = new TextDecoder();
    for await (const chunk of this.octets(path, signal)) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
  }

  /** GET of octets as they come, for as long as it takes; ends in silence when `signal` aborts it. */
  async *octets(path: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    try {
      const response = await this.#fetch('GET', path, { signal, headers: { accept: '*/*' } });
      if (!response.ok)
        throw new CliError(
          refusalText(response.status, await response.text(), this.#settings.token),
        );
      if (response.body !== null) yield* response.body;
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof CliError) throw error;
      throw new CliError(`the daemon went away (${reasonOf(error)})`);
    }
  }

  async #request(
    method: string,
    path: string,
    body?: { type: string; text: string },
    accept = 'application/json',
  ): Promise<string> {
    const response = await this.#fetch(method, path, {
      headers: { accept, ...(body && { 'content-type': body.type }) },
      ...(body && { body: body.text }),
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    });
    const text = await response.text();
    if (response.ok) return text;
    throw new CliError(refusalText(response.status, text, this.#settings.token));
  }

  #fetch(
    method: string,
    path: string,
    init: RequestInit & { readonly headers: Record<string, string> },
  ): Promise<Response> {
    const { url, token } = this.#settings;
    const headers = {
      ...init.headers,
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    };
    return fetch(new URL(path, url), { ...init, method, headers }).catch((error: unknown) => {
      throw new CliError(
        `no daemon answers at ${url} (${reasonOf(error)}); start it with "smppgate serve" or set SMPPGATE_URL`,
      );
    });
  }
}

/** A path out of its parts, each escaped: `pathOf('v1', 'accounts', name)`. */
export function pathOf(...parts: readonly string[]): string {
  return `/${parts.map(encodeURIComponent).join('/')}`;
}

/** `?a=1&b=2` of the values that are there. */
export function queryOf(values: Readonly<Record<string, string | undefined>>): string {
  const present = Object.entries(values).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return present.length === 0 ? '' : `?${new URLSearchParams(present)}`;
}

function refusalText(status: number, text: string, token: string | undefined): string {
  if (status === 401) {
    return token === undefined
      ? "the daemon wants a token: set ADMIN_TOKEN, or DATA_DIR to the daemon's folder"
      : 'the daemon does not know this token: check ADMIN_TOKEN and SMPPGATE_URL';
  }
  const problem = problemSchema.safeParse(parsed(text));
  if (!problem.success) return `the daemon answered ${status}`;
  const { detail, errors } = problem.data;
  return errors === undefined
    ? detail
    : errors.map((item) => `${item.at}: ${item.message}`).join('\n');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause: unknown = error.cause;
  if (cause instanceof Error && 'code' in cause) return String(cause.code);
  return error.message;
}
