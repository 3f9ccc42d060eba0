import { describe, expect, it } from 'vitest';
import { notFound, toProblem } from '../../../src/ops/http/problem.ts';

const withCode = (code: string, message = 'secret inside') =>
  Object.assign(new Error(message), { code });

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
