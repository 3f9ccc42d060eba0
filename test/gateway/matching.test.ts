import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestGateway } from '../support/gateway.ts';
import { Esme, payload } from './esme.ts';
import { resources } from './resources.ts';
import { receiptPdu, ScriptedCarrier, type TakenSubmit } from './scripted-carrier.ts';

/** Each case has a carrier, an account and a prefix of its own. */
const CASES = [
  'learns',
  'collides',
  'hexed',
  'unswapped',
  'data',
  'national',
  'one',
  'waits',
] as const;
type Case = (typeof CASES)[number];

const AUTO = { ids: { response: 'auto', receipt: 'auto' } };
const OWN: Partial<Record<Case, object>> = {
  learns: AUTO,
  collides: AUTO,
  hexed: { ids: { response: 'hex', receipt: 'decimal' } },
  unswapped: { receiptAddresses: 'asSent' },
  one: { oneReceipt: true },
  waits: { segmentsWaitHours: 0.0006 },
};

let carriers: Record<Case, ScriptedCarrier>;
let shared: ScriptedCarrier;
let gateway: TestGateway;

beforeAll(async () => {
  const listening = await Promise.all(CASES.map(() => ScriptedCarrier.listen()));
  carriers = Object.fromEntries(CASES.map((name, i) => [name, listening[i]])) as typeof carriers;
  shared = await ScriptedCarrier.listen();
  gateway = await TestGateway.start(
    resources({
      tariffs: { standard: { '*': '0.1' } },
      terms: { given: { noReceipt: 'refund', refundAutomatic: ['recipient'] } },
      accounts: {
        ...Object.fromEntries(CASES.map((name) => [name, {}])),
        waits: { terms: 'given' },
        shared: {},
      },
      carriers: {
        ...Object.fromEntries(
          CASES.map((name) => [
            name,
            { port: carriers[name].port, prefix: prefixOf(name), binds: 1, ...OWN[name] },
          ]),
        ),
        // One SMSC, one system_id, two resources.
        cheap: { port: shared.port, prefix: '81', binds: 1 },
        dear: { port: shared.port, prefix: '82', binds: 1 },
      },
    }),
  );
});

afterAll(async () => {
  await gateway?.close();
  await shared?.down();
  for (const carrier of Object.values(carriers ?? {})) await carrier.down();
});

/** Two digits, so that none begins another. */
function prefixOf(name: Case): string {
  return String(10 + CASES.indexOf(name));
}

function numberOf(name: Case, n: number): string {
  return `${prefixOf(name)}2025550${String(n).padStart(3, '0')}`;
}

/** Submits to a number; its carrier accepts it under an id, and that is stored. */
async function sent(
  esme: Esme,
  carrier: ScriptedCarrier,
  to: string,
  id: string,
): Promise<{ id: string; submit: TakenSubmit }> {
  carrier.onSubmit = (submit) => carrier.accept(submit, id);
  const before = carrier.to(to).length;
  const message = await esme.accepted({ destination_addr: to });
  const submit = (await carrier.taken(before + 1, to)).at(-1);
  if (submit === undefined) throw new Error('taken');
  await eventually(async () => expect(await gateway.dispatches(message)).toHaveLength(1));
  return { id: message, submit };
}

async function parkedReasons(carrier: string): Promise<string[]> {
  const rows = await gateway.sql<{ reason: string }>(
    `select p.reason from parked_receipt p join carrier c on c.id = p.carrier
     where c.name = $1 and p.matched is null order by p.id`,
    [carrier],
  );
  return rows.map((row) => row.reason);
}

async function notes(id: string): Promise<string[]> {
  const rows = await gateway.sql<{ kind: string }>(
    'select kind from receipt_note where message = $1 order by id',
    [id],
  );
  return rows.map((row) => row.kind);
}

describe('ids of a carrier whose base is learnt', () => {
  it('match the right one of two that collide, to one number, once five receipts have taught the base', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'learns' });
    const { learns } = carriers;
    // It answers in hexadecimal and receipts in decimal: 0xbc614e is 12345678.
    const to = numberOf('learns', 1);
    const meant = await sent(esme, learns, to, 'bc614e');
    const other = await sent(esme, learns, to, '12345678');
    expect(await learns.receipt(meant.submit, { id: '12345678' })).toBe(0);
    // Both fit as well as each other: it is kept, and nobody guesses.
    expect(await parkedReasons('learns')).toEqual(['ambiguous']);
    for (let i = 0; i < 5; i++) {
      const one = await sent(esme, learns, numberOf('learns', 10 + i), (0xab0000 + i).toString(16));
      await learns.receipt(one.submit, { id: String(0xab0000 + i) });
      await gateway.ended(one.id, { state: 'DELIVRD' });
    }
    // The sweep comes back to it.
    await gateway.ended(meant.id, { state: 'DELIVRD' });
    await eventually(async () => expect(await parkedReasons('learns')).toEqual([]));
    expect(await gateway.end(other.id)).toMatchObject({ state: undefined });
    await learns.receipt(other.submit, { id: String(0x12345678), stat: 'UNDELIV' });
    await gateway.ended(other.id, { state: 'UNDELIV' });
    expect(await notes(meant.id)).toEqual([]);
    await esme.close();
  });

  it('never match a collision to another number', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'collides' });
    const { collides } = carriers;
    const pairs: { id: string; decimal: string; submit: TakenSubmit; message: string }[] = [];
    for (let i = 0; i < 20; i++) {
      // Two a round: the hexadecimal id of one is, read as it stands, the decimal of the other.
      const number = 0x10203040 + i;
      const one = await sent(esme, collides, numberOf('collides', 2 * i), number.toString(16));
      const two = await sent(esme, collides, numberOf('collides', 2 * i + 1), String(number));
      pairs.push({
        id: number.toString(16),
        decimal: String(number),
        submit: one.submit,
        message: one.id,
      });
      const asHex = BigInt(`0x${number}`).toString();
      pairs.push({ id: String(number), decimal: asHex, submit: two.submit, message: two.id });
    }
    // Judged by what the carrier says of each, in its own base.
    const told = new Map(
      pairs.map(({ message }, i) => [message, i % 3 === 0 ? 'UNDELIV' : 'DELIVRD']),
    );
    await Promise.all(
      pairs.map(({ submit, decimal, message }) =>
        collides.receipt(submit, { id: decimal, stat: told.get(message) ?? '' }),
      ),
    );
    for (const [message, state] of told)
      await gateway.ended(message, { state: state as 'DELIVRD' | 'UNDELIV' });
    await eventually(async () => expect(await parkedReasons('collides')).toEqual([]));
    await esme.close();
  });

  it('match exactly over 64 bits where the profile says the bases', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'hexed' });
    const { hexed } = carriers;
    const to = numberOf('hexed', 1);
    // As doubles the two are one number.
    const one = await sent(esme, hexed, to, '0xFFFFFFFFFFFFFFFE');
    const two = await sent(esme, hexed, to, '0xFFFFFFFFFFFFFFFF');
    await hexed.receipt(one.submit, { id: '18446744073709551614' });
    await gateway.ended(one.id, { state: 'DELIVRD' });
    expect(await gateway.end(two.id)).toMatchObject({ state: undefined });
    await esme.close();
  });
});

describe('the destination of a receipt', () => {
  it('is in destination_addr where the carrier does not exchange the addresses', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'unswapped' });
    const { unswapped } = carriers;
    const to = numberOf('unswapped', 1);
    const { id, submit } = await sent(esme, unswapped, to, 'u1');
    // Exchanged, as the specification has it: not this carrier's way, and so another number.
    await unswapped.receipt(submit, { id: 'u1', destination: to, source: 'Shop' });
    expect(await parkedReasons('unswapped')).toEqual(['otherDestination']);
    await unswapped.receipt(submit, { id: 'u1', destination: 'Shop', source: to });
    await gateway.ended(id, { state: 'DELIVRD' });
    await esme.close();
  });

  it('may be national, and then several numbers that end so are not told apart', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'national' });
    const { national } = carriers;
    const [first, second] = [
      `${prefixOf('national')}12025550001`,
      `${prefixOf('national')}32025550001`,
    ];
    const one = await sent(esme, national, first, 'n1');
    const two = await sent(esme, national, second, 'n1');
    await national.receipt(one.submit, { id: 'n1', destination: '02025550001' });
    expect(await parkedReasons('national')).toEqual(['ambiguous']);
    // One of them ends by its whole number: what was parked is then the other's.
    await national.receipt(two.submit, { id: 'n1', destination: `+${second}`, stat: 'UNDELIV' });
    await gateway.ended(two.id, { state: 'UNDELIV' });
    await gateway.ended(one.id, { state: 'DELIVRD' });
    await esme.close();
  });
});

describe('a receipt in a data_sm', () => {
  it('counts as well, and its repetition and its contradiction change nothing', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'data' });
    const { data } = carriers;
    const to = numberOf('data', 1);
    const { id, submit } = await sent(esme, data, to, 'd1');
    const deliver = (state: number) =>
      new Promise<number>((resolve) => {
        const pdu = receiptPdu(submit);
        submit.session.data_sm(
          {
            source_addr: pdu.source_addr ?? '',
            destination_addr: pdu.destination_addr ?? '',
            esm_class: 0x04,
            receipted_message_id: 'd1',
            message_state: state,
          },
          (answer) => resolve(answer.command_status),
        );
      });
    expect(await deliver(2)).toBe(0);
    await gateway.ended(id, { state: 'DELIVRD' });
    expect([await deliver(2), await deliver(5)]).toEqual([0, 0]);
    await eventually(async () => expect(await notes(id)).toEqual(['repeated', 'contradictory']));
    expect(await gateway.end(id)).toMatchObject({ state: 'DELIVRD' });
    expect(await gateway.money('data')).toEqual({ credits: '9.9', reserved: '0' });
    await esme.receiptOf(id);
    expect(esme.receipts).toHaveLength(1);
    await esme.close();
  });
});

describe('carriers of one SMSC account', () => {
  it('take the receipts of each other, whichever session they come over', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'shared' });
    await eventually(() => expect(shared.sessions.size).toBe(2));
    const cheap = await sent(esme, shared, '812025550001', 's1');
    const dear = await sent(esme, shared, '822025550002', 's2');
    expect(cheap.submit.session).not.toBe(dear.submit.session);
    await shared.receipt(cheap.submit, { id: 's1', session: dear.submit.session });
    await shared.receipt(dear.submit, { id: 's2', session: cheap.submit.session });
    await gateway.ended(cheap.id, { state: 'DELIVRD' });
    await gateway.ended(dear.id, { state: 'DELIVRD' });
    // From the store as well, and early ones.
    const late = await sent(esme, shared, '812025550003', 's3');
    shared.onSubmit = () => {};
    const early = await esme.accepted({ destination_addr: '822025550004' });
    const [submit] = await shared.taken(1, '822025550004');
    if (submit === undefined) throw new Error('taken');
    await shared.receipt(submit, { id: 's4', session: cheap.submit.session });
    shared.accept(submit, 's4');
    await gateway.ended(early, { state: 'DELIVRD' });
    await esme.close();
    await gateway.drain();
    await gateway.up();
    await eventually(() => expect(shared.sessions.size).toBe(2));
    for (const session of shared.sessions) {
      // Bound a moment after it is connected.
      await eventually(async () =>
        expect(await shared.receipt(late.submit, { id: 's3', session })).toBe(0),
      );
    }
    await gateway.ended(late.id, { state: 'DELIVRD' });
    await eventually(async () => expect(await notes(late.id)).toEqual(['repeated']));
  });
});

describe('a message of several segments', () => {
  const long = () => payload('e'.repeat(400), 'latin1');

  it('ends with the one receipt that its carrier sends, when the carrier has all of it', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'one' });
    const { one } = carriers;
    const held: TakenSubmit[] = [];
    one.onSubmit = (submit) => {
      if (one.submits.length === 3) held.push(submit);
      else one.accept(submit);
    };
    const to = numberOf('one', 1);
    const id = await esme.accepted({ destination_addr: to, ...long() });
    const [first] = await one.taken(3, to);
    if (first === undefined) throw new Error('taken');
    // Before the last segment is accepted: that one would never be sent again if the message ended now.
    await one.receipt(first);
    expect(await gateway.end(id)).toMatchObject({ state: undefined });
    for (const submit of held) one.accept(submit);
    await gateway.ended(id, { state: 'DELIVRD', cause: 'receipt' });
    expect(await esme.receiptOf(id)).toMatchObject({ state: 'DELIVRD' });
    expect((await esme.receiptOf(id)).text).toContain('sub:003 dlvrd:003');
    one.onSubmit = (submit) => one.accept(submit);
    const failed = await esme.accepted({ destination_addr: numberOf('one', 2), ...long() });
    const parts = await one.taken(3, numberOf('one', 2));
    const last = parts[2];
    if (last === undefined) throw new Error('taken');
    await eventually(async () => expect(await gateway.dispatches(failed)).toHaveLength(3));
    await one.receipt(last, { stat: 'REJECTD' });
    await gateway.ended(failed, { state: 'REJECTD', cause: 'receipt' });
    await esme.close();
  });

  it('ends by the worst known when the others are not receipted in time; a late one corrects its money', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'waits' });
    const { waits } = carriers;
    const to = numberOf('waits', 1);
    const id = await esme.accepted({ destination_addr: to, ...long() });
    const [first, second, third] = await waits.taken(3, to);
    if (first === undefined || second === undefined || third === undefined)
      throw new Error('taken');
    await eventually(async () => expect(await gateway.dispatches(id)).toHaveLength(3));
    await Promise.all([waits.receipt(second, { stat: 'UNDELIV' }), waits.receipt(third)]);
    // 2.2 s after the first of them. UNDELIV is given back by its fault, the silent one by noReceipt.
    await gateway.ended(id, { state: 'UNDELIV', cause: 'noReceipt', refund: '0.2' });
    expect(await esme.receiptOf(id)).toMatchObject({ state: 'UNDELIV' });
    expect(await waits.receipt(first)).toBe(0);
    await eventually(async () =>
      expect(await gateway.entries('waits')).toEqual([
        'top_up +10',
        'charge -0.3',
        'refund +0.2',
        'correction -0.1',
      ]),
    );
    expect(await gateway.money('waits')).toEqual({ credits: '9.8', reserved: '0' });
    expect(await gateway.end(id)).toMatchObject({ state: 'UNDELIV', refund: '0.2' });
    expect(await waits.receipt(first, { stat: 'UNDELIV' })).toBe(0);
    expect(await gateway.money('waits')).toEqual({ credits: '9.8', reserved: '0' });
    expect(esme.receipts).toHaveLength(1);
    await esme.close();
  });
});

describe('reconcile', () => {
  it('finds the books in order after all this', () => gateway.reconciled());
});
