import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { credits } from '../../src/domain/money.ts';
import { AccountKeeper } from '../../src/gateway/account-keeper.ts';
import { accountsWithReturns } from '../../src/store/account-closing.ts';
import { setAccountStatus } from '../../src/store/accounts.ts';
import { postByOperator } from '../../src/store/postings.ts';
import { eventually, type TestGateway } from '../support/gateway.ts';
import { TwoNodes } from './two-nodes-stand.ts';

const late = {
  onTermination: { balance: 'forfeit', content: 'keep' },
  refundAutomatic: ['recipient'],
};
const dormancy = { noticeAfterDays: 90, thenAfterDays: 30 };
let stand: TwoNodes;
let gateway: TestGateway;
let other: TestGateway;

beforeAll(async () => {
  stand = await TwoNodes.open({
    terms: {
      ending: { onTermination: { balance: 'forfeit' }, onRefusal: 'refund' },
      leaving: {
        onTermination: { balance: 'keep', content: 'keep' },
        onRefusal: 'keep',
        onViolation: { suspendAfter: 3, forfeitBalance: true },
      },
      ...{ late, lateReserved: { ...late, chargeOn: 'delivered' } },
      lateLots: { ...late, topUpExtendsBalance: false },
      suspended: { ...late, onViolation: { suspendAfter: 3, forfeitBalance: true } },
      spared: late,
      unused: { dormancy },
      gone: { dormancy: { ...dormancy, then: 'terminate' } },
    },
    accounts: {
      ending: { terms: 'ending' },
      leaving: { terms: 'leaving' },
      unused: {
        terms: 'unused',
        webhook: { url: 'http://127.0.0.1:9/', secret: 'x'.repeat(16) },
      },
      gone: { terms: 'gone' },
      free: { terms: 'unused' },
      usual: {},
      late: { terms: 'late' },
      lateReserved: { terms: 'lateReserved' },
      lateLots: { terms: 'lateLots' },
      suspended: { terms: 'suspended' },
      spared: { terms: 'spared' },
    },
  });
  ({ gateway, beside: other } = stand);
});

afterAll(() => stand?.close());

const bind = (systemId: string, at?: TestGateway) => stand.bind(systemId, at);

/** What is left of the content keys of an account. */
async function keysOf(account: string): Promise<number> {
  const [row] = await gateway.sql<{ keys: number }>(
    'select count(*)::int as keys from content_key where account = $1 and wrapped is not null',
    [await gateway.accountId(account)],
  );
  return row?.keys ?? -1;
}

/** As if it had been terminated a while ago; the leader's turn is every 5 s. */
async function age(account: string): Promise<void> {
  await gateway.sql(`update account set status_at = now() - interval '61 s' where name = $1`, [
    account,
  ]);
}

async function terminate(name: string, eraseContent?: boolean): Promise<void> {
  await setAccountStatus(gateway.pool, {
    ...{ name, status: 'terminated', reason: 'unused', actor: 'op', forfeit: 'byTerms' },
    eraseContent,
  });
}

const setStatus = (name: string, status: 'active' | 'suspended') =>
  setAccountStatus(gateway.pool, {
    ...{ name, status, reason: 'violations', actor: 'op' },
    forfeit: status === 'suspended' ? 'byTerms' : undefined,
  });

/** One turn of the keeper, as if it were so many minutes later. */
function keep(minutes = 0): Promise<void> {
  const { pool, observer, catalog } = gateway;
  const keeper = new AccountKeeper({
    ...{ pool, observer, catalog: () => catalog, endQueuedOf: async () => {} },
  });
  return keeper.work(Date.now() + minutes * 60_000);
}

describe('a terminated account', () => {
  it('loses its sessions, what it has queued, its credit and its content, though its node died over it', async () => {
    const esme = await bind('ending');
    const beside = await bind('ending', other);
    const [sent, second] = [await esme.accepted({}), await beside.accepted({})];
    await eventually(() => expect(stand.carrier.submits.length).toBe(2));
    await gateway.setPaused('main', true);
    const isPaused = () => [...other.catalog.carriers.values()].every(({ paused }) => paused);
    await eventually(() => expect(isPaused()).toBe(true));
    const queued = [await esme.accepted({}), await beside.accepted({})];
    // Only the status: whoever set it died before he ended what was queued.
    await terminate('ending');
    await eventually(() => expect([esme.closed, beside.closed]).toEqual([true, true]));
    expect(await keysOf('ending')).toBe(1);
    await age('ending');
    await eventually(async () => expect(await keysOf('ending')).toBe(0));
    for (const id of queued)
      await gateway.ended(id, { state: 'REJECTD', cause: 'refusedLater', refund: '0.06' });
    const [money] = await gateway.sql<{ kinds: string[]; credits: string }>(
      `select array_agg(distinct kind order by kind) as kinds, sum(amount)::text as credits
       from ledger_entry where account = $1`,
      [await gateway.accountId('ending')],
    );
    expect(money?.kinds).toEqual(['charge', 'forfeit', 'refund', 'top_up']);
    // Nobody can read a message of it any more, on no node; its books stand.
    const ids = [sent, second].map((id) => BigInt(id)) as never[];
    for (const { node } of [gateway, other])
      await eventually(async () =>
        expect(await node.gateway.destinationsOf(ids)).toEqual(new Map()),
      );
    const audit = await gateway.sql<{ action: string; actor: string }>(
      `select action, actor from audit where subject = 'ending' and action in ('account.terminated', 'account.contentErased') order by id`,
    );
    expect(audit).toEqual([
      { action: 'account.terminated', actor: 'op' },
      { action: 'account.contentErased', actor: 'terms' },
    ]);
    await gateway.setPaused('main', false);
    await gateway.reconciled();
  });

  it('keeps credit and content where its terms say so, and loses the content where it is asked for', async () => {
    const esme = await bind('leaving');
    await esme.accepted({});
    await terminate('leaving');
    await age('leaving');
    await eventually(async () => {
      const [row] = await gateway.sql<{ open: boolean }>(
        `select closing_at is not null as open from account where name = 'leaving'`,
      );
      expect(row?.open).toBe(false);
    });
    expect(await keysOf('leaving')).toBe(1);
    expect(await gateway.money('leaving')).toEqual({ credits: '9.94', reserved: '0' });
    const usual = await bind('usual');
    await usual.accepted({});
    await terminate('usual', false);
    const [row] = await gateway.sql<{ erase: boolean }>(
      `select erase_content as erase from account where name = 'usual'`,
    );
    expect(row?.erase).toBe(false);
  });
});

describe('what comes back after a forfeiture at the end', () => {
  it.each(['late', 'lateReserved', 'lateLots'])(
    'is forfeited too, and what a person gives stays (%s)',
    async (account) => {
      const esme = await bind(account);
      const before = stand.carrier.submits.length;
      const ids = [await esme.accepted({}), await esme.accepted({}), await esme.accepted({})];
      await eventually(() => expect(stand.carrier.submits.length).toBe(before + 3));
      await terminate(account);
      const [first, second, third] = stand.carrier.submits.slice(before);
      if (first === undefined || second === undefined || third === undefined)
        throw new Error('three');
      await stand.carrier.receipt(first, { stat: 'UNDELIV' });
      await stand.carrier.receipt(second, { stat: 'DELIVRD' });
      for (const id of ids.slice(0, 2))
        await eventually(async () => expect((await gateway.end(id)).state).toBeDefined());
      const given = { account, reference: 'R', actor: 'op', reason: 'our mistake' };
      await postByOperator(gateway.pool, {
        ...given,
        kind: 'adjustment',
        amount: credits(1_000_000n),
      });
      await keep();
      expect(await gateway.money(account)).toEqual({
        credits: account === 'lateReserved' ? '1.06' : '1',
        reserved: account === 'lateReserved' ? '0.06' : '0',
      });
      await stand.carrier.receipt(third, { stat: 'UNDELIV' });
      await eventually(async () => expect((await gateway.end(ids[2] ?? '')).state).toBeDefined());
      for (let turn = 1; turn < 3; turn++) await keep(turn);
      expect(await gateway.money(account)).toEqual({ credits: '1', reserved: '0' });
      const forfeited = (await gateway.entries(account)).filter((entry) =>
        entry.startsWith('forf'),
      );
      const left = 'forfeit -9.82';
      expect(forfeited).toEqual([left, 'forfeit -0.06', 'forfeit -0.06']);
      await gateway.reconciled();
    },
  );

  it.each([
    ['suspended', ['forfeit -9.88', 'forfeit -0.06'], '0.06'],
    ['spared', [], '10'],
  ])(
    'at a suspension is forfeited too until it is resumed (%s)',
    async (account, forfeits, left) => {
      const esme = await bind(account);
      const before = stand.carrier.submits.length;
      const ids = [await esme.accepted({}), await esme.accepted({})];
      await eventually(() => expect(stand.carrier.submits.length).toBe(before + 2));
      await setStatus(account, 'suspended');
      for (const [i, submit] of stand.carrier.submits.slice(before).entries()) {
        if (i === 1) await setStatus(account, 'active');
        await stand.carrier.receipt(submit, { stat: 'UNDELIV' });
        await eventually(async () => expect((await gateway.end(ids[i] ?? '')).state).toBeDefined());
        await keep();
      }
      expect(await gateway.money(account)).toEqual({ credits: left, reserved: '0' });
      const entries = await gateway.entries(account);
      expect(entries.filter((entry) => entry.startsWith('forf'))).toEqual(forfeits);
      await gateway.reconciled();
    },
  );

  it('is kept where the credit is', async () => {
    expect(await accountsWithReturns(gateway.pool, 10)).toEqual([]);
  });
});

describe('dormancy', () => {
  /** What was told since `forget`, by whom ever: the node that leads looks too, once a minute, and may be first. */
  function told(): unknown[] {
    const all = [...gateway.reports, ...other.reports];
    const notices = all.filter(({ what }) => what === 'accountNotice');
    return notices.map(({ args }) => [(args[0] as { name: string }).name, args[1]]).toSorted();
  }
  const forget = () => {
    gateway.reports.length = 0;
    other.reports.length = 0;
  };
  const work = () => keep();
  const status = async (name: string) =>
    (await gateway.sql<{ status: string }>('select status from account where name = $1', [name]))[0]
      ?.status;
  const made = (name: string, days: number) =>
    gateway.sql(
      `update account set created_at = now() - $2 * interval '1 day' + interval '1 hour' where name = $1`,
      [name, days],
    );

  it('tells an account after its days, not before, and stops it so long after it was told', async () => {
    await made('unused', 90);
    await made('gone', 90);
    await work();
    expect(told()).toEqual([]);
    await made('unused', 91);
    await made('gone', 5_000);
    await work();
    await work();
    // However long it lay unused: nobody is stopped who was not told.
    await eventually(() =>
      expect(told()).toEqual([
        ['gone', 'account.dormant'],
        ['unused', 'account.dormant'],
      ]),
    );
    expect([await status('unused'), await status('gone')]).toEqual(['active', 'active']);
    const events = await gateway.sql<{ event: string; body: object; sent: boolean }>(
      `select event, body, next_try_at is not null as sent from webhook_event
       where account = $1`,
      [await gateway.accountId('unused')],
    );
    expect(events).toMatchObject([
      { event: 'account.dormant', body: { account: 'unused', thenAfterDays: 30 }, sent: true },
    ]);
    forget();
    await gateway.sql(`update dormancy set noticed_at = now() - interval '29 days 23 hours'`);
    await work();
    expect(told()).toEqual([]);
    await gateway.sql(`update dormancy set noticed_at = now() - interval '30 days'`);
    await work();
    await eventually(() =>
      expect(told()).toEqual([
        ['gone', 'account.terminated'],
        ['unused', 'account.suspended'],
      ]),
    );
    expect([await status('unused'), await status('gone')]).toEqual(['suspended', 'terminated']);
    // A resume begins it anew.
    await gateway.setStatus('unused', 'active');
    forget();
    await work();
    expect(told()).toEqual([]);
    expect(await status('unused')).toBe('active');
  });

  it('is over with a message, one at no price too, which the books alone know of', async () => {
    await made('free', 200);
    await work();
    await eventually(() => expect(told()).toEqual([['free', 'account.dormant']]));
    forget();
    await gateway.sql(`update dormancy set noticed_at = now() - interval '31 days'`);
    await gateway.sql(
      `with g as (insert into traffic_group (account, class, sender, prefix, network)
         values ($1, 'otp', '', '966', '') returning id)
       insert into usage_day select current_date - 2, id, 1, 1, 0, 0, 0, 0 from g`,
      [await gateway.accountId('free')],
    );
    await work();
    expect(told()).toEqual([]);
    expect(await status('free')).toBe('active');
    expect(await gateway.sql('select from dormancy')).toEqual([]);
    await gateway.sql(`update account set created_at = now() where name = 'free'`);
    const esme = await bind('free');
    await esme.accepted({});
    await work();
    expect(told()).toEqual([]);
  });
});
