import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestGateway } from '../support/gateway.ts';
import { Esme } from './esme.ts';
import { resources } from './resources.ts';
import { ScriptedCarrier } from './scripted-carrier.ts';

let resending: ScriptedCarrier;
let expiring: ScriptedCarrier;
let gateway: TestGateway;
let esme: Esme;

/** Resent after this; long enough to see it listed before, short enough to wait for. */
const WAIT_SECONDS = 0.7;

beforeAll(async () => {
  resending = await ScriptedCarrier.listen();
  expiring = await ScriptedCarrier.listen();
  const wait = (then: string) => ({
    binds: 1,
    onUnknownOutcome: { waitSeconds: WAIT_SECONDS, then },
  });
  gateway = await TestGateway.start(
    resources({
      terms: { kept: { noReceipt: 'keep' }, given: { noReceipt: 'refund' } },
      accounts: { alice: {}, bob: {}, kept: { terms: 'kept' }, given: { terms: 'given' } },
      carriers: {
        resending: { port: resending.port, prefix: '1', ...wait('resend') },
        expiring: { port: expiring.port, prefix: '2', ...wait('expire') },
      },
    }),
  );
  esme = await Esme.bind(gateway.port, { systemId: 'alice' });
});

afterAll(async () => {
  await esme?.close();
  await gateway?.close();
  await resending?.down();
  await expiring?.down();
});

/** The carrier takes the first submit to a number and cuts the session instead of an answer. */
function cutOnce(carrier: ScriptedCarrier, destination: string): void {
  carrier.onSubmit = (submit) => {
    if (submit.destination !== destination || carrier.to(destination).length > 1)
      return carrier.accept(submit);
    submit.session.destroy();
  };
}

async function listed(id: string): Promise<{ resolution: string | null; attempt: number }[]> {
  return gateway.sql(
    'select resolution, attempt from unknown_outcome where id = $1 order by segment, attempt',
    [id],
  );
}

describe('a submit whose answer was lost with its session', () => {
  it('is settled by the orphan receipt that fits it alone, and not sent again', async () => {
    const to = '12025550101';
    cutOnce(resending, to);
    const id = await esme.accepted({ destination_addr: to, short_message: 'code 4711' });
    const [submit] = await resending.taken(1, to);
    if (submit === undefined) throw new Error('taken');
    await eventually(async () =>
      expect(await listed(id)).toEqual([{ resolution: null, attempt: 1 }]),
    );
    await eventually(() => expect(resending.sessions.size).toBe(1));
    await eventually(() => resending.receipt(submit, { id: 'never-told' }));

    await gateway.ended(id, { state: 'DELIVRD', cause: 'receipt' });
    expect(await listed(id)).toEqual([{ resolution: 'receipt', attempt: 1 }]);
    expect(resending.to(to)).toHaveLength(1);
    expect(await esme.receiptOf(id)).toMatchObject({ state: 'DELIVRD' });
    expect(await gateway.dispatches(id)).toEqual([
      { segment: 1, attempt: 1, status: 0, upstream: 'never-told' },
    ]);
  });

  it('is sent again after its wait when the receipts fit another text', async () => {
    const to = '12025550102';
    cutOnce(resending, to);
    const id = await esme.accepted({ destination_addr: to, short_message: 'code 4712' });
    const [first] = await resending.taken(1, to);
    if (first === undefined) throw new Error('taken');
    await eventually(() => resending.receipt(first, { id: 'alien', text: 'some other text' }));

    const [, second] = await resending.taken(2, to);
    if (second === undefined) throw new Error('sent again');
    // It stood in the list before it was sent again.
    expect(await listed(id)).toEqual([{ resolution: 'resent', attempt: 1 }]);
    await gateway.sql('select 1');
    await eventually(async () => expect(await gateway.dispatches(id)).toHaveLength(1));
    await resending.receipt(second);
    await gateway.ended(id, { state: 'DELIVRD' });
    expect(await gateway.dispatches(id)).toMatchObject([{ attempt: 2, upstream: second.id }]);
    expect(resending.to(to)).toHaveLength(2);
    expect(await gateway.money('alice')).toMatchObject({ credits: '9.8' });
  });

  it('is sent again when two orphan receipts fit it', async () => {
    const to = '12025550103';
    cutOnce(resending, to);
    const id = await esme.accepted({ destination_addr: to, short_message: 'code 4713' });
    const [first] = await resending.taken(1, to);
    if (first === undefined) throw new Error('taken');
    await eventually(() => resending.receipt(first, { id: 'one' }));
    await resending.receipt(first, { id: 'two' });

    const [, second] = await resending.taken(2, to);
    if (second === undefined) throw new Error('sent again');
    await resending.receipt(second);
    await gateway.ended(id, { state: 'DELIVRD' });
    expect(await listed(id)).toEqual([{ resolution: 'resent', attempt: 1 }]);
  });

  it.each([
    { account: 'kept', refund: '0', left: '9.9' },
    { account: 'given', refund: '0.1', left: '10' },
  ])(
    'is expired where the carrier says so, with the money of terms.noReceipt ($account)',
    async ({ account, refund, left }) => {
      const to = account === 'kept' ? '22025550104' : '22025550105';
      cutOnce(expiring, to);
      const own = await Esme.bind(gateway.port, { systemId: account });
      const id = await own.accepted({ destination_addr: to });
      await gateway.ended(id, { state: 'EXPIRED', fault: 'unknown', refund });
      expect(await listed(id)).toEqual([{ resolution: 'expired', attempt: 1 }]);
      expect(expiring.to(to)).toHaveLength(1);
      expect(await gateway.money(account)).toEqual({ credits: left, reserved: '0' });
      expect(await own.receiptOf(id)).toMatchObject({ state: 'EXPIRED' });
      await own.close();
    },
  );

  it('ends a long message whose one segment was sent again when both receipts are there', async () => {
    const to = '12025550106';
    const own = await Esme.bind(gateway.port, { systemId: 'bob' });
    resending.onSubmit = (submit) => {
      if (resending.to(to).length !== 2) return resending.accept(submit);
      submit.session.destroy();
    };
    const id = await own.accepted({
      destination_addr: to,
      short_message: Buffer.alloc(0),
      message_payload: Buffer.from('a'.repeat(200), 'latin1'),
    });
    const submits = await resending.taken(3, to);
    const [one, , again] = submits;
    if (one === undefined || again === undefined) throw new Error('three submits');
    await eventually(async () => expect(await gateway.dispatches(id)).toHaveLength(2));
    expect(await gateway.dispatches(id)).toMatchObject([
      { segment: 1, attempt: 1 },
      { segment: 2, attempt: 2 },
    ]);
    await resending.receipt(again);
    await resending.receipt(one);
    await gateway.ended(id, { state: 'DELIVRD' });
    expect(await gateway.money('bob')).toEqual({ credits: '9.8', reserved: '0' });
    await own.close();
  });
});

describe('reconcile', () => {
  it('finds the books in order after all this', () => gateway.reconciled());
});
