import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatCredits } from '../../src/domain/money.ts';
import { askRefund, type ClaimDeps, decideRefund, payRefund } from '../../src/ops/refund-claims.ts';
import { declareOutage, withdrawOutage } from '../../src/store/outages.ts';
import { type RefundItem, readItems } from '../../src/store/refund-items.ts';
import { findRequest } from '../../src/store/refund-requests.ts';
import { Esme } from '../gateway/esme.ts';
import { resources } from '../gateway/resources.ts';
import { ScriptedCarrier } from '../gateway/scripted-carrier.ts';
import { eventually, TestGateway } from '../support/gateway.ts';

/** Providers of different terms; each has an account of its name, and sells lots. */
const LOTS = { topUpExtendsBalance: false, refundAutomatic: [] };
const TERMS = {
  window: { ...LOTS, refundOnRequest: ['platform'], lateFaultException: false },
  excepting: { ...LOTS, refundOnRequest: ['platform'], lateFaultException: true },
  carriers: { ...LOTS, refundOnRequest: ['carrier'] },
  nothing: { ...LOTS },
  automatic: { refundAutomatic: ['platform'] },
  both: { refundAutomatic: ['platform'], refundOnRequest: ['recipient'] },
  worded: { refundAutomatic: ['platform', 'recipient'] },
  restoring: { ...LOTS, refundOnRequest: ['carrier'], refundIntoExpired: 'restore' },
  forfeiting: { ...LOTS, refundOnRequest: ['carrier'], refundIntoExpired: 'forfeit' },
} as const;
type Terms = keyof typeof TERMS;

let carrier: ScriptedCarrier;
let gateway: TestGateway;
const esmes = new Map<string, Esme>();

beforeAll(async () => {
  carrier = await ScriptedCarrier.listen();
  gateway = await TestGateway.start(
    resources({
      terms: TERMS,
      accounts: Object.fromEntries(Object.keys(TERMS).map((terms) => [terms, { terms }])),
      tariffs: { standard: { '*': '0.1' } },
      carriers: { main: { port: carrier.port, prefix: '', receiptGraceHours: 0.0001 } },
    }),
  );
  for (const systemId of Object.keys(TERMS))
    esmes.set(systemId, await Esme.bind(gateway.port, { systemId }));
});

afterAll(async () => {
  for (const esme of esmes.values()) await esme.close();
  await gateway?.close();
  await carrier?.down();
});

const deps = (): ClaimDeps => ({
  pool: gateway.pool,
  destinationsOf: (ids) => gateway.node.gateway.destinationsOf(ids),
});
let numbers = 0;

/** A message of 0.1 that ended so, by its carrier's receipt. */
async function ended(account: Terms, stat: string, prefix = '1202555'): Promise<string> {
  const esme = esmes.get(account);
  if (esme === undefined) throw new Error(account);
  const to = `${prefix}${String(1000 + numbers++)}`;
  const id = await esme.accepted({ destination_addr: to });
  const [submit] = await carrier.taken(1, to);
  if (submit === undefined) throw new Error('taken');
  await carrier.receipt(submit, { stat });
  await gateway.ended(id, { state: stat as never });
  return id;
}

/** A message that its carrier has before its short validity is over: a longer one on a machine that is slower. */
async function takenInTime(account: Terms, destination_addr: string) {
  for (const seconds of ['01', '05', '20']) {
    const before = carrier.to(destination_addr).length;
    const validity_period = `0000000000${seconds}000R`;
    const id = await esmes.get(account)?.accepted({ destination_addr, validity_period });
    if (id === undefined) throw new Error(account);
    const submit = await eventually(async () => {
      const sent = carrier.to(destination_addr)[before];
      if (sent === undefined) expect(await gateway.end(id)).toMatchObject({ state: 'EXPIRED' });
      return sent;
    });
    if (submit !== undefined) return { id, submit };
  }
  throw new Error('it expires before it is sent');
}

async function ask(account: Terms, reference: string, messages: readonly string[]) {
  const made = await askRefund(deps(), {
    ...{ account, reference, messages },
    reason: 'not delivered',
    actor: 'ann',
  });
  if ('refused' in made) throw new Error(made.refused);
  return { ...made, items: await itemsOf(made.request.id) };
}

function itemsOf(id: bigint): Promise<RefundItem[]> {
  return readItems(gateway.pool, id, { after: 0n, limit: 100 });
}

const findings = (items: readonly RefundItem[]) => items.map(({ finding }) => finding);
const decide = (id: bigint, decision: 'approve' | 'refuse', actor = 'ann') =>
  decideRefund(deps(), { id, decision, reason: 'looked into', actor });
const pay = (id: bigint, reference = 'payment 1') =>
  payRefund(deps(), id, { reference, actor: 'ann' });

async function outage(prefix: string) {
  const now = Date.now();
  const declared = await declareOutage(gateway.pool, {
    from: new Date(now - 3_600_000),
    until: new Date(now + 3_600_000),
    carrier: 'main',
    prefix,
    reason: 'exchange down',
    actor: 'ann',
  });
  if (declared === undefined) throw new Error('declared');
  return declared.outage;
}

/** Makes purchases of an account look as old as this. */
async function bought(account: Terms, hoursAgo: number): Promise<void> {
  await gateway.sql(
    `update top_up set at = now() - $2 * interval '1 hour' where account = (select id from account where name = $1)`,
    [account, hoursAgo],
  );
}

describe('P5.2 requests within the window of the purchase', () => {
  it('refuses as it comes what was paid by a purchase of 49 hours ago', async () => {
    const id = await ended('window', 'REJECTD', '311');
    const down = await outage('311');
    await bought('window', 49);
    const { request, items } = await ask('window', 'P5.2', [id]);
    expect(findings(items)).toEqual(['tooLateAfterPurchase']);
    expect(request).toMatchObject({ state: 'refused', decision: { by: 'terms' } });
    expect(await decide(request.id, 'approve')).toMatchObject({ refused: 'decided' });
    await bought('window', 1);
    await withdrawOutage(gateway.pool, { id: down.id, actor: 'ann' });
  });

  it('twin: lateFaultException true pays the same for a fault of the platform', async () => {
    const id = await ended('excepting', 'REJECTD', '312');
    await outage('312');
    await bought('excepting', 49);
    const { request, items } = await ask('excepting', 'P5.2', [id]);
    expect(findings(items)).toEqual(['refundable']);
    await decide(request.id, 'approve');
    expect(await pay(request.id)).toMatchObject({ request: { state: 'paid' }, existing: false });
    expect(await gateway.money('excepting')).toMatchObject({ credits: '10' });
    await gateway.reconciled();
  });
});

describe('P5.3 platform faults, after investigation', () => {
  it('pays what a declared outage shows, once, to the lot that paid', async () => {
    const id = await ended('window', 'UNDELIV', '321');
    const before = await ask('window', 'P5.3', [id]);
    expect(findings(before.items)).toEqual(['faultNotRefunded']);
    expect(before.request.state).toBe('open');
    expect(await decide(before.request.id, 'approve')).toEqual({ refused: 'nothingRefundable' });
    const { id: down } = await outage('321');
    const approved = await decide(before.request.id, 'approve');
    expect(approved).toMatchObject({ state: 'approved', amount: 100_000n });
    expect((await itemsOf(before.request.id))[0]?.evidence).toMatchObject({
      ...{ state: 'UNDELIV', fault: 'recipient', outage: down, countsAs: 'platform' },
      tries: [{ carrier: 'main' }],
    });
    const had = (await gateway.money('window')).credits;
    expect(await pay(before.request.id)).toMatchObject({ paid: 100_000n });
    expect(await pay(before.request.id)).toMatchObject({ paid: 0n, existing: true });
    expect(await pay(before.request.id, 'other')).toMatchObject({ refused: 'otherReference' });
    const [entry] = await gateway.sql<{ cause: string; amount: bigint; lot: string }>(
      `select e.cause, e.amount, l.reference as lot from ledger_entry e join lot l on l.id = e.lot
       where e.kind = 'refund' and e.account = (select id from account where name = 'window') order by e.id desc`,
    );
    expect(entry).toEqual({ cause: 'request', amount: 100_000n, lot: 'opening' });
    expect(Number((await gateway.money('window')).credits)).toBeCloseTo(Number(had) + 0.1, 6);
    await gateway.reconciled();
  });

  it('twin: refundAutomatic platform refunds without a request, and only what the outage is about', async () => {
    const hit = await ended('automatic', 'UNDELIV', '331');
    const other = await ended('automatic', 'UNDELIV', '332');
    const fine = await ended('automatic', 'DELIVRD', '331');
    expect(await gateway.money('automatic')).toMatchObject({ credits: '9.7' });
    await outage('331');
    await eventually(async () =>
      expect(await gateway.money('automatic')).toMatchObject({ credits: '9.8' }),
    );
    const given = await gateway.sql<{ message: bigint }>(
      'select message from message_refund where message = any ($1)',
      [[hit, other, fine]],
    );
    expect(given.map(({ message }) => message.toString())).toEqual([hit]);
    // Declared again over the same time it finds nothing that was not given back.
    await outage('33');
    await eventually(async () =>
      expect(await gateway.money('automatic')).toMatchObject({ credits: '9.9' }),
    );
    await gateway.reconciled();
  });
});

describe('a request for what an outage gives back meanwhile', () => {
  it('says so, whether it is open or approved, and pays nothing', async () => {
    const [open, approved] = [
      await ended('both', 'UNDELIV', '361'),
      await ended('both', 'UNDELIV', '361'),
    ];
    const asked = [await ask('both', 'open', [open]), await ask('both', 'approved', [approved])];
    expect(asked.map(({ items }) => findings(items))).toEqual([['refundable'], ['refundable']]);
    const [first = 0n, second = 0n] = asked.map(({ request }) => request.id);
    await decide(second, 'approve');
    const { id: down } = await outage('361');
    await eventually(async () =>
      expect(await gateway.money('both')).toMatchObject({ credits: '10' }),
    );
    const told = {
      finding: 'alreadyRefunded',
      amount: 0n,
      evidence: { givenBack: '0.1', refunded: { outage: down } },
    };
    expect(await itemsOf(first)).toMatchObject([told]);
    expect(await findRequest(gateway.pool, second)).toMatchObject({ amount: 0n });
    expect(await decide(first, 'approve')).toEqual({ refused: 'nothingRefundable' });
    expect(await pay(second)).toMatchObject({ paid: 0n, request: { state: 'paid', amount: 0n } });
    for (const id of [first, second]) expect(await itemsOf(id)).toMatchObject([told]);
    await gateway.reconciled();
  });
});

describe('the late word of a carrier', () => {
  it('refunds at once also beside outages that last since twenty years ago', async () => {
    const years = { from: new Date('2005-01-01T00:00:00Z'), until: undefined, carrier: undefined };
    for (const prefix of ['998', '997'])
      await declareOutage(gateway.pool, { ...years, prefix, reason: 'never ended', actor: 'olga' });
    const id = await ended('automatic', 'UNDELIV', '351');
    await outage('351');
    await eventually(async () => {
      const [row] = await gateway.sql<{ amount: bigint }>(
        'select amount from message_refund where message = $1',
        [id],
      );
      expect(row && formatCredits(row.amount as never)).toBe('0.1');
      // They have come to our time as well.
      const [left] = await gateway.sql<{ n: number }>(
        `select count(*)::int as n from outage where reason = 'never ended' and looked_until < now() - interval '1 min'`,
      );
      expect(left?.n).toBe(0);
    }, 10_000);
  });

  it('gives nothing back that an outage gave back before', async () => {
    const { id, submit } = await takenInTime('worded', '34112025550');
    await eventually(async () => {
      await gateway.bringBeforeJanitor(id);
      expect(await gateway.end(id)).toMatchObject({ state: 'UNKNOWN', cause: 'noReceipt' });
    });
    expect(await gateway.money('worded')).toMatchObject({ credits: '9.9' });
    await outage('341');
    await eventually(async () =>
      expect(await gateway.money('worded')).toMatchObject({ credits: '10' }),
    );
    await carrier.receipt(submit, { stat: 'UNDELIV' });
    await eventually(async () =>
      expect(await gateway.sql('select amount from correction where message = $1', [id])).toEqual([
        { amount: 0n },
      ]),
    );
    expect(await gateway.money('worded')).toMatchObject({ credits: '10' });
    await gateway.reconciled();
  });
});

describe('P5.4 reported within 24 hours of the campaign', () => {
  it('takes a campaign of ids: each is judged, unknown ones are named, the same again is one', async () => {
    const failed = await ended('carriers', 'REJECTD');
    const delivered = await ended('carriers', 'DELIVRD');
    const foreign = await ended('nothing', 'REJECTD');
    const ids = [failed, delivered, foreign, '12'];
    const { request, items } = await ask('carriers', 'P5.4', ids);
    expect(findings(items)).toEqual(['refundable', 'delivered']);
    expect(request).toMatchObject({ state: 'open', unknown: 2, amount: 100_000n });
    expect(await ask('carriers', 'P5.4', [...ids].reverse())).toMatchObject({
      existing: true,
      request: { id: request.id },
    });
    const other = { account: 'carriers', reference: 'P5.4', messages: [failed] };
    expect(await askRefund(deps(), { ...other, reason: 'r', actor: 'ann' })).toEqual({
      refused: 'otherRequest',
    });
    expect(findings((await ask('carriers', 'again', [failed])).items)).toEqual([
      'alreadyRequested',
    ]);
  });

  it('refuses what was accepted longer ago than reportWithinHours', async () => {
    const id = await ended('carriers', 'REJECTD');
    await gateway.apply(
      resources({
        terms: { ...TERMS, carriers: { ...TERMS.carriers, reportWithinHours: 0.000001 } },
        accounts: Object.fromEntries(Object.keys(TERMS).map((terms) => [terms, { terms }])),
        tariffs: { standard: { '*': '0.1' } },
        carriers: { main: { port: carrier.port, prefix: '', receiptGraceHours: 0.0001 } },
      }),
    );
    const { request, items } = await ask('carriers', 'late', [id]);
    expect([findings(items), request.state]).toEqual([['tooLate'], 'refused']);
    await gateway.apply(
      resources({
        terms: TERMS,
        accounts: Object.fromEntries(Object.keys(TERMS).map((terms) => [terms, { terms }])),
        tariffs: { standard: { '*': '0.1' } },
        carriers: { main: { port: carrier.port, prefix: '', receiptGraceHours: 0.0001 } },
      }),
    );
    expect(findings((await ask('carriers', 'in time', [id])).items)).toEqual(['refundable']);
  });
});

describe('P5.6 faults of carriers', () => {
  it('P3.9 are not refunded where the terms say nothing of requests', async () => {
    const { request, items } = await ask('nothing', 'P5.6', [await ended('nothing', 'REJECTD')]);
    expect([findings(items), request.state]).toEqual([['notOnRequest'], 'refused']);
  });
});

describe('P5.5 and P5.7 the decision', () => {
  it('is one: of two operators at once one wins, and it is payable seven business days later', async () => {
    const { request } = await ask('carriers', 'P5.7', [await ended('carriers', 'REJECTD')]);
    const both = await Promise.all([
      decide(request.id, 'approve', 'ann'),
      decide(request.id, 'refuse', 'bob'),
    ]);
    expect(both.filter((one) => 'refused' in one)).toHaveLength(1);
    const state = both.flatMap((one) => ('state' in one ? [one.state] : []));
    expect(await decide(request.id, 'approve')).toMatchObject({
      refused: 'decided',
      request: { state: state[0] },
    });
    await expect(
      gateway.sql(`update refund_request set decision = 'other' where id = $1`, [request.id]),
    ).rejects.toThrow('final');
    expect(await pay(request.id)).toMatchObject(
      state[0] === 'refused' ? { refused: 'notApproved' } : { paid: 100_000n },
    );
    await gateway.reconciled();
  });
});

describe('a refund into credit that has expired since', () => {
  it.each([
    ['restoring', '10'],
    ['forfeiting', '0'],
  ] as const)('goes by the terms: %s', async (account, credits) => {
    const { request } = await ask(account, 'expired', [await ended(account, 'REJECTD')]);
    await decide(request.id, 'approve');
    await gateway.sql(
      `update lot set expires_at = now() - interval '1 second' where not own
         and account = (select id from account where name = $1)`,
      [account],
    );
    await eventually(async () =>
      expect(await gateway.money(account)).toMatchObject({ credits: '0' }),
    );
    const paid = await pay(request.id);
    expect('paid' in paid && formatCredits(paid.paid as never)).toBe('0.1');
    await eventually(async () =>
      expect(await gateway.entries(account)).toContain(
        credits === '0' ? 'forfeit -0.1' : 'refund +0.1',
      ),
    );
    const left = credits === '0' ? '0' : '0.1';
    expect(await gateway.money(account)).toMatchObject({ credits: left });
    await gateway.reconciled();
  });
});
