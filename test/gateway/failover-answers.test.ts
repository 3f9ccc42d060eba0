import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestGateway } from '../support/gateway.ts';
import { Esme, payload } from './esme.ts';
import { cancel, replace, SHOP } from './manage-stand.ts';
import { resources } from './resources.ts';
import { contentOf, partOf, ScriptedCarrier, type TakenSubmit } from './scripted-carrier.ts';

// SMPP 3.4 §5.1.3.
const SUBMITFAIL = 0x45;
const RTHROTTLED = 0x58;
const RINVBNDSTS = 0x04;

/** Both map their failures to the next carrier. */
const NEXT = {
  byStatus: { '0x45': 'next' },
  byErr: { '069': 'next' },
  byState: { REJECTD: 'next' },
};
/** Each case has carriers, an account and a prefix of its own. */
const CASES: Record<string, readonly object[]> = {
  next: [{ faults: NEXT }, {}],
  plain: [{}, {}],
  all: [{ faults: NEXT }, { faults: NEXT }, { faults: NEXT }],
  one: [{ faults: NEXT }],
  down: [{ faults: NEXT }, {}],
  retry: [{ faults: { byStatus: { '0x58': { retry: 0.1, retries: 2 } } } }, {}],
  retryAlone: [{ faults: { byStatus: { '0x58': { retry: 0.1, retries: 1 } } } }],
  session: [{}],
  receipt: [{ faults: NEXT }, {}],
  receiptPlain: [{}, {}],
  receiptOne: [{ faults: NEXT }],
  loop: [{ faults: NEXT }, { faults: NEXT }],
  lost: [{ faults: NEXT }, { binds: 1, onUnknownOutcome: { waitSeconds: 0.2, then: 'resend' } }],
  lostReceipt: [
    { faults: NEXT },
    { binds: 1, onUnknownOutcome: { waitSeconds: 0.2, then: 'resend' } },
  ],
  cancel: [{ faults: NEXT }, { windowMax: 1, binds: 1 }],
  replace: [{ faults: NEXT }, { windowMax: 1, binds: 1 }],
  long: [{ faults: NEXT }, { longMessages: 'payload' }],
  longPart: [{ faults: NEXT }, { longMessages: 'payload' }, {}],
  longAlone: [{ faults: NEXT }, { longMessages: 'payload' }],
  longReceipt: [{ faults: NEXT }, {}],
  back: [{ longMessages: 'payload', faults: NEXT }, {}],
  unfit: [{ faults: NEXT }, { segmentsMax: 2 }, {}],
};

const carriers = new Map<string, ScriptedCarrier>();
let gateway: TestGateway;

beforeAll(async () => {
  const named = Object.entries(CASES).flatMap(([name, of]) =>
    of.map((fields, i) => ({ name: `${name}-${i + 1}`, fields })),
  );
  for (const { name } of named) carriers.set(name, await ScriptedCarrier.listen());
  gateway = await TestGateway.start(
    resources({
      tariffs: { standard: { '*': '0.1' } },
      terms: { usual: { refundAutomatic: ['platform', 'carrier'] } },
      accounts: Object.fromEntries(Object.keys(CASES).map((name) => [name, {}])),
      carriers: Object.fromEntries(
        named.map(({ name, fields }) => [name, { port: carrier(name).port, ...fields }]),
      ),
      routes: Object.entries(CASES).map(([name, of]) => ({
        prefix: prefixOf(name),
        carriers: of.map((_, i) => ({ name: `${name}-${i + 1}`, priority: i + 1 })),
      })),
    }),
  );
  await gateway.carriersUp();
});

afterAll(async () => {
  await gateway?.close();
  for (const one of carriers.values()) await one.down();
});

function carrier(name: string): ScriptedCarrier {
  const found = carriers.get(name);
  if (found === undefined) throw new Error(`no carrier ${name}`);
  return found;
}

function prefixOf(name: string): string {
  return String(10 + Object.keys(CASES).indexOf(name));
}

function numberOf(name: string): string {
  return `${prefixOf(name)}2025550101`;
}

/** The carriers of a case, first to last. */
function of(name: string): ScriptedCarrier[] {
  return (CASES[name] ?? []).map((_, i) => carrier(`${name}-${i + 1}`));
}

function one(name: string): ScriptedCarrier {
  return carrier(`${name}-1`);
}

function two(name: string): ScriptedCarrier {
  return carrier(`${name}-2`);
}

/** Every answer that is stored of a message: carrier, segment, attempt, status. */
async function answers(id: string): Promise<string[]> {
  const rows = await gateway.sql<{ line: string }>(
    `select format('%s s%s a%s %s', c.name, d.segment, d.attempt, d.status) as line
     from dispatch d join carrier c on c.id = d.carrier where d.id = $1 order by d.attempt, d.segment`,
    [id],
  );
  return rows.map(({ line }) => line);
}

function isUp(name: string): boolean {
  const running = [...gateway.node.gateway.carriers.running.values()];
  return running.find((one) => one.carrier.name === name)?.upSinceMs !== undefined;
}

async function bind(name: string): Promise<Esme> {
  return Esme.bind(gateway.port, { systemId: name });
}

/** Three segments. */
const LONG = payload('a'.repeat(400), 'latin1');

const numberOfPart = ({ pdu }: TakenSubmit) => partOf(pdu)?.number ?? 0;

describe.concurrent('a status that names the next carrier', () => {
  it('sends the message there, under the same id and charged once', async () => {
    const esme = await bind('next');
    one('next').onSubmit = (submit) => one('next').refuse(submit, SUBMITFAIL);
    const id = await esme.accepted({ destination_addr: numberOf('next') });
    const [submit] = await two('next').taken(1);
    if (submit === undefined) throw new Error('taken');
    await eventually(async () =>
      expect(await answers(id)).toEqual([`next-1 s1 a1 ${SUBMITFAIL}`, 'next-2 s1 a2 0']),
    );
    await two('next').receipt(submit);
    expect(await esme.receiptOf(id)).toMatchObject({ state: 'DELIVRD' });
    expect(await gateway.entries('next')).toEqual(['top_up +10', 'charge -0.1']);
    await eventually(() =>
      expect(gateway.reports).toContainEqual({
        what: 'failover',
        args: ['next-1', 'next-2', 'status', 1],
      }),
    );
    await esme.close();
  });

  it('is the end of the message where the carrier’s resource does not say so', async () => {
    const esme = await bind('plain');
    one('plain').onSubmit = (submit) => one('plain').refuse(submit, SUBMITFAIL);
    const id = await esme.accepted({ destination_addr: numberOf('plain') });
    await gateway.ended(id, { state: 'REJECTD', fault: 'carrier', refund: '0.1' });
    expect(two('plain').submits).toHaveLength(0);
    await esme.close();
  });

  it('tries each carrier once, and ends by the last one’s status', async () => {
    const esme = await bind('all');
    for (const each of of('all')) each.onSubmit = (submit) => each.refuse(submit, SUBMITFAIL);
    const id = await esme.accepted({ destination_addr: numberOf('all') });
    await gateway.ended(id, { state: 'REJECTD', fault: 'carrier', refund: '0.1' });
    expect(of('all').map(({ submits }) => submits.length)).toEqual([1, 1, 1]);
    expect(await esme.receiptOf(id)).toMatchObject({ state: 'REJECTD' });
    await esme.close();
  });

  it.each([
    { name: 'one', what: 'has no other carrier' },
    { name: 'down', what: 'has no other that is up' },
  ])('ends the message where its route $what', async ({ name }) => {
    if (name === 'down') {
      await two('down').down();
      await eventually(() => expect(isUp('down-2')).toBe(false));
    }
    const esme = await bind(name);
    one(name).onSubmit = (submit) => one(name).refuse(submit, SUBMITFAIL);
    const id = await esme.accepted({ destination_addr: numberOf(name) });
    await gateway.ended(id, { state: 'REJECTD', fault: 'carrier', refund: '0.1' });
    expect(one(name).submits).toHaveLength(1);
    await esme.close();
  });
});

describe.concurrent('a status that is to be tried again', () => {
  it('goes to the next carrier when its retries are used up', async () => {
    const esme = await bind('retry');
    one('retry').onSubmit = (submit) => one('retry').refuse(submit, RTHROTTLED);
    const id = await esme.accepted({ destination_addr: numberOf('retry') });
    await two('retry').taken(1);
    await eventually(async () =>
      expect(await answers(id)).toEqual([
        `retry-1 s1 a1 ${RTHROTTLED}`,
        `retry-1 s1 a2 ${RTHROTTLED}`,
        `retry-1 s1 a3 ${RTHROTTLED}`,
        'retry-2 s1 a4 0',
      ]),
    );
    await esme.close();
  });

  it('goes on at the same carrier where there is no next one', async () => {
    const esme = await bind('retryAlone');
    const carrierOf = one('retryAlone');
    carrierOf.onSubmit = (submit) => {
      if (carrierOf.submits.length < 5) carrierOf.refuse(submit, RTHROTTLED);
      else carrierOf.accept(submit);
    };
    const id = await esme.accepted({ destination_addr: numberOf('retryAlone') });
    await eventually(async () => expect((await answers(id)).at(-1)).toBe('retryAlone-1 s1 a5 0'));
    await esme.close();
  });

  it('is by default one that speaks of the session, not of the message', async () => {
    const esme = await bind('session');
    const carrierOf = one('session');
    carrierOf.onSubmit = (submit) => {
      if (carrierOf.submits.length < 2) carrierOf.refuse(submit, RINVBNDSTS);
      else carrierOf.accept(submit);
    };
    const id = await esme.accepted({ destination_addr: numberOf('session') });
    await eventually(async () =>
      expect(await answers(id)).toEqual([`session-1 s1 a1 ${RINVBNDSTS}`, 'session-1 s1 a2 0']),
    );
    await esme.close();
  });
});

describe.concurrent('a receipt that names the next carrier', () => {
  it('gives the attempt up, once, and the customer gets the receipt of the next', async () => {
    const esme = await bind('receipt');
    const id = await esme.accepted({ destination_addr: numberOf('receipt') });
    const [first] = await one('receipt').taken(1);
    if (first === undefined) throw new Error('taken');
    await eventually(async () => expect(await answers(id)).toEqual(['receipt-1 s1 a1 0']));
    const words = { stat: 'UNDELIV', err: '69' };
    expect(await eventually(() => one('receipt').receipt(first, words))).toBe(0);
    // It was stored before that was answered.
    expect(
      await gateway.sql('select segment, attempt, state from failover where id = $1', [id]),
    ).toEqual([{ segment: 1, attempt: 1, state: 5 }]);
    const [second] = await two('receipt').taken(1);
    if (second === undefined) throw new Error('taken');
    // Again, and contradicted: both are notes.
    expect(await one('receipt').receipt(first, words)).toBe(0);
    expect(await one('receipt').receipt(first, { stat: 'DELIVRD' })).toBe(0);
    await eventually(async () =>
      expect(
        await gateway.sql('select kind from receipt_note where message = $1 order by at', [id]),
      ).toEqual([{ kind: 'repeated' }, { kind: 'contradictory' }]),
    );
    expect(await gateway.end(id)).toMatchObject({ state: undefined });
    await two('receipt').receipt(second);
    await gateway.ended(id, { state: 'DELIVRD', refund: '0' });
    expect(await esme.receiptOf(id)).toMatchObject({ state: 'DELIVRD' });
    expect(two('receipt').submits).toHaveLength(1);
    expect(await gateway.entries('receipt')).toEqual(['top_up +10', 'charge -0.1']);
    // Its place in the table of scheduled messages is given back.
    await eventually(async () =>
      expect(await gateway.sql('select from scheduled where id = $1', [id])).toEqual([]),
    );
    await esme.close();
  });

  it('is the end of the message where the carrier’s resource does not say so', async () => {
    const esme = await bind('receiptPlain');
    const id = await esme.accepted({ destination_addr: numberOf('receiptPlain') });
    const [first] = await one('receiptPlain').taken(1);
    if (first === undefined) throw new Error('taken');
    await eventually(() => one('receiptPlain').receipt(first, { stat: 'UNDELIV', err: '69' }));
    await gateway.ended(id, { state: 'UNDELIV', fault: 'recipient' });
    expect(two('receiptPlain').submits).toHaveLength(0);
    await esme.close();
  });

  it('ends the message as it says where no carrier is left', async () => {
    const esme = await bind('receiptOne');
    const id = await esme.accepted({ destination_addr: numberOf('receiptOne') });
    const [first] = await one('receiptOne').taken(1);
    if (first === undefined) throw new Error('taken');
    await eventually(() => one('receiptOne').receipt(first, { stat: 'UNDELIV', err: '069' }));
    await gateway.ended(id, { state: 'UNDELIV', fault: 'recipient', cause: 'receipt' });
    expect(await esme.receiptOf(id)).toMatchObject({ state: 'UNDELIV' });
    await esme.close();
  });

  it('never comes back to a carrier that had the message', async () => {
    const esme = await bind('loop');
    const id = await esme.accepted({ destination_addr: numberOf('loop') });
    for (const each of of('loop')) {
      const [submit] = await each.taken(1);
      if (submit === undefined) throw new Error('taken');
      await eventually(() => each.receipt(submit, { stat: 'REJECTD', err: '1' }));
    }
    await gateway.ended(id, { state: 'REJECTD', fault: 'carrier', refund: '0.1' });
    expect(of('loop').map(({ submits }) => submits.length)).toEqual([1, 1]);
    await esme.close();
  });
});

describe.concurrent('a message whose answer is lost at its next carrier', () => {
  /** The second carrier cuts the session at its first submit_sm, and takes what comes after. */
  function cutOnce(name: string): void {
    two(name).onSubmit = (submit) => {
      if (two(name).submits.length === 1) submit.session.destroy();
      else two(name).accept(submit);
    };
  }

  it.each([
    { name: 'lost', how: 'refused it' },
    { name: 'lostReceipt', how: 'failed it by its receipt' },
  ])('is sent there again, and never at the one that $how', async ({ name }) => {
    const esme = await bind(name);
    cutOnce(name);
    if (name === 'lost') one(name).onSubmit = (submit) => one(name).refuse(submit, SUBMITFAIL);
    const id = await esme.accepted({ destination_addr: numberOf(name) });
    const [first] = await one(name).taken(1);
    if (first === undefined) throw new Error('taken');
    if (name === 'lostReceipt')
      await eventually(() => one(name).receipt(first, { stat: 'UNDELIV', err: '69' }));
    const [, again] = await two(name).taken(2);
    if (again === undefined) throw new Error('sent again');
    await eventually(async () => expect((await answers(id)).at(-1)).toBe(`${name}-2 s1 a3 0`));
    await two(name).receipt(again);
    await gateway.ended(id, { state: 'DELIVRD' });
    expect(of(name).map(({ submits }) => submits.length)).toEqual([1, 2]);
    await esme.close();
  });
});

describe.concurrent('a message that waits at its next carrier', () => {
  /** One that the first carrier refused; the second has its window and its leases full of three others. */
  async function moved(name: string): Promise<{ esme: Esme; id: string }> {
    const esme = await bind(name);
    one(name).onSubmit = (submit) => one(name).refuse(submit, SUBMITFAIL);
    two(name).onSubmit = () => {};
    const before = [1, 2, 3].map((n) =>
      esme.accepted({ destination_addr: `${prefixOf(name)}202555019${n}` }),
    );
    const leases = 'select from lease l join carrier c on c.id = l.carrier where c.name = $1';
    await Promise.all(before);
    await two(name).taken(1);
    await eventually(async () => expect(await gateway.sql(leases, [`${name}-2`])).toHaveLength(2));
    const id = await esme.accepted({ destination_addr: numberOf(name) });
    await eventually(async () => expect(await answers(id)).toHaveLength(1));
    return { esme, id };
  }

  function letGo(name: string): void {
    two(name).onSubmit = (submit) => two(name).accept(submit);
    const [stuck] = two(name).submits;
    if (stuck !== undefined) two(name).accept(stuck);
  }

  it('can be cancelled, and is refunded whole', async () => {
    const { esme, id } = await moved('cancel');
    expect(await cancel(esme, { message_id: id, ...SHOP })).toBe(0);
    await gateway.ended(id, { state: 'DELETED', cause: 'cancelled', refund: '0.1' });
    letGo('cancel');
    await two('cancel').taken(3);
    await eventually(async () => expect(await gateway.sql('select from lease', [])).toEqual([]));
    expect(two('cancel').to(numberOf('cancel'))).toEqual([]);
    await esme.close();
  });

  it('can be replaced, and is sent as it is then', async () => {
    const { esme, id } = await moved('replace');
    expect(await replace(esme, { message_id: id, ...SHOP, short_message: 'new words' })).toBe(0);
    letGo('replace');
    const [submit] = await two('replace').taken(1, numberOf('replace'));
    if (submit === undefined) throw new Error('taken');
    expect(contentOf(submit.pdu)).toBe('new words');
    await eventually(() => two('replace').receipt(submit));
    await gateway.ended(id, { state: 'DELIVRD' });
    expect(two('replace').to(numberOf('replace'))).toHaveLength(1);
    await esme.close();
  });
});

describe.concurrent('a long message', () => {
  it('goes whole to a carrier of another style when each of its segments was refused', async () => {
    const esme = await bind('long');
    one('long').onSubmit = (submit) => one('long').refuse(submit, SUBMITFAIL);
    const id = await esme.accepted({ destination_addr: numberOf('long'), ...LONG });
    const [submit] = await two('long').taken(1);
    if (submit === undefined) throw new Error('taken');
    expect(one('long').submits).toHaveLength(3);
    expect(submit.pdu.message_payload).toMatchObject({ message: 'a'.repeat(400) });
    await eventually(() => two('long').receipt(submit));
    await gateway.ended(id, { state: 'DELIVRD' });
    expect(two('long').submits).toHaveLength(1);
    expect(await gateway.entries('long')).toEqual(['top_up +10', 'charge -0.3']);
    await esme.close();
  });

  it('passes a carrier that cannot take so many segments', async () => {
    const esme = await bind('unfit');
    one('unfit').onSubmit = (submit) => one('unfit').refuse(submit, SUBMITFAIL);
    const id = await esme.accepted({ destination_addr: numberOf('unfit'), ...LONG });
    const third = carrier('unfit-3');
    for (const submit of await third.taken(3)) await eventually(() => third.receipt(submit));
    await gateway.ended(id, { state: 'DELIVRD' });
    expect(two('unfit').submits).toHaveLength(0);
    await esme.close();
  });

  it('goes from one submit_sm to segments as well', async () => {
    const esme = await bind('back');
    one('back').onSubmit = (submit) => one('back').refuse(submit, SUBMITFAIL);
    const id = await esme.accepted({ destination_addr: numberOf('back'), ...LONG });
    const parts = await two('back').taken(3);
    for (const part of parts) await eventually(() => two('back').receipt(part));
    await gateway.ended(id, { state: 'DELIVRD' });
    await esme.close();
  });

  it('sends a segment alone, past carriers of another style, when its sisters were accepted', async () => {
    const esme = await bind('longPart');
    const [a, b, c] = of('longPart');
    if (a === undefined || b === undefined || c === undefined) throw new Error('three');
    a.onSubmit = (submit) => {
      if (numberOfPart(submit) === 2) a.refuse(submit, SUBMITFAIL);
      else a.accept(submit);
    };
    const id = await esme.accepted({ destination_addr: numberOf('longPart'), ...LONG });
    const [part] = await c.taken(1);
    if (part === undefined) throw new Error('taken');
    expect(partOf(part.pdu)).toEqual(
      partOf(a.submits.find((s) => numberOfPart(s) === 2)?.pdu as never),
    );
    expect(contentOf(part.pdu)).toEqual(
      contentOf(a.submits.find((s) => numberOfPart(s) === 2)?.pdu as never),
    );
    for (const submit of a.submits.filter((s) => numberOfPart(s) !== 2))
      await eventually(() => a.receipt(submit));
    await eventually(() => c.receipt(part));
    await gateway.ended(id, { state: 'DELIVRD' });
    expect([b.submits.length, c.submits.length]).toEqual([0, 1]);
    await esme.close();
  });

  it('ends a segment whose sisters were accepted where no carrier of their style is left', async () => {
    const esme = await bind('longAlone');
    const a = one('longAlone');
    a.onSubmit = (submit) => {
      if (numberOfPart(submit) === 2) a.refuse(submit, SUBMITFAIL);
      else a.accept(submit);
    };
    const id = await esme.accepted({ destination_addr: numberOf('longAlone'), ...LONG });
    await a.taken(3);
    for (const submit of a.submits.filter((s) => numberOfPart(s) !== 2))
      await eventually(() => a.receipt(submit));
    // The worst of its segments; one of three is given back.
    await gateway.ended(id, { state: 'REJECTD', fault: 'carrier', refund: '0.1' });
    expect(two('longAlone').submits).toHaveLength(0);
    await esme.close();
  });

  it('sends a segment again elsewhere that its receipt failed', async () => {
    const esme = await bind('longReceipt');
    const [a, b] = [one('longReceipt'), two('longReceipt')];
    const id = await esme.accepted({ destination_addr: numberOf('longReceipt'), ...LONG });
    for (const submit of await a.taken(3)) {
      const words = numberOfPart(submit) === 3 ? { stat: 'UNDELIV', err: '069' } : {};
      await eventually(() => a.receipt(submit, words));
    }
    const [part] = await b.taken(1);
    if (part === undefined) throw new Error('taken');
    expect(numberOfPart(part)).toBe(3);
    await eventually(() => b.receipt(part));
    await gateway.ended(id, { state: 'DELIVRD' });
    expect(b.submits).toHaveLength(1);
    expect(await gateway.entries('longReceipt')).toEqual(['top_up +10', 'charge -0.3']);
    await esme.close();
  });
});

describe('the books', () => {
  it('agree after all this', () => gateway.reconciled());
});
