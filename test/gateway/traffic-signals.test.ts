import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, type TestGateway } from '../support/gateway.ts';
import type { Esme } from './esme.ts';
import { TwoNodes } from './two-nodes-stand.ts';

const CAP_REACHED = 0x40d;
let stand: TwoNodes;
let gateway: TestGateway;
let other: TestGateway;

beforeAll(async () => {
  const mix = { prefixMix: { messages: 20, historyMessages: 100 } };
  const falls = { deliveryFalls: { settleSeconds: 0, messages: 20, historyMessages: 100 } };
  const policy = (...rules: object[]) => ({ rules });
  stand = await TwoNodes.open({
    policies: {
      refusing: policy({ ...mix, action: 'refuse' }),
      holding: policy({ ...falls, action: 'hold' }),
      stopping: policy({ ...mix, action: 'suspend' }),
      flagging: policy(mix),
    },
    tariffs: { standard: { '*': '0.1' } },
    accounts: {
      stolen: { policy: 'refusing', credit: '1000' },
      inflated: { policy: 'holding', trafficClass: 'otp', credit: '1000' },
      campaign: { policy: 'holding', trafficClass: 'promotional', credit: '1000' },
      stopped: { policy: 'stopping', credit: '1000' },
      fresh: { policy: 'refusing', credit: '1000' },
      flagged: { policy: 'flagging', credit: '1000' },
    },
  });
  ({ gateway, beside: other } = stand);
  const { carrier } = stand;
  // What goes to 99450 is delivered to nobody.
  carrier.onSubmit = (submit) => {
    carrier.accept(submit);
    const stat = submit.destination.startsWith('99450') ? 'UNDELIV' : 'DELIVRD';
    setTimeout(() => void carrier.receipt(submit, { stat }).catch(() => {}), 5);
  };
  for (const name of ['stolen', 'inflated', 'campaign', 'stopped', 'flagged']) await past(name);
});

afterAll(() => stand?.close());

/** A day of usual traffic: 300 messages each to three prefixes, nine in ten delivered. */
async function past(account: string): Promise<void> {
  await gateway.sql(
    `insert into traffic_slot (account, slot, class, prefix, accepted, delivered)
     select $1, date_trunc('hour', now()) - n * interval '1 hour', c, p, 15, 14
     from generate_series(2, 21) n, unnest(array['96650', '12025', '99450']) p,
       unnest(array['otp', 'transactional', 'promotional']) c`,
    [await gateway.accountId(account)],
  );
}

const bind = (systemId: string, at?: TestGateway) => stand.bind(systemId, at);

let numbers = 0;
function send(esme: Esme, count: number, prefix: string): Promise<number[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const to = `${prefix}${String(100_000 + numbers++)}`;
      return (await esme.submit({ destination_addr: to })).command_status;
    }),
  );
}

async function alerts(account: string): Promise<string[]> {
  const rows = await gateway.sql<{ prefix: string }>(
    'select prefix from traffic_alert where account = $1 order by 1',
    [await gateway.accountId(account)],
  );
  return rows.map(({ prefix }) => prefix);
}

describe('prefixMix', () => {
  it('stops a stolen bind on every node, and not the usual traffic', async () => {
    const here = await bind('stolen');
    const there = await bind('stolen', other);
    await send(here, 10, '96650');
    // Half of it on each node: neither alone has enough.
    expect(await send(here, 16, '44794')).toEqual(Array(16).fill(0));
    await send(there, 16, '44794');
    await eventually(async () => {
      expect(await send(here, 1, '44794')).toEqual([CAP_REACHED]);
      expect(await send(there, 1, '44794')).toEqual([CAP_REACHED]);
    });
    expect(await send(there, 2, '96650')).toEqual([0, 0]);
    expect(await alerts('stolen')).toEqual(['44794']);
    const account = await gateway.accountId('stolen');
    const events = await gateway.sql<{ event: string; body: object }>(
      'select event, body from webhook_event where account = $1',
      [account],
    );
    expect(events).toMatchObject([
      { event: 'traffic.unusual', body: { rule: 'prefixMix prefixMix', prefix: '44794' } },
    ]);
    const audit = await gateway.sql(
      `select from audit where action = 'traffic.unusual' and subject = 'stolen'`,
    );
    expect(audit).toHaveLength(1);
    await eventually(() => {
      const told = [...gateway.reports, ...other.reports].filter(
        ({ what, args }) => what === 'accountNotice' && args[1] === 'traffic.unusual',
      );
      expect(told).toHaveLength(1);
    });
    // It is over when it was usual for long enough.
    await gateway.sql(`delete from traffic_slot where account = $1 and prefix = '44794'`, [
      account,
    ]);
    await gateway.sql(
      `update traffic_alert set last_seen = now() - interval '2 hours' where account = $1`,
      [account],
    );
    await eventually(async () => expect(await send(there, 1, '44794')).toEqual([0]));
  });

  it('suspends, or flags, where the rule says so; and knows nothing unusual of a new account', async () => {
    const [stopped, fresh, flagged] = [
      await bind('stopped'),
      await bind('fresh'),
      await bind('flagged'),
    ];
    await Promise.all([stopped, fresh, flagged].map((esme) => send(esme, 40, '44794')));
    await eventually(async () => {
      expect(await alerts('stopped')).toEqual(['44794']);
      expect(await alerts('flagged')).toEqual(['44794']);
    });
    await eventually(() => {
      // The one under way when the session ends is answered by nobody.
      if (!stopped.closed) void send(stopped, 1, '44794').catch(() => {});
      expect(stopped.closed).toBe(true);
    });
    const [row] = await gateway.sql<{ status: string }>(
      `select status from account where name = 'stopped'`,
    );
    expect(row?.status).toBe('suspended');
    expect(await alerts('fresh')).toEqual([]);
    expect(await send(fresh, 1, '44794')).toEqual([0]);
    expect(await send(flagged, 1, '44794')).toEqual([0]);
  });
});

describe('deliveryFalls', () => {
  it('holds one-time passwords to a prefix where nothing arrives, and neither other classes nor prefixes', async () => {
    const inflated = await bind('inflated');
    const campaign = await bind('campaign');
    // A few at a time: as the counts stand at any moment, most have arrived.
    for (let n = 4; n <= 60; n += 4) {
      await send(inflated, 4, '96650');
      await eventually(() => expect(inflated.receipts).toHaveLength(n));
    }
    await send(inflated, 60, '99450');
    await send(campaign, 60, '99450');
    await eventually(async () => expect(await alerts('inflated')).toEqual(['99450']));
    const held = async () =>
      (
        await gateway.sql<{ held: number }>(
          'select count(*)::int as held from moderation where account = $1',
          [await gateway.accountId('inflated')],
        )
      )[0]?.held;
    await eventually(async () => {
      expect(await send(inflated, 1, '99450')).toEqual([0]);
      expect(await held()).toBeGreaterThan(0);
    });
    const before = await held();
    expect(await send(inflated, 3, '96650')).toEqual([0, 0, 0]);
    expect(await held()).toBe(before);
    expect(await alerts('campaign')).toEqual([]);
  });
});
