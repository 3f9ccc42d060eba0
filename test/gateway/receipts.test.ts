import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Orphans } from '../../src/gateway/orphans.ts';
import { eventually, TestGateway } from '../support/gateway.ts';
import { Esme } from './esme.ts';
import { resources } from './resources.ts';
import { ScriptedCarrier, type TakenSubmit } from './scripted-carrier.ts';

const NAMES = ['plain', 'loose', 'lasting', 'silent'] as const;
type Name = (typeof NAMES)[number];
let carriers: Record<Name, ScriptedCarrier>;
let gateway: TestGateway;
let esme: Esme;

beforeAll(async () => {
  const listening = await Promise.all(NAMES.map(() => ScriptedCarrier.listen()));
  carriers = Object.fromEntries(NAMES.map((name, i) => [name, listening[i]])) as typeof carriers;
  const { plain, loose, lasting, silent } = carriers;
  gateway = await TestGateway.start(
    resources({
      terms: { delivered: { chargeOn: 'delivered' } },
      accounts: { alice: {}, dora: { terms: 'delivered' } },
      carriers: {
        plain: { port: plain.port, prefix: '1' },
        loose: { port: loose.port, prefix: '2', matchDestination: false },
        lasting: { port: lasting.port, prefix: '3', finalStates: ['ACCEPTD'] },
        silent: { port: silent.port, prefix: '4', receipts: false },
      },
    }),
  );
  esme = await Esme.bind(gateway.port, { systemId: 'alice' });
  for (const { sessions } of Object.values(carriers))
    await eventually(() => expect(sessions.size).toBe(2));
});

afterAll(async () => {
  await esme?.close();
  await gateway?.close();
  for (const carrier of Object.values(carriers ?? {})) await carrier.down();
});

/** Submits to a number of its own and waits for the carrier's part and the stored answer. */
async function sent(
  carrier: Name,
  destination: string,
): Promise<{ id: string; submit: TakenSubmit }> {
  const id = await esme.accepted({ destination_addr: destination });
  const [submit] = await carriers[carrier].taken(1, destination);
  if (submit === undefined) throw new Error('taken');
  await eventually(async () => expect(await gateway.dispatches(id)).toHaveLength(1));
  return { id, submit };
}

async function notes(id: string): Promise<string[]> {
  const rows = await gateway.sql<{ kind: string }>(
    'select kind from receipt_note where message = $1 order by id',
    [id],
  );
  return rows.map((row) => row.kind);
}

async function parked(): Promise<{ matched: bigint | null; reason: string }[]> {
  return gateway.sql('select matched, reason from parked_receipt order by id');
}

/** Receipts reported as not matched, by reason. */
function unmatched(reason: string): number {
  const all = gateway.reports.filter((one) => one.what === 'receiptUnmatched');
  return all.filter((one) => one.args[1] === reason).length;
}

describe('a final receipt', () => {
  it('ends its message once, however often it comes', async () => {
    const { id, submit } = await sent('plain', '12025550101');
    for (let copy = 0; copy < 3; copy++) expect(await carriers.plain.receipt(submit)).toBe(0);
    await gateway.ended(id, { state: 'DELIVRD' });
    await esme.receiptOf(id);
    await eventually(async () => expect(await notes(id)).toEqual(['repeated', 'repeated']));
    expect(esme.receipts.filter((one) => one.id === id)).toHaveLength(1);
  });

  it('stands against one that contradicts it later', async () => {
    const before = await gateway.money('alice');
    const { id, submit } = await sent('plain', '12025550102');
    expect(await carriers.plain.receipt(submit, { stat: 'UNDELIV', err: '001' })).toBe(0);
    await gateway.ended(id, { state: 'UNDELIV', refund: '0' });
    await esme.receiptOf(id);
    expect(await carriers.plain.receipt(submit)).toBe(0);
    await eventually(async () => expect(await notes(id)).toEqual(['contradictory']));
    expect(await gateway.end(id)).toMatchObject({ state: 'UNDELIV' });
    expect(esme.receipts.filter((one) => one.id === id)).toMatchObject([{ state: 'UNDELIV' }]);
    const spent = Number(before.credits) - Number((await gateway.money('alice')).credits);
    expect(spent).toBeCloseTo(0.1, 6);
  });

  it('may come over another session than its submit went', async () => {
    const { id, submit } = await sent('plain', '12025550103');
    const other = [...carriers.plain.sessions].find((one) => one !== submit.session);
    if (other === undefined) throw new Error('two sessions');
    await carriers.plain.receipt(submit, { session: other });
    await gateway.ended(id, { state: 'DELIVRD' });
  });

  it('may come as TLVs alone', async () => {
    const { id, submit } = await sent('plain', '12025550104');
    await carriers.plain.deliver({
      source_addr: submit.destination,
      destination_addr: 'Shop',
      esm_class: 0x04,
      receipted_message_id: submit.id,
      message_state: 5,
      network_error_code: Buffer.from([3, 0, 27]),
    });
    await gateway.ended(id, { state: 'UNDELIV', fault: 'recipient' });
    expect((await esme.receiptOf(id)).text).toContain('stat:UNDELIV err:027');
  });

  it('may come in a data_sm', async () => {
    const { id, submit } = await sent('plain', '12025550107');
    const [session] = carriers.plain.sessions;
    const status = await new Promise<number | undefined>((resolve) =>
      session?.data_sm(
        {
          source_addr: submit.destination,
          destination_addr: 'Shop',
          esm_class: 0x04,
          receipted_message_id: submit.id,
          message_state: 2,
        },
        (answer) => resolve(answer.command_status),
      ),
    );
    expect(status).toBe(0);
    await gateway.ended(id, { state: 'DELIVRD' });
  });

  it('whose state is no word of the specification is kept, and changes nothing', async () => {
    const { id, submit } = await sent('plain', '12025550108');
    expect(await carriers.plain.receipt(submit, { stat: 'LOST' })).toBe(0);
    await eventually(async () => expect(await notes(id)).toEqual(['unreadable']));
    expect(await gateway.end(id)).toMatchObject({ state: undefined });
    await carriers.plain.receipt(submit);
    await gateway.ended(id, { state: 'DELIVRD' });
  });

  it('changes nothing while it is intermediate', async () => {
    const { id, submit } = await sent('plain', '12025550105');
    await carriers.plain.receipt(submit, { stat: 'ENROUTE', esmClass: 0x20 });
    await carriers.plain.receipt(submit, { stat: 'ENROUTE' });
    await carriers.plain.receipt(submit, { stat: 'ACCEPTD' });
    expect(await gateway.end(id)).toMatchObject({ state: undefined });
    await carriers.plain.receipt(submit, { stat: 'EXPIRED' });
    await gateway.ended(id, { state: 'EXPIRED' });
  });

  it('is ACCEPTD where the profile of the carrier says so', async () => {
    const { id, submit } = await sent('lasting', '32025550105');
    await carriers.lasting.receipt(submit, { stat: 'ENROUTE' });
    await carriers.lasting.receipt(submit, { stat: 'ACCEPTD' });
    await gateway.ended(id, { state: 'ACCEPTD', fault: 'none', refund: '0' });
  });

  it('is the submit_sm_resp at a carrier that has none, and charges what was reserved', async () => {
    const dora = await Esme.bind(gateway.port, { systemId: 'dora' });
    const id = await dora.accepted({ destination_addr: '42025550106' });
    await gateway.ended(id, { state: 'ACCEPTD', charge: '0.1', release: '0' });
    expect(await gateway.money('dora')).toEqual({ credits: '9.9', reserved: '0' });
    expect(carriers.silent.submits[0]?.pdu.registered_delivery).toBe(0);
    await dora.close();
  });
});

describe('a receipt that comes before its submit_sm_resp', () => {
  it('is kept, and weighed when the answer is there', async () => {
    const to = '12025550111';
    const { plain } = carriers;
    plain.onSubmit = () => {};
    const id = await esme.accepted({ destination_addr: to });
    const [submit] = await plain.taken(1, to);
    if (submit === undefined) throw new Error('taken');
    expect(await plain.receipt(submit)).toBe(0); // answered: it is stored
    expect(await gateway.end(id)).toMatchObject({ state: undefined });
    plain.accept(submit);
    await gateway.ended(id, { state: 'DELIVRD', cause: 'receipt' });
    await eventually(async () =>
      expect((await parked()).filter((one) => one.matched === BigInt(id))).toHaveLength(1),
    );
    plain.onSubmit = (next) => plain.accept(next);
  });

  it('is weighed at once when both come together, over two sessions', async () => {
    const { plain } = carriers;
    // Nothing is left to the sweep: each is found by one of the looks that follow a commit.
    const sweep = vi.spyOn(Orphans.prototype, 'sweep').mockResolvedValue();
    plain.onSubmit = (submit) => {
      const other = [...plain.sessions].find((one) => one !== submit.session);
      if (other === undefined) throw new Error('two sessions');
      void plain.receipt(submit, { session: other });
      // Each a moment later than the one before: some answer meets the receipt at each step of its parking.
      setTimeout(() => plain.accept(submit), plain.submits.length % 30);
    };
    const ids = await Promise.all(
      Array.from({ length: 60 }, (_, i) =>
        esme.accepted({ destination_addr: `1202556${2000 + i}` }),
      ),
    );
    await Promise.all(ids.map((id) => esme.receiptOf(id)));
    sweep.mockRestore();
    plain.onSubmit = (next) => plain.accept(next);
  });
});

describe('a receipt that fits nothing', () => {
  it('is answered, kept with its reason, and counted', async () => {
    const { submit } = await sent('plain', '12025550121');
    const before = { kept: (await parked()).length, counted: unmatched('unknownId') };
    expect(await carriers.plain.receipt(submit, { id: 'nobody-knows' })).toBe(0);
    expect(await carriers.plain.receipt(submit, { destination: '12025559999' })).toBe(0);
    const kept = (await parked()).slice(before.kept);
    expect(kept).toMatchObject([{ matched: null, reason: 'unknownId' }, { matched: null }]);
    await eventually(() => expect(unmatched('unknownId')).toBeGreaterThan(before.counted));
  });

  it('of another number counts where the profile says that numbers do not matter', async () => {
    const { id, submit } = await sent('loose', '22025550122');
    await carriers.loose.receipt(submit, { destination: '999' });
    await gateway.ended(id, { state: 'DELIVRD' });
  });

  it('agrees by the last seven digits of the number', async () => {
    const { id, submit } = await sent('plain', '12025550123');
    await carriers.plain.receipt(submit, { destination: '5550123' });
    await gateway.ended(id, { state: 'DELIVRD' });
  });

  it('is told that messages of subscribers are not taken', async () => {
    const status = await carriers.plain.deliver({
      source_addr: '12025550124',
      destination_addr: '12345',
      short_message: 'hello?',
    });
    expect(status).toBe(0x65); // ESME_RX_P_APPN
  });
});

describe('an id that the carrier uses twice', () => {
  it('means the message whose destination the receipt names', async () => {
    const { plain } = carriers;
    plain.onSubmit = (submit) => plain.accept(submit, 'same-id');
    const one = await sent('plain', '12025550131');
    const two = await sent('plain', '12025550132');
    await plain.receipt(one.submit, { id: 'same-id', stat: 'UNDELIV' });
    await gateway.ended(one.id, { state: 'UNDELIV' });
    expect(await gateway.end(two.id)).toMatchObject({ state: undefined });
    await plain.receipt(two.submit, { id: 'same-id' });
    await gateway.ended(two.id, { state: 'DELIVRD' });
    plain.onSubmit = (next) => plain.accept(next);
  });

  it('means the newest message to one destination', async () => {
    const { plain } = carriers;
    plain.onSubmit = (submit) => plain.accept(submit, 'once-more');
    const old = await esme.accepted({ destination_addr: '12025550133' });
    await eventually(async () => expect(await gateway.dispatches(old)).toHaveLength(1));
    const young = await esme.accepted({ destination_addr: '12025550133' });
    await eventually(async () => expect(await gateway.dispatches(young)).toHaveLength(1));
    const [, submit] = await plain.taken(2, '12025550133');
    if (submit === undefined) throw new Error('taken');
    await plain.receipt(submit, { id: 'once-more' });
    await gateway.ended(young, { state: 'DELIVRD' });
    expect(await gateway.end(old)).toMatchObject({ state: undefined });
    await plain.receipt(submit, { id: 'once-more', stat: 'UNDELIV' });
    await gateway.ended(old, { state: 'UNDELIV' });
    plain.onSubmit = (next) => plain.accept(next);
  });
});

describe('a node that starts again', () => {
  it('finds the messages of receipts in the store', async () => {
    const single = await sent('plain', '12025550141');
    const before = await esme.accepted({
      destination_addr: '12025550142',
      short_message: Buffer.alloc(0),
      message_payload: Buffer.alloc(200, 0x61),
    });
    const parts = await carriers.plain.taken(2, '12025550142');
    await eventually(async () => expect(await gateway.dispatches(before)).toHaveLength(2));
    await esme.close();
    await gateway.drain();
    await gateway.up();
    await eventually(() => expect(carriers.plain.sessions.size).toBe(2));
    // Both segments at once: they are looked up together, in two copies of the message.
    const all = [single.submit, ...parts];
    expect(await Promise.all(all.map((submit) => carriers.plain.receipt(submit)))).toEqual([
      0, 0, 0,
    ]);
    await gateway.ended(single.id, { state: 'DELIVRD' });
    await gateway.ended(before, { state: 'DELIVRD' });
    esme = await Esme.bind(gateway.port, { systemId: 'alice' });
    await esme.receiptOf(single.id);
    await esme.receiptOf(before);
  });
});

describe('reconcile', () => {
  it('finds the books in order after all this', () => gateway.reconciled());
});
