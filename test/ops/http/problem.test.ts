import { readdirSync, readFileSync } from 'node:fs';
import { STATUS_CODES } from 'node:http';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { notFound, Problem, toProblem } from '../../../src/ops/http/problem.ts';

const withCode = (code: string, message = 'secret inside') =>
  Object.assign(new Error(message), { code });

/** Every problem that the sources of the API make, by the words it is made with. */
function problemsMade(): Problem[] {
  const folder = join(import.meta.dirname, '../../../src/ops/http');
  const sources = readdirSync(folder).map((file) => readFileSync(join(folder, file), 'utf8'));
  const literals = (text = '') =>
    [...text.matchAll(/'([^']+)'/g)].map(([, literal = '']) => literal);
  return sources.flatMap((source) => [
    ...[...source.matchAll(/\bnotFound\(([^,]+),/g)].flatMap(([, what]) =>
      literals(what).map((one) => notFound(one, 'x')),
    ),
    ...[...source.matchAll(/\bconflict\(([^,]+),|\bnew Problem\(\s*[^,]+,([^,]+),/g)].flatMap(
      ([, ofConflict, kind = ofConflict]) =>
        literals(kind).map((one) => new Problem(409, one, 'x')),
    ),
  ]);
}

describe('the type of a problem', () => {
  /** A URN by RFC 8141 §2: without blanks. Of its letters we use fewer. */
  const URN = /^urn:smppgate:problem:[a-z0-9]+(?:-[a-z0-9]+)*$/;

  it('is a URN, whichever it is', () => {
    const made = problemsMade();
    const types = new Set(made.map((problem) => problem.body().type));
    expect([...types].filter((type) => !URN.test(type))).toEqual([]);
    for (const kind of [
      'held-message-not-found',
      'system-id-not-found',
      'word-list-in-use',
      'role-too-low',
    ])
      expect(types).toContain(`urn:smppgate:problem:${kind}`);
  });

  it('is one of what the server itself refuses, too', () => {
    for (const status of Object.keys(STATUS_CODES).map(Number)) {
      const { type } = toProblem(Object.assign(new Error('x'), { statusCode: status })).body();
      expect([status, URN.test(type)]).toEqual([status, true]);
    }
  });
});

describe('toProblem', () => {
  it('keeps a problem as it is', () => {
    const problem = notFound('account', 'a"b');
    expect(toProblem(problem)).toBe(problem);
    expect(problem.body()).toEqual({
      type: 'urn:smppgate:problem:account-not-found',
      title: 'Not Found',
      status: 404,
      detail: 'there is no account "a\\"b"',
    });
  });

  it('says that the store is away for a lost or refusing database', () => {
    for (const code of ['08006', '53300', '57P01', 'ECONNREFUSED', 'ECONNRESET']) {
      const problem = toProblem(withCode(code));
      expect([code, problem.status, problem.kind]).toEqual([code, 503, 'store-unavailable']);
      expect(problem.headers['retry-after']).toBe('5');
    }
    expect(toProblem(new Error('Connection terminated unexpectedly')).status).toBe(503);
  });

  it('blames the request for a text that cannot be stored', () => {
    for (const code of ['22021', '22P05'])
      expect([code, toProblem(withCode(code)).status]).toEqual([code, 400]);
  });

  it('asks for less when a statement was over its time', () => {
    expect(toProblem(withCode('57014')).kind).toBe('query-too-long');
  });

  it('keeps the text of every other failure to itself', () => {
    for (const error of [
      withCode('42P01'),
      new TypeError('secret inside'),
      'secret inside',
      undefined,
    ]) {
      const problem = toProblem(error);
      expect(problem.status).toBe(500);
      expect(JSON.stringify(problem.body())).not.toContain('secret');
    }
  });
});
