import { beforeAll, describe, expect, it } from 'vitest';
import type { CatalogBind } from '../../src/domain/catalog.ts';
import { Authenticator, type AuthOutcome } from '../../src/gateway/authenticate.ts';
import { hashPassword } from '../../src/gateway/credentials.ts';
import { catalogOf } from './messages.ts';

const PEPPER = Buffer.alloc(32, 7);
let bind: CatalogBind;
let suspended: CatalogBind;

beforeAll(async () => {
  const catalog = await catalogOf({
    accounts: { alice: {} },
    carriers: { main: { port: 1, prefix: '' } },
  });
  const stored = catalog.binds.get('alice');
  if (stored === undefined) throw new Error('a bind');
  bind = { ...stored, passwordHash: await hashPassword('secret', PEPPER) };
  suspended = { ...bind, account: { ...bind.account, status: 'suspended' } };
});

/** An authenticator whose clock the test moves. */
function authenticator() {
  const clock = { nowMs: 1_000_000 };
  const auth = new Authenticator({ pepper: PEPPER, now: () => clock.nowMs });
  const check = (
    password: string,
    given: {
      bind?: CatalogBind | undefined;
      systemId?: string;
      address?: string;
      allowed?: boolean;
    } = {},
  ): Promise<AuthOutcome> => {
    const { systemId = 'alice', address = '192.0.2.1', allowed = true } = given;
    const known = 'bind' in given ? given.bind : bind;
    return new Promise((done) =>
      auth.check({ systemId, password, address, bind: known }, () => allowed, done),
    );
  };
  return { auth, check, clock };
}

function why(outcome: AuthOutcome): string {
  return outcome.ok ? 'ok' : outcome.why;
}

describe('Authenticator.check', () => {
  it('lets the right password in and no other', async () => {
    const { check } = authenticator();
    expect(why(await check('secret'))).toBe('ok');
    expect(why(await check('Secret'))).toBe('password');
    expect(why(await check(''))).toBe('password');
    expect(why(await check('secret'))).toBe('ok');
  });

  it('refuses an unknown name, a foreign address and a suspended account', async () => {
    const { check } = authenticator();
    expect(why(await check('secret', { bind: undefined }))).toBe('password');
    expect(why(await check('secret', { allowed: false }))).toBe('address');
    expect(why(await check('secret', { bind: suspended }))).toBe('account');
    expect(why(await check('wrong', { bind: suspended }))).toBe('password');
  });

  it('answers a password that it proved before without another hash', async () => {
    const { auth, check } = authenticator();
    await check('secret');
    let answered: AuthOutcome | undefined;
    const request = { systemId: 'alice', password: 'secret', address: '192.0.2.1', bind };
    auth.check(
      request,
      () => true,
      (outcome) => {
        answered = outcome;
      },
    );
    expect(answered?.ok).toBe(true); // in the same turn: no hash takes that short
  });

  it('hashes again once the credential is forgotten', async () => {
    const { auth, check } = authenticator();
    await check('secret');
    auth.forgetAllBut(new Set());
    let answered: AuthOutcome | undefined;
    const request = { systemId: 'alice', password: 'secret', address: '192.0.2.1', bind };
    const done = new Promise<void>((resolve) =>
      auth.check(
        request,
        () => true,
        (outcome) => {
          answered = outcome;
          resolve();
        },
      ),
    );
    expect(answered).toBeUndefined();
    await done;
    expect(answered?.ok).toBe(true);
  });

  it('does not take a remembered proof for another credential', async () => {
    const { check } = authenticator();
    await check('secret');
    const changed = { ...bind, passwordHash: await hashPassword('other', PEPPER) };
    expect(why(await check('secret', { bind: changed }))).toBe('password');
    expect(why(await check('other', { bind: changed }))).toBe('ok');
  });

  it('bans a name and address for a minute after ten failures within one', async () => {
    const { check, clock } = authenticator();
    for (let n = 0; n < 9; n++) await check(`w${n}`);
    expect(why(await check('secret'))).toBe('ok'); // a success forgives
    for (let n = 0; n < 10; n++) expect(why(await check(`w${n}`))).toBe('password');
    expect(why(await check('secret'))).toBe('banned');
    expect(why(await check('secret', { address: '192.0.2.2' }))).toBe('ok');
    clock.nowMs += 59_999;
    expect(why(await check('secret'))).toBe('banned');
    clock.nowMs += 2;
    expect(why(await check('secret'))).toBe('ok');
  });

  it('does not ban for failures that are minutes apart', async () => {
    const { check, clock } = authenticator();
    for (let n = 0; n < 30; n++) {
      expect(why(await check('wrong'))).toBe('password');
      clock.nowMs += 7_000;
    }
    expect(why(await check('secret'))).toBe('ok');
  });

  it('refuses an address beyond a thousand binds at once, before any hash, and no other', async () => {
    const { check, clock } = authenticator();
    await check('secret');
    const outcomes = await Promise.all(Array.from({ length: 1100 }, () => check('secret')));
    expect(outcomes.filter((one) => why(one) === 'bindRate')).toHaveLength(101);
    expect(why(await check('secret', { address: '192.0.2.9' }))).toBe('ok');
    clock.nowMs += 1_000;
    const next = await Promise.all(Array.from({ length: 201 }, () => check('secret')));
    expect(next.filter((one) => one.ok)).toHaveLength(200);
  });

  it('shares one hash between equal attempts that wait', async () => {
    const { check } = authenticator();
    const outcomes = await Promise.all(Array.from({ length: 300 }, () => check('secret')));
    expect(outcomes.every((one) => one.ok)).toBe(true);
  });

  it('says busy above 4,000 attempts that wait, and not to those before', async () => {
    const { auth } = authenticator();
    const outcomes: string[] = [];
    // One name each, so that none shares a hash; from many addresses, so that none is over its rate.
    await new Promise<void>((resolve) => {
      const done = (outcome: AuthOutcome) => {
        outcomes.push(why(outcome));
        if (outcomes.length === 1) resolve();
      };
      for (let n = 0; n < 4_001; n++) {
        const request = { systemId: `x${n}`, password: `p${n}`, address: `192.0.2.${n % 200}` };
        auth.check({ ...request, bind: undefined }, () => true, done);
      }
    });
    expect(outcomes[0]).toBe('busy');
  });
});
