import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, type TestGateway } from '../support/gateway.ts';
import { Esme } from './esme.ts';
import { TwoNodes } from './two-nodes-stand.ts';

const CAP_REACHED = 0x40d;
const HOUR = 3_600;
let stand: TwoNodes;
let gateway: TestGateway;
let other: TestGateway;

beforeAll(async () => {
  const policy = (...rules: object[]) => ({ rules });
  stand = await TwoNodes.open({
    policies: {
      hundred: policy({ caps: { per: 'account', messages: 100, withinSeconds: HOUR } }),
      dollars: policy({ spend: { per: 'account', credits: '3', withinSeconds: HOUR } }),
      prefixes: policy({ caps: { per: 'prefix', prefixDigits: 4, messages: 2 } }),
      countries: policy({ spend: { per: 'country', credits: '0.2' } }),
      short: policy({ caps: { per: 'account', messages: 5, withinSeconds: 1 } }),
      several: policy(
        { caps: { per: 'account', messages: 3 }, when: { prefixes: ['1'] } },
        { caps: { per: 'account', messages: 1 }, when: { prefixes: ['44'] } },
        { bannedWords: { words: ['spam'] } },
      ),
      holding: policy({ caps: { per: 'account', messages: 1 }, action: 'hold' }),
      trying: policy({ caps: { per: 'account', messages: 1 }, mode: 'monitor' }),
      stopping: policy({ spend: { per: 'account', credits: '0.1' }, action: 'suspend' }),
      large: policy({ caps: { per: 'account', messages: 600, withinSeconds: HOUR } }),
      senders: policy({ caps: { per: 'sender', messages: 2, withinSeconds: HOUR } }),
    },
    tariffs: { standard: { '*': '0.1' } },
    accounts: Object.fromEntries(
      ['hundred', 'dollars', 'prefixes', 'countries', 'short', 'several', 'holding', 'trying']
        .concat('stopping', 'large', 'senders')
        .map((name) => [name, { policy: name, credit: '1000', bind: { bindsMax: 100 } }]),
    ),
  });
  ({ gateway, beside: other } = stand);
});

afterAll(() => stand?.close());

const bind = (systemId: string, at?: TestGateway) => stand.bind(systemId, at);

let numbers = 0;
/** command_status of so many messages at once, over these binds in turns. */
function burst(esmes: readonly Esme[], count: number, prefix = '1202555'): Promise<number[]> {
  return Promise.all(
    Array.from({ length: count }, async (_, n) => {
      const to = `${prefix}${String(1000 + (numbers++ % 9000))}`;
      const esme = esmes[n % esmes.length];
      return (await esme?.submit({ destination_addr: to }))?.command_status ?? -1;
    }),
  );
}

const accepted = (statuses: readonly number[]) => statuses.filter((status) => status === 0).length;
const capped = (statuses: readonly number[]) =>
  statuses.filter((status) => status === CAP_REACHED).length;

describe('a cap', () => {
  it('lets exactly its messages through 50 binds on two nodes at once, and a lost epoch begins nothing anew', async () => {
    const here = await Promise.all(Array.from({ length: 25 }, () => bind('hundred')));
    const there = await Promise.all(Array.from({ length: 25 }, () => bind('hundred', other)));
    const first = await burst([...here, ...there], 70);
    expect(accepted(first)).toBe(70);
    await other.abandon();
    await other.up();
    const again = await Promise.all(Array.from({ length: 10 }, () => bind('hundred', other)));
    const second = await burst([...here, ...again], 200);
    const sum = 70 + accepted(second);
    expect(capped(second)).toBe(200 - accepted(second));
    expect(sum).toBeLessThanOrEqual(100);
    // What a node has ahead is at most a hundredth of the cap.
    expect(sum).toBeGreaterThanOrEqual(99);
    const [row] = await gateway.sql<{ count: number }>(
      `select count(*)::int as count from message where account = $1`,
      [await gateway.accountId('hundred')],
    );
    expect(row?.count).toBe(sum);
  });

  it('counts a sender whatever its case, at both nodes', async () => {
    const [here, there] = [await bind('senders'), await bind('senders', other)];
    const statusOf = async (esme: Esme, source_addr: string) =>
      (await esme.submit({ source_addr })).command_status;
    expect(await statusOf(here, 'Cap')).toBe(0);
    expect(await statusOf(there, 'CAP')).toBe(0);
    expect(await statusOf(here, 'cap')).toBe(CAP_REACHED);
    expect(await statusOf(there, 'cAP ')).toBe(CAP_REACHED);
    expect(await statusOf(here, 'Cape')).toBe(0);
  });

  it('holds in each of its times and opens again after it, whoever hammers at its edge', async () => {
    const esme = await bind('short');
    const beside = await bind('short', other);
    // Of each that passed: it was counted between the two.
    const times: { sentAt: number; answeredAt: number }[] = [];
    const from = Date.now();
    while (Date.now() < from + 2_500 || times.length < 10) {
      const sentAt = Date.now();
      const statuses = await burst([esme, beside], 4);
      const answeredAt = Date.now();
      for (const status of statuses) if (status === 0) times.push({ sentAt, answeredAt });
    }
    // 5 in each time of 1 s, of which the first and the last may be parts.
    const whole = Math.floor((Date.now() - from) / 1_000);
    expect(times.length).toBeLessThanOrEqual(5 * (whole + 2));
    // Of a time no more than 5: eleven in a row span two edges.
    for (const [i, { sentAt }] of times.entries()) {
      const eleventh = times[i + 10];
      if (eleventh !== undefined) expect(eleventh.answeredAt - sentAt).toBeGreaterThan(750);
    }
  });

  it('counts each prefix of its length, and rules of one name each by itself', async () => {
    const esme = await bind('prefixes');
    expect(accepted(await burst([esme], 5, '1202555'))).toBe(2);
    expect(accepted(await burst([esme], 5, '1203555'))).toBe(2);
    const several = await bind('several');
    expect(accepted(await burst([several], 5, '4479460'))).toBe(1);
    expect(accepted(await burst([several], 5, '1202555'))).toBe(3);
  });

  it('does not count what another rule refuses', async () => {
    await gateway.sql(`delete from quota where account = $1`, [await gateway.accountId('several')]);
    await other.drain();
    await other.up();
    const esme = await bind('several', other);
    for (let n = 0; n < 5; n++) {
      const refused = await esme.submit({ destination_addr: '12025550100', short_message: 'spam' });
      expect(refused.command_status).toBe(0x405);
    }
    expect(accepted(await burst([esme], 4))).toBe(3);
  });

  it('leaves to the other node what a node does not use', async () => {
    const here = await bind('large');
    const there = await bind('large', other);
    // Each takes 6 ahead: the first leaves them.
    expect(accepted(await burst([here], 1))).toBe(1);
    let sum = 1;
    await eventually(async () => {
      sum += accepted(await burst([there], 150));
      expect(sum).toBe(600);
    });
    expect(accepted(await burst([here, there], 20))).toBe(0);
  });

  it('holds, or only counts, where the rule says so', async () => {
    const holding = await bind('holding');
    expect(await burst([holding], 3)).toEqual([0, 0, 0]);
    await eventually(async () => {
      const [row] = await gateway.sql<{ held: number }>(
        `select count(*)::int as held from moderation where account = $1 and rule = 'caps'`,
        [await gateway.accountId('holding')],
      );
      expect(row?.held).toBe(2);
    });
    const trying = await bind('trying');
    expect(await burst([trying], 3)).toEqual([0, 0, 0]);
    const hits = gateway.reports.filter(
      ({ what, args }) => what === 'policyDecision' && args[1] === 'monitor',
    );
    expect(hits).toHaveLength(2);
  });

  it('keeps no number in clear', async () => {
    const rows = await gateway.sql<{ row: string }>('select quota::text as row from quota');
    expect(rows.length).toBeGreaterThan(4);
    for (const { row } of rows) expect(row).not.toMatch(/1202|1203|4479/);
  });
});

describe('a spending cap', () => {
  it('is met to the last unit by 40 binds of two nodes: 30 messages at 0.1 of 3 credits', async () => {
    const here = await Promise.all(Array.from({ length: 20 }, () => bind('dollars')));
    const there = await Promise.all(Array.from({ length: 20 }, () => bind('dollars', other)));
    const statuses = await burst([...here, ...there], 100);
    expect(accepted(statuses)).toBe(30);
    expect(capped(statuses)).toBe(70);
    expect(await gateway.money('dollars')).toEqual({ credits: '997', reserved: '0' });
  });

  it('counts countries apart, and the segments of a long message', async () => {
    const esme = await bind('countries');
    const long = 'a'.repeat(300); // two segments: 0.2
    const two = { destination_addr: '12025550100', message_payload: long, short_message: '' };
    expect((await esme.submit(two)).command_status).toBe(0);
    expect(accepted(await burst([esme], 1))).toBe(0);
    // Canada shares the calling code and not the cap.
    expect(accepted(await burst([esme], 3, '1416555'))).toBe(2);
  });

  it('suspends the account and ends its sessions where the rule says so', async () => {
    const esme = await bind('stopping');
    const beside = await bind('stopping', other);
    expect(await burst([esme], 1)).toEqual([0]);
    const [status] = await burst([beside], 1);
    expect(status).toBe(CAP_REACHED);
    await eventually(() => expect([esme.closed, beside.closed]).toEqual([true, true]));
    const { response } = await Esme.tryBind(gateway.port, { systemId: 'stopping' });
    expect(response.command_status).toBe(0x0d);
  });
});
