import { beforeAll, describe, expect, it } from 'vitest';
import type { CatalogBind } from '../../src/domain/catalog.ts';
import { parseCidrs } from '../../src/domain/cidr.ts';
import {
  Authenticator,
  type AuthOutcome,
  type AuthRequest,
} from '../../src/gateway/authenticate.ts';
import { hashPassword } from '../../src/gateway/credentials.ts';
import { catalogOf } from './messages.ts';

const PEPPER = Buffer.alloc(32, 7);
let bind: CatalogBind;
let suspended: CatalogBind;
let foreign: CatalogBind;

beforeAll(async () => {
  const catalog = await catalogOf({
    accounts: { alice: {} },
    carriers: { main: { port: 1, prefix: '' } },
  });
  const stored = catalog.binds.get('alice');
  if (stored === undefined) throw new Error('a bind');
  bind = { ...stored, passwordHash: await hashPassword('secret', PEPPER) };
  foreign = { ...bind, allowFrom: parseCidrs(['198.51.100.0/24']) };
  suspended = { ...bind, account: { ...bind.account, status: 'suspended' } };
});

/** An attempt of the test's: what is not given is right. */
type Attempt = Partial<AuthRequest>;

/** An authenticator whose clock the test moves. */
function authenticator() {
  const clock = { nowMs: 1_000_000 };
  const auth = new Authenticator({ pepper: PEPPER, now: () => clock.nowMs });
  const check = (password: string, given: Attempt = {}): Promise<AuthOutcome> =>
    new Promise((done) => auth.check(attempt(password, given), done));
  return { auth, check, clock };
}

function attempt(password: string, given: Attempt = {}): AuthRequest {
  return {
    systemId: 'alice',
    address: '192.0.2.1',
    isProxy: false,
    certificate: undefined,
    bind,
    password,
    ...given,
  };
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
    expect(why(await check('secret', { bind: foreign }))).toBe('address');
    expect(why(await check('secret', { bind: suspended }))).toBe('account');
    expect(why(await check('wrong', { bind: suspended }))).toBe('password');
  });

  it('answers a password that it proved before without another hash', async () => {
    const { auth, check } = authenticator();
    await check('secret');
    let answered: AuthOutcome | undefined;
    auth.check(attempt('secret'), (outcome) => {
      answered = outcome;
    });
    expect(answered?.ok).toBe(true); // in the same turn: no hash takes that short
  });

  it('hashes again once the credential is forgotten', async () => {
    const { auth, check } = authenticator();
    await check('secret');
    auth.forgetAllBut(new Set());
    let answered: AuthOutcome | undefined;
    const done = new Promise<void>((resolve) =>
      auth.check(attempt('secret'), (outcome) => {
        answered = outcome;
        resolve();
      }),
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

  it('refuses an address beyond fifteen hundred binds at once, before any hash, and no other', async () => {
    const { check, clock } = authenticator();
    await check('secret');
    const outcomes = await Promise.all(Array.from({ length: 1600 }, () => check('secret')));
    expect(outcomes.filter((one) => why(one) === 'bindRate')).toHaveLength(101);
    expect(why(await check('secret', { address: '192.0.2.9' }))).toBe('ok');
    clock.nowMs += 1_000;
    const next = await Promise.all(Array.from({ length: 301 }, () => check('secret')));
    expect(next.filter((one) => one.ok)).toHaveLength(300);
  });

  it('shares one hash between equal attempts that wait, whatever they find', async () => {
    const { auth, check } = authenticator();
    const outcomes = await Promise.all(Array.from({ length: 300 }, () => check('secret')));
    expect(outcomes.every((one) => one.ok)).toBe(true);
    expect(auth.hashesBegun).toBe(1);
    for (const known of [bind, undefined, foreign]) {
      const before = auth.hashesBegun;
      const address = `192.0.2.${before + 10}`;
      const wrong = { bind: known, address };
      await Promise.all(Array.from({ length: 5 }, () => check('wrong', wrong)));
      expect(auth.hashesBegun - before).toBe(1);
      // From elsewhere it is another attempt: one of the two may be foreign to a name that exists.
      const two = [`198.51.100.${before + 1}`, `203.0.113.${before + 1}`];
      await Promise.all(two.map((other) => check('wrong', { bind: known, address: other })));
      expect(auth.hashesBegun - before).toBe(3);
    }
  });

  it('hashes no more once one of many equal attempts from many addresses has succeeded', async () => {
    const { auth, check } = authenticator();
    const machines = Array.from({ length: 200 }, (_, n) => ({ address: `192.0.2.${n}` }));
    const outcomes = await Promise.all(machines.map((machine) => check('secret', machine)));
    expect(outcomes.every((one) => one.ok)).toBe(true);
    expect(auth.hashesBegun).toBeLessThanOrEqual(2); // as many as run at once
  });

  it('serves addresses in turns: who tries many passwords makes only himself wait', async () => {
    const { auth, check } = authenticator();
    const guesses = Array.from({ length: 60 }, (_, n) => check(`w${n}`, { systemId: `x${n}` }));
    expect(why(await check('secret', { address: '192.0.2.2' }))).toBe('ok');
    // Two were under way before, and one of the guesser's had its turn; some more begin before we look.
    expect(auth.hashesBegun).toBeLessThan(10);
    await Promise.all(guesses);
  });
});

describe('Authenticator.check with an attempt that has no chance', () => {
  /** Each of them refused, with a password of its own: nothing is shared or remembered. */
  const refused: readonly { what: string; given: () => Attempt; why: string }[] = [
    { what: 'a wrong password', given: () => ({}), why: 'password' },
    { what: 'an unknown name', given: () => ({ systemId: 'x', bind: undefined }), why: 'password' },
    { what: 'a foreign address', given: () => ({ bind: foreign }), why: 'address' },
    { what: 'no certificate', given: () => ({ bind: certified }), why: 'certificate' },
    {
      what: 'a wrong certificate',
      given: () => ({ bind: certified, certificate: 'b'.repeat(64) }),
      why: 'certificate',
    },
    {
      what: 'a wrong password while the former is valid',
      given: () => ({ bind: changing }),
      why: 'password',
    },
    { what: 'a banned pair', given: () => ({ address: BANNED }), why: 'banned' },
    {
      what: 'a banned pair of an unknown name',
      given: () => ({ address: BANNED, systemId: 'x', bind: undefined }),
      why: 'banned',
    },
  ];
  const BANNED = '192.0.2.66';
  let certified: CatalogBind;
  let changing: CatalogBind;

  beforeAll(async () => {
    certified = { ...bind, certificates: new Set(['a'.repeat(64)]) };
    changing = { ...bind, former: { passwordHash: await formerHash(), untilMs: 2_000_000 } };
  });

  /** With BANNED banned, for alice and for x. */
  async function withBans() {
    const made = authenticator();
    for (const systemId of ['alice', 'x'])
      for (let n = 0; n < 10; n++) made.auth.bans.countFailure(BANNED, systemId);
    return made;
  }

  it.each(refused)('costs exactly one hash for $what', async ({ given, why: reason }) => {
    const { auth, check } = await withBans();
    for (let n = 1; n <= 3; n++) {
      expect(why(await check(`guess${n}`, given()))).toBe(reason);
      expect(auth.hashesBegun).toBe(n);
    }
  });

  it('costs the same for all of them', async () => {
    const { check } = await withBans();
    // CPU of this process, and the least of all rounds: what else the machine does is in neither.
    const least = new Map<string, number>();
    await check('warm', { systemId: 'y', bind: undefined });
    for (let round = 0; round < 15; round++) {
      for (const { what, given } of refused) {
        const address = `203.0.113.${round}`;
        const began = process.cpuUsage();
        await check(`g${round}`, { address, ...given() });
        const { user, system } = process.cpuUsage(began);
        least.set(what, Math.min(least.get(what) ?? Number.POSITIVE_INFINITY, user + system));
      }
    }
    // One hash takes about 5,000 us here; without one an answer takes 100.
    expect(Math.max(...least.values())).toBeLessThan(3 * Math.min(...least.values()) + 3_000);
  });

  it('lets in with the certificate, and with the right password only', async () => {
    const { check } = authenticator();
    const right = { bind: certified, certificate: 'a'.repeat(64) };
    expect(why(await check('secret', right))).toBe('ok');
    expect(why(await check('wrong', right))).toBe('password');
    expect(why(await check('secret', { ...right, certificate: undefined }))).toBe('certificate');
    const none = { ...bind, certificates: new Set<string>() };
    expect(why(await check('secret', { ...right, bind: none }))).toBe('certificate');
  });
});

describe('Authenticator.check with a former password', () => {
  it('takes both until its time, by the clock alone', async () => {
    const { auth, check, clock } = authenticator();
    const changing = { ...bind, former: { passwordHash: await formerHash(), untilMs: 1_060_000 } };
    expect(await check('secret', { bind: changing })).toMatchObject({ ok: true, byFormer: false });
    expect(await check('former', { bind: changing })).toMatchObject({ ok: true, byFormer: true });
    expect(auth.hashesBegun).toBe(2);
    clock.nowMs = 1_059_999;
    expect(why(await check('former', { bind: changing }))).toBe('ok');
    clock.nowMs = 1_060_000;
    // Remembered or not.
    expect(why(await check('former', { bind: changing }))).toBe('password');
    expect(why(await check('secret', { bind: changing }))).toBe('ok');
  });

  it('takes both also where they were hashed apart', async () => {
    const { check } = authenticator();
    const apart = await hashPassword('former', PEPPER);
    const changing = { ...bind, former: { passwordHash: apart, untilMs: 2_000_000 } };
    expect(why(await check('former', { bind: changing }))).toBe('ok');
    expect(why(await check('secret', { bind: changing }))).toBe('ok');
    expect(why(await check('wrong', { bind: changing }))).toBe('password');
  });
});

describe('Authenticator.bans', () => {
  it('tells who is banned, since when, until when, and lifts it', async () => {
    const { auth, check, clock } = authenticator();
    for (let n = 0; n < 9; n++) await check(`w${n}`);
    expect(auth.bans.list()).toEqual([]);
    const tenth = await check('w9');
    expect(tenth).toEqual({ ok: false, why: 'password', bannedUntilMs: 1_060_000 });
    expect(auth.bans.list()).toEqual([
      {
        address: '192.0.2.1',
        systemId: 'alice',
        failures: 10,
        bannedAtMs: 1_000_000,
        untilMs: 1_060_000,
      },
    ]);
    expect(auth.bans.lift('192.0.2.2', 'alice')).toBe(false);
    expect(auth.bans.lift('192.0.2.1', 'alice')).toBe(true);
    expect(auth.bans.list()).toEqual([]);
    expect(why(await check('secret'))).toBe('ok');
    for (let n = 0; n < 10; n++) await check(`w${n}`);
    clock.nowMs += 60_000;
    expect(auth.bans.list()).toEqual([]);
    expect(auth.bans.lift('192.0.2.1', 'alice')).toBe(false);
  });

  it('holds all of an IPv6 /64, and no other', async () => {
    const { auth, check } = authenticator();
    const at = (n: number) => ({ address: `2001:db8:0:1::${n}` });
    for (let n = 1; n <= 10; n++) expect(why(await check(`w${n}`, at(n)))).toBe('password');
    expect(auth.bans.list()).toMatchObject([{ address: '2001:db8:0:1::10', failures: 10 }]);
    expect(why(await check('secret', at(11)))).toBe('banned');
    expect(why(await check('secret', { address: '2001:db8:0:2::1' }))).toBe('ok');
    expect(auth.bans.lift('2001:db8:0:1::10', 'alice')).toBe(true);
    expect(why(await check('secret', at(11)))).toBe('ok');
  });

  it('judges no more than ten guesses of a burst', async () => {
    const { check } = authenticator();
    const guesses = Array.from({ length: 30 }, (_, n) => (n === 20 ? 'secret' : `w${n}`));
    const outcomes = await Promise.all(guesses.map((guess) => check(guess)));
    const counts = Map.groupBy(outcomes.map(why), (reason) => reason);
    expect(counts.get('password')).toHaveLength(10);
    expect(counts.get('banned')).toHaveLength(20);
  });

  it('never holds a trusted proxy’s own address, nor counts its binds', async () => {
    const { auth, check } = authenticator();
    const health = { isProxy: true, address: '192.0.2.254' };
    for (let n = 0; n < 12; n++) expect(why(await check(`w${n}`, health))).toBe('password');
    expect(auth.bans.list()).toEqual([]);
    const outcomes = await Promise.all(
      Array.from({ length: 1_100 }, () => check('secret', health)),
    );
    expect(outcomes.every((outcome) => outcome.ok)).toBe(true);
  });
});

// The last one: what waits here goes on hashing.
describe('Authenticator.check in a flood', () => {
  it('says busy to a flood above 3,000 attempts that wait, and to others above 4,000', async () => {
    const { auth } = authenticator();
    const busy = new Map<string, number>();
    // One name each, so that none shares a hash; few enough from each address, so that none is over its rate.
    const send = (address: string, count: number) => {
      busy.set(address, 0);
      for (let n = 0; n < count; n++) {
        const given = { systemId: `x${n}`, address, bind: undefined };
        auth.check(attempt(`p${n}`, given), (outcome) => {
          if (why(outcome) === 'busy') busy.set(address, (busy.get(address) ?? 0) + 1);
        });
      }
    };
    for (const flood of ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4']) send(flood, 800);
    send('198.51.100.1', 12);
    // Two are under way and do not wait.
    expect([...busy.values()]).toEqual([0, 0, 0, 198, 2]);
    for (let n = 0; n < 110; n++) send(`203.0.113.${n}`, 10);
    const full = [...busy.values()].slice(5).reduce((sum, count) => sum + count);
    expect(full).toBe(110 * 10 - (4_000 - 3_000 - 10));
  });
});

/** Beside the hash of 'secret', as apply stores it. */
function formerHash(): Promise<string> {
  return hashPassword('former', PEPPER, bind.passwordHash);
}
