import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { messageId } from '../../src/domain/ids.ts';
import { formatCredits, ZERO } from '../../src/domain/money.ts';
import { countHeld, decideHeld, findHeld, listHeld } from '../../src/store/moderation.ts';
import { inTransaction } from '../../src/store/pool.ts';
import { eventually, TestGateway } from '../support/gateway.ts';
import { Esme } from './esme.ts';
import { cancel, replace, SHOP } from './manage-stand.ts';
import { resources } from './resources.ts';
import { partOf, ScriptedCarrier } from './scripted-carrier.ts';

const RMSGQFUL = 0x14;
const CONTENT_REFUSED = 0x405;
/** Of the account whose parts wait a second. */
const OPENING = { credits: '10', reserved: '0' };

let carrier: ScriptedCarrier;
let gateway: TestGateway;
const bound: Esme[] = [];
let numbers = 0;

beforeAll(async () => {
  carrier = await ScriptedCarrier.listen();
  carrier.deliverAll();
  const words = { name: 'gambling', bannedWords: { words: ['casino'] } };
  const template = { template: { templates: [{ text: 'Your code is {digits:6}, thank you' }] } };
  const own = { policy: 'words' };
  gateway = await TestGateway.start(
    resources({
      terms: { keeps: { onRefusal: 'keep' }, onDelivery: { chargeOn: 'delivered' } },
      policies: {
        words: { rules: [words], partsWaitSeconds: 60 },
        impatient: { rules: [words], partsWaitSeconds: 60 },
        atOnce: { rules: [words], partsWaitSeconds: 0 },
        templates: { rules: [template], partsWaitSeconds: 60 },
        holds: { rules: [{ ...words, action: 'hold' }], partsWaitSeconds: 60 },
        holdsSender: {
          rules: [{ name: 'registered', senderRegistered: {}, action: 'hold' }, words],
          partsWaitSeconds: 60,
        },
        flags: { rules: [{ ...words, action: 'flag' }], partsWaitSeconds: 60 },
        elsewhere: { rules: [{ ...words, when: { countries: ['SA'] } }], partsWaitSeconds: 60 },
        counts: { rules: [{ ...words, violation: true }], partsWaitSeconds: 60 },
        capped: {
          rules: [{ caps: { per: 'recipient', messages: 3 } }, words],
          partsWaitSeconds: 60,
        },
      },
      accounts: {
        cut: own,
        keeps: { ...own, terms: 'keeps' },
        reserved: { ...own, terms: 'onDelivery' },
        clean: own,
        order: own,
        interleaved: own,
        twice: own,
        changed: own,
        pipelined: { ...own, credit: '1000' },
        crowd: { ...own, credit: '1000', bind: { segmentsPerSecond: 100_000 } },
        nodes: own,
        atOnceTwo: own,
        capped: { policy: 'capped' },
        restarted: own,
        cancelled: own,
        replaced: own,
        multi: own,
        poor: { ...own, credit: '0.1' },
        impatient: { policy: 'impatient' },
        atOnce: { policy: 'atOnce' },
        templates: { policy: 'templates' },
        holds: { policy: 'holds' },
        holdsSender: { policy: 'holdsSender' },
        flags: { policy: 'flags' },
        elsewhere: { policy: 'elsewhere' },
        counts: { policy: 'counts' },
        open: {},
      },
      carriers: { main: { port: carrier.port, prefix: '1', binds: 1 } },
    }),
  );
});

afterAll(async () => {
  for (const esme of bound) await esme.close();
  await gateway?.close();
  await carrier?.down();
});

async function bind(systemId: string, port = gateway.port): Promise<Esme> {
  const esme = await Esme.bind(port, { systemId });
  bound.push(esme);
  return esme;
}

function number(): string {
  numbers++;
  return `1202555${1000 + numbers}`;
}

/** A part of the message of this reference, by the sar TLVs (SMPP 3.4 §5.3.2.22). */
function part(to: string, at: number, total: number, short_message: string, reference = 7): object {
  return {
    ...SHOP,
    destination_addr: to,
    short_message,
    sar_msg_ref_num: reference,
    sar_total_segments: total,
    sar_segment_seqnum: at,
  };
}

/** Its place by the user data header that the carrier got, as 1/3. */
function placesAt(to: string): string[] {
  return carrier.to(to).map((submit) => {
    const place = partOf(submit.pdu);
    return `${place?.number}/${place?.total}`;
  });
}

/** As if what an account has waiting had waited for its parts long enough. */
async function timeIsOver(account: string): Promise<void> {
  await gateway.sql(`update part_set set until = now() where ids <> '{}' and account = $1`, [
    await gateway.accountId(account),
  ]);
}

async function waiting(account: string): Promise<number> {
  const [row] = await gateway.sql<{ n: number }>(
    `select coalesce(sum(cardinality(p.ids)), 0)::int as n from part_set p
     join account a on a.id = p.account where a.name = $1`,
    [account],
  );
  return row?.n ?? -1;
}

describe('a word cut across two parts', () => {
  it('refuses the second with the status; the first ends REJECTD and costs nothing', async () => {
    const esme = await bind('cut');
    const to = number();
    const first = await esme.accepted(part(to, 1, 2, 'come to our cas'));
    expect(await gateway.money('cut')).toEqual({ credits: '9.9', reserved: '0' });
    expect(await waiting('cut')).toBe(1);
    const second = await esme.submit(part(to, 2, 2, 'ino tonight'));
    expect(second.command_status).toBe(CONTENT_REFUSED);
    // It had ended before the second was answered.
    expect(await gateway.end(first)).toMatchObject({
      state: 'REJECTD',
      fault: 'customer',
      cause: 'policy',
    });
    expect(await esme.receiptOf(first)).toMatchObject({ state: 'REJECTD' });
    expect(await gateway.money('cut')).toEqual(OPENING);
    expect(await gateway.entries('cut')).toEqual(['top_up +10', 'charge -0.1', 'refund +0.1']);
    expect(carrier.to(to)).toEqual([]);
    expect(await waiting('cut')).toBe(0);
    await eventually(async () => expect(await gateway.sql('select id from scheduled')).toEqual([]));
    await gateway.reconciled();
  });

  it('gives the price back whole whatever the terms say of refusals, or releases what was reserved', async () => {
    for (const account of ['keeps', 'reserved']) {
      const esme = await bind(account);
      const to = number();
      const first = await esme.accepted(part(to, 2, 2, 'ino tonight'));
      const second = await esme.submit(part(to, 1, 2, 'come to our cas'));
      expect(second.command_status).toBe(CONTENT_REFUSED);
      expect(await esme.receiptOf(first)).toMatchObject({ state: 'REJECTD' });
      expect(await gateway.money(account)).toEqual(OPENING);
      expect(carrier.to(to)).toEqual([]);
    }
  });

  it('is found when both come in one write, a hundred times over two sessions', async () => {
    const sessions = [await bind('pipelined'), await bind('pipelined')];
    const tos = Array.from({ length: 100 }, number);
    const answers = await Promise.all(
      tos.map(async (to, i) => {
        const [one, other] = i % 2 === 0 ? sessions : [...sessions].reverse();
        const both = [
          one?.submit(part(to, 1, 2, 'come to our cas')),
          (i % 3 === 0 ? one : other)?.submit(part(to, 2, 2, 'ino tonight')),
        ];
        return (await Promise.all(both)).map((answer) => answer?.command_status).sort();
      }),
    );
    expect(answers).toEqual(tos.map(() => [0, CONTENT_REFUSED]));
    await eventually(async () =>
      expect(await gateway.money('pipelined')).toEqual({ credits: '1000', reserved: '0' }),
    );
    expect(tos.flatMap((to) => carrier.to(to))).toEqual([]);
    await gateway.reconciled();
  });

  it('is found in a third part, and in the part of an earlier try', async () => {
    const esme = await bind('changed');
    const to = number();
    await esme.accepted(part(to, 1, 3, 'come to our cas'));
    await esme.accepted(part(to, 1, 3, 'come to our house'));
    await esme.accepted(part(to, 3, 3, 'tonight'));
    const last = await esme.submit(part(to, 2, 3, 'ino '));
    expect(last.command_status).toBe(CONTENT_REFUSED);
    await eventually(async () => expect(await gateway.money('changed')).toEqual(OPENING));
    expect(carrier.to(to)).toEqual([]);
  });

  it('counts once against the account, and what follows of the message is refused with it', async () => {
    const esme = await bind('counts');
    const to = number();
    const status = async (at: number, text: string) =>
      (await esme.submit(part(to, at, 3, text))).command_status;
    expect(await status(1, 'come to our casino')).toBe(CONTENT_REFUSED);
    expect(await status(2, 'all of')).toBe(CONTENT_REFUSED);
    expect(await status(3, 'you')).toBe(CONTENT_REFUSED);
    // The same again without the word is a new message.
    expect(await status(1, 'come to our house')).toBe(0);
    expect(await status(2, 'all of')).toBe(0);
    expect(await status(3, 'you')).toBe(0);
    await carrier.taken(3, to);
    await eventually(async () =>
      expect(
        await gateway.sql(
          'select rule from violation v join account a on a.id = v.account and a.name = $1',
          ['counts'],
        ),
      ).toEqual([{ rule: 'gambling' }]),
    );
  });
});

describe('parts of a message that may go', () => {
  it('are answered at once, and sent together in their order when the last is there', async () => {
    const esme = await bind('order');
    const to = number();
    const ids = [];
    for (const at of [3, 1, 2]) {
      expect(carrier.to(to)).toEqual([]);
      ids.push(await esme.accepted(part(to, at, 3, `part ${at} `)));
    }
    await carrier.taken(3, to);
    expect(placesAt(to)).toEqual(['1/3', '2/3', '3/3']);
    for (const id of ids) expect(await esme.receiptOf(id)).toMatchObject({ state: 'DELIVRD' });
    expect(await gateway.money('order')).toEqual({ credits: '9.7', reserved: '0' });
    await eventually(async () => expect(await gateway.sql('select id from scheduled')).toEqual([]));
  });

  it('are kept apart by reference, recipient and account, from whatever session they come', async () => {
    const sessions = [await bind('interleaved'), await bind('interleaved')];
    const other = await bind('clean');
    const [a, b, c] = [number(), number(), number()];
    await sessions[0]?.accepted(part(a, 1, 2, 'cas', 1));
    await sessions[1]?.accepted(part(b, 2, 2, 'ino', 1));
    await sessions[0]?.accepted(part(a, 2, 2, 'ino', 2));
    await other.accepted(part(a, 2, 2, 'ino', 1));
    await sessions[1]?.accepted(part(c, 1, 2, 'cas', 1));
    expect([a, b, c].flatMap((to) => carrier.to(to))).toEqual([]);
    await sessions[1]?.accepted(part(a, 2, 2, 'tle', 1));
    await sessions[0]?.accepted(part(b, 1, 2, 'can', 1));
    await sessions[0]?.accepted(part(c, 2, 2, 'h', 1));
    await eventually(() => expect([a, b, c].map(placesAt)).toEqual(Array(3).fill(['1/2', '2/2'])));
    expect(await waiting('interleaved')).toBe(1);
    expect(await waiting('clean')).toBe(1);
  });

  it('go with a part that came twice, both of it', async () => {
    const esme = await bind('twice');
    const to = number();
    await esme.accepted(part(to, 1, 2, 'good '));
    await esme.accepted(part(to, 1, 2, 'good '));
    expect(carrier.to(to)).toEqual([]);
    await esme.accepted(part(to, 2, 2, 'day'));
    await eventually(() => expect(placesAt(to)).toEqual(['1/2', '1/2', '2/2']));
    expect(await gateway.money('twice')).toEqual({ credits: '9.7', reserved: '0' });
  });

  it('go to each recipient of a submit_multi', async () => {
    const esme = await bind('multi');
    const to = [number(), number()];
    const multi = (at: number, text: string) =>
      new Promise<number>((told) => {
        const dest_address = to.map((destination_addr) => ({
          dest_addr_ton: 1,
          dest_addr_npi: 1,
          destination_addr,
        }));
        const { destination_addr: _, ...fields } = part('', at, 2, text) as Record<string, unknown>;
        esme.session.submit_multi({ ...fields, dest_address }, (pdu) =>
          told(pdu.command_status ?? -1),
        );
      });
    expect(await multi(1, 'good ')).toBe(0);
    expect(await multi(2, 'day')).toBe(0);
    await eventually(() => expect(to.map(placesAt)).toEqual(Array(2).fill(['1/2', '2/2'])));
  });

  it('go as they are when the last cannot be paid', async () => {
    const esme = await bind('poor');
    const to = number();
    await esme.accepted(part(to, 1, 2, 'good '));
    expect((await esme.submit(part(to, 2, 2, 'day'))).command_status).toBe(0x401);
    expect(await gateway.money('poor')).toEqual({ credits: '0', reserved: '0' });
    await timeIsOver('poor');
    await carrier.taken(1, to);
  });
});

describe('a message of which a part is missing', () => {
  it('goes as it is when the time is over, and what comes later is judged with it', async () => {
    const esme = await bind('impatient');
    const to = number();
    await esme.accepted(part(to, 1, 3, 'come to our '));
    await esme.accepted(part(to, 2, 3, 'cas'));
    expect(carrier.to(to)).toEqual([]);
    await timeIsOver('impatient');
    await eventually(() => expect(placesAt(to)).toEqual(['1/3', '2/3']));
    expect((await esme.submit(part(to, 3, 3, 'ino'))).command_status).toBe(CONTENT_REFUSED);
    const other = number();
    await esme.accepted(part(other, 2, 2, 'tle'));
    await timeIsOver('impatient');
    await carrier.taken(1, other);
    await esme.accepted(part(other, 1, 2, 'cas'));
    await carrier.taken(2, other);
  });

  it('is compared with templates as it is', async () => {
    const esme = await bind('templates');
    const to = number();
    const id = await esme.accepted(part(to, 1, 2, 'Buy this, Your code is 123'));
    await timeIsOver('templates');
    expect(await esme.receiptOf(id)).toMatchObject({ state: 'REJECTD' });
    expect(await gateway.end(id)).toMatchObject({ cause: 'policy' });
    expect(await gateway.money('templates')).toEqual(OPENING);
    await esme.accepted(part(to, 1, 2, 'Your code is 123', 8));
    await esme.accepted(part(to, 2, 2, '456, thank you', 8));
    await carrier.taken(2, to);
    await gateway.reconciled();
  });

  it('ends with its cancellation, and nothing is left of it', async () => {
    const esme = await bind('cancelled');
    const to = number();
    const id = await esme.accepted(part(to, 1, 2, 'good '));
    expect(await cancel(esme, { message_id: id, ...SHOP, destination_addr: to })).toBe(0);
    expect(await gateway.money('cancelled')).toEqual(OPENING);
    await esme.accepted(part(to, 2, 2, 'day'));
    await carrier.taken(1, to);
    expect(placesAt(to)).toEqual(['2/2']);
  });
});

describe('a part that was replaced while it waited', () => {
  it('is judged with the others as it is now', async () => {
    const esme = await bind('replaced');
    const to = number();
    const id = await esme.accepted(part(to, 1, 2, 'come to our house'));
    const text = { short_message: 'come to our cas' };
    expect(await replace(esme, { message_id: id, ...SHOP, ...text })).toBe(0);
    const second = await esme.accepted(part(to, 2, 2, 'ino'));
    for (const one of [id, second])
      await gateway.ended(one, { state: 'REJECTD', cause: 'policy', refund: '0.1' });
    expect(carrier.to(to)).toEqual([]);
    expect(await gateway.money('replaced')).toEqual(OPENING);
  });
});

describe('a message that is held as a whole', () => {
  const held = () => listHeld(gateway.pool, { account: 'holds', after: 0n, limit: 10 });
  const decide = (id: string, is: 'released' | 'refused', version?: number) =>
    inTransaction(gateway.pool, (client) =>
      decideHeld(client, { id: BigInt(id), version, by: 'mona', reason: 'seen', is }),
    );

  it('is one entry for the moderator, who releases all its parts in their order', async () => {
    const esme = await bind('holds');
    const to = number();
    const ids = [
      await esme.accepted(part(to, 2, 2, 'ino tonight')),
      await esme.accepted(part(to, 1, 2, 'come to our cas')),
    ];
    const [first = '', second = ''] = ids;
    // The part that completes it is held at once, the one before it a moment later.
    await eventually(async () => expect(await held()).toMatchObject([{ segments: 2 }]));
    const [one] = await held();
    expect(one).toMatchObject({ id: BigInt(first), rule: 'gambling', isOpen: true });
    expect(one?.parts.map(String)).toEqual([second, first]);
    expect(formatCredits(one?.price ?? ZERO)).toBe('0.2');
    expect(await countHeld(gateway.pool)).toMatchObject({
      byAccount: new Map([['holds', 1]]),
      partsByAccount: new Map([['holds', 2]]),
    });
    const contents = await gateway.node.gateway.held.contents(await held());
    expect(contents.get(BigInt(first))?.text).toBe('come to our casino tonight');
    expect(carrier.to(to)).toEqual([]);
    expect(await decide(second, 'released', 1)).toBe('replaced');
    // By any of its ids.
    expect(await decide(second, 'released', 0)).toBe('decided');
    expect(await decide(first, 'refused')).toBe('released');
    await eventually(() => expect(placesAt(to)).toEqual(['1/2', '2/2']));
    await eventually(async () => expect(await held()).toEqual([]));
    expect((await findHeld(gateway.pool, BigInt(second)))?.decision).toMatchObject({
      is: 'released',
      by: 'mona',
    });
  });

  it('ends whole when it is refused', async () => {
    const esme = await bind('holds');
    const to = number();
    const ids = [
      await esme.accepted(part(to, 1, 2, 'come to our cas', 8)),
      await esme.accepted(part(to, 2, 2, 'ino tonight', 8)),
    ];
    await eventually(async () => expect(await held()).toMatchObject([{ segments: 2 }]));
    expect(await decide(ids[0] ?? '', 'refused')).toBe('decided');
    await gateway.node.gateway.held.refused(messageId(BigInt(ids[1] ?? '')));
    for (const id of ids) expect(await gateway.end(id)).toMatchObject({ state: 'REJECTD' });
    expect(carrier.to(to)).toEqual([]);
    await eventually(async () => expect(await held()).toEqual([]));
    expect(await decide(ids[1] ?? '', 'released')).toBe('refused');
  });

  it('is what is left of it when a part was cancelled or replaced meanwhile', async () => {
    const esme = await bind('holds');
    const to = number();
    const ids = [
      await esme.accepted(part(to, 1, 2, 'come to our cas', 9)),
      await esme.accepted(part(to, 2, 2, 'ino tonight', 9)),
    ];
    const [first = '', second = ''] = ids;
    await eventually(async () => expect(await held()).toMatchObject([{ segments: 2 }]));
    const text = { short_message: 'tle tonight' };
    expect(await replace(esme, { message_id: second, ...SHOP, ...text })).toBe(0);
    expect(await decide(first, 'released', 0)).toBe('replaced');
    expect(await cancel(esme, { message_id: first, ...SHOP, destination_addr: to })).toBe(0);
    const [one] = await held();
    expect(one).toMatchObject({ id: BigInt(first), segments: 1, version: 1 });
    expect(one?.parts.map(String)).toEqual([second]);
    expect(await decide(first, 'released', 1)).toBe('decided');
    await eventually(() => expect(placesAt(to)).toEqual(['2/2']));
  });

  it('is one entry also where a rule held each part as it came', async () => {
    const esme = await bind('holdsSender');
    const to = number();
    for (const at of [1, 2, 3]) await esme.accepted(part(to, at, 3, 'good '));
    const entries = await listHeld(gateway.pool, { account: 'holdsSender', after: 0n, limit: 10 });
    expect(entries.map(({ rule, parts }) => [rule, parts.length])).toEqual([['registered', 3]]);
    expect(await decide(String(entries[0]?.id), 'released')).toBe('decided');
    await eventually(() => expect(placesAt(to)).toEqual(['1/3', '2/3', '3/3']));
  });
});

describe('parts that nothing is to be judged of together', () => {
  it.each(['open', 'flags', 'elsewhere', 'atOnce'])('are sent at once (%s)', async (account) => {
    const esme = await bind(account);
    const to = number();
    await esme.accepted(part(to, 1, 2, 'good '));
    await carrier.taken(1, to);
    expect(await waiting(account)).toBe(0);
  });
});

describe('parts at two nodes', () => {
  it('are judged with what is stored: sent when they may go, else the last one gets the status', async () => {
    const beside = await gateway.beside();
    try {
      const sessions = [await bind('nodes'), await bind('nodes', beside.port)];
      const to = number();
      await sessions[0]?.accepted(part(to, 2, 2, 'day'));
      await sessions[1]?.accepted(part(to, 1, 2, 'good '));
      await carrier.taken(2, to);
      const bad = number();
      const id = await sessions[0]?.accepted(part(bad, 1, 2, 'cas'));
      const last = await sessions[1]?.submit(part(bad, 2, 2, 'ino'));
      expect(last?.command_status).toBe(CONTENT_REFUSED);
      // It had ended before the last was answered, which was never charged.
      expect(await gateway.end(id ?? '')).toMatchObject({
        state: 'REJECTD',
        cause: 'policy',
        refund: '0.1',
      });
      expect(carrier.to(bad)).toEqual([]);
      expect(await gateway.money('nodes')).toEqual({ credits: '9.8', reserved: '0' });
      expect(await waiting('nodes')).toBe(0);
    } finally {
      for (const esme of bound.splice(-2)) await esme.close();
      await beside.close();
    }
  });
});

describe('parts that come to two nodes at the same moment', () => {
  it('are refused as a whole by exactly one status, or sent', async () => {
    const beside = await gateway.beside();
    try {
      const sessions = [await bind('atOnceTwo'), await bind('atOnceTwo', beside.port)];
      const tos = Array.from({ length: 60 }, number);
      const answers = await Promise.all(
        tos.map(async (to, i) => {
          const second = i % 2 === 0 ? 'ino' : 'tle';
          const both = [
            sessions[i % 3 === 0 ? 1 : 0]?.submit(part(to, 1, 2, 'come to our cas')),
            sessions[i % 3 === 0 ? 0 : 1]?.submit(part(to, 2, 2, second)),
          ];
          return (await Promise.all(both)).map((answer) => answer?.command_status).sort();
        }),
      );
      expect(answers).toEqual(tos.map((_, i) => (i % 2 === 0 ? [0, CONTENT_REFUSED] : [0, 0])));
      for (const to of tos.filter((_, i) => i % 2 === 1)) await carrier.taken(2, to);
      expect(tos.filter((_, i) => i % 2 === 0).flatMap((to) => carrier.to(to))).toEqual([]);
      await eventually(async () =>
        expect(await gateway.money('atOnceTwo')).toEqual({ credits: '4', reserved: '0' }),
      );
      await gateway.reconciled();
    } finally {
      for (const esme of bound.splice(-2)) await esme.close();
      await beside.close();
    }
  });
});

describe('what caps count of a message that is refused as a whole', () => {
  it('is given back for all its parts, those at another node too', async () => {
    const beside = await gateway.beside();
    try {
      const sessions = [await bind('capped'), await bind('capped', beside.port)];
      const to = number();
      const status = async (at: number, of: number, text: string, reference: number) =>
        (await sessions[at % 2]?.submit(part(to, at, of, text, reference)))?.command_status;
      expect(await status(1, 3, 'come ', 1)).toBe(0);
      expect(await status(2, 3, 'to our cas', 1)).toBe(0);
      expect(await status(3, 3, 'ino', 1)).toBe(CONTENT_REFUSED);
      // Three are allowed; a node that heard of none left asks again after a second.
      await eventually(async () => expect(await status(1, 3, 'come ', 2)).toBe(0));
      await eventually(async () => expect(await status(2, 3, 'to our ', 2)).toBe(0));
      await eventually(async () => expect(await status(3, 3, 'house', 2)).toBe(0));
      await carrier.taken(3, to);
      const [used] = await gateway.sql<{ taken: bigint }>(
        `select taken from quota q join account a on a.id = q.account where a.name = 'capped'`,
      );
      expect(used?.taken).toBe(3n);
    } finally {
      for (const esme of bound.splice(-2)) await esme.close();
      await beside.close();
    }
  });
});

describe('a part from the longest sender to the longest number', () => {
  it('is accepted and sent as any other', async () => {
    const esme = await bind('clean');
    const to = '120255512345678';
    const sender = { source_addr_ton: 1, source_addr_npi: 1, source_addr: '1'.repeat(15) };
    for (const at of [1, 2])
      await esme.accepted({ ...part(to, at, 2, 'good ', 65_535), ...sender });
    await carrier.taken(2, to);
  });
});

describe('too many long messages that wait', () => {
  it('are refused with ESME_RMSGQFUL beyond a thousand, and a part that comes too often, alone', async () => {
    const esme = await bind('crowd');
    const to = number();
    const statuses = [];
    for (let from = 0; from <= 1_000; from += 77) {
      const some = Array.from({ length: Math.min(77, 1_001 - from) }, (_, i) =>
        esme.submit(part(to, 1, 2, 'x', from + i)),
      );
      statuses.push(...(await Promise.all(some)).map((answer) => answer.command_status));
    }
    expect(statuses.filter((status) => status === 0)).toHaveLength(1_000);
    expect(statuses.at(-1)).toBe(RMSGQFUL);
    // Single messages and other accounts go on.
    await esme.accepted({ ...SHOP, destination_addr: to, short_message: 'single' });
    await (await bind('clean')).accepted(part(number(), 1, 2, 'x'));
    const again = [];
    for (let i = 0; i < 18; i++)
      again.push((await esme.submit(part(to, 1, 2, `x${i}`, 1))).command_status);
    expect(again.slice(0, 17)).toEqual(Array(17).fill(0));
    expect(again[17]).toBe(RMSGQFUL);
  });
});

describe('a node that ends while parts wait', () => {
  it('leaves them to the next, which judges them with the one that comes then', async () => {
    const first = await bind('restarted');
    const [to, good] = [number(), number()];
    const id = await first.accepted(part(to, 1, 2, 'come to our cas'));
    await first.accepted(part(good, 1, 2, 'good '));
    await gateway.drain();
    await gateway.up();
    const esme = await bind('restarted');
    expect((await esme.submit(part(to, 2, 2, 'ino'))).command_status).toBe(CONTENT_REFUSED);
    expect(await esme.receiptOf(id)).toMatchObject({ state: 'REJECTD' });
    await esme.accepted(part(good, 2, 2, 'day'));
    await carrier.taken(2, good);
    expect(carrier.to(to)).toEqual([]);
    expect(await gateway.money('restarted')).toEqual({ credits: '9.8', reserved: '0' });
    await gateway.reconciled();
  });
});
