import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestGateway } from '../support/gateway.ts';
import { Esme, payload } from './esme.ts';
import { resources } from './resources.ts';
import { contentOf, partOf, ScriptedCarrier } from './scripted-carrier.ts';

const STYLES = ['udh', 'payload'] as const;
type Style = (typeof STYLES)[number];
const PREFIX: Record<Style, string> = { udh: '1', payload: '3' };
let carriers: Record<Style, ScriptedCarrier>;
let gateway: TestGateway;
let next = 0;

beforeAll(async () => {
  const [udh, payload] = [await ScriptedCarrier.listen(), await ScriptedCarrier.listen()];
  carriers = { udh, payload };
  const graced = { receiptGraceHours: 0.0001 };
  gateway = await TestGateway.start(
    resources({
      terms: {
        recipients: { refundAutomatic: ['recipient'] },
        nothing: { refundAutomatic: [] },
        delivered: { chargeOn: 'delivered' },
        unreceipted: { refundAutomatic: [], noReceipt: 'refund' },
      },
      accounts: {
        recipients: { terms: 'recipients' },
        nothing: { terms: 'nothing' },
        delivered: { terms: 'delivered' },
        unreceipted: { terms: 'unreceipted' },
      },
      carriers: {
        udh: { ...graced, port: udh.port, prefix: PREFIX.udh },
        payload: { ...graced, port: payload.port, prefix: PREFIX.payload, longMessages: 'payload' },
      },
    }),
  );
});

afterAll(async () => {
  await gateway?.close();
  for (const carrier of Object.values(carriers ?? {})) await carrier.down();
});

function numberOf(style: Style): string {
  return `${PREFIX[style]}2025557${String(next++).padStart(3, '0')}`;
}

describe('a long message of which one segment failed', () => {
  /** Two segments under these terms, at 0.1 each, and their submits. */
  async function two(account: string, style: Style = 'udh') {
    const own = await Esme.bind(gateway.port, { systemId: account });
    const to = numberOf(style);
    const text = payload('e'.repeat(200), 'latin1');
    const id = await own.accepted({ destination_addr: to, ...text });
    const submits = await carriers[style].taken(style === 'payload' ? 1 : 2, to);
    const [first, second] = submits;
    if (first === undefined) throw new Error('taken');
    return { own, id, first, second: second ?? first, before: await gateway.entries(account) };
  }

  it.each([
    { account: 'recipients', refund: '0.1', entries: ['refund +0.1'] },
    { account: 'nothing', refund: '0', entries: [] },
  ])(
    'gives back that segment alone, in one entry, where the terms say so ($account)',
    async ({ account, refund, entries }) => {
      const { own, id, first, second, before } = await two(account);
      await carriers.udh.receipt(first);
      await carriers.udh.receipt(second, { stat: 'UNDELIV', err: '001' });
      await gateway.ended(id, { state: 'UNDELIV', fault: 'recipient', refund });
      expect((await gateway.entries(account)).slice(before.length)).toEqual(entries);
      expect((await own.receiptOf(id)).text).toContain('sub:002 dlvrd:001');
      expect(own.receipts).toHaveLength(1);
      await own.close();
    },
  );

  it('charges the delivered segment and releases the other where prices are reserved', async () => {
    const { own, id, first, second } = await two('delivered');
    expect(await gateway.money('delivered')).toEqual({ credits: '10', reserved: '0.2' });
    await carriers.udh.receipt(second, { stat: 'REJECTD' });
    await carriers.udh.receipt(first);
    await gateway.ended(id, { state: 'REJECTD', charge: '0.1', release: '0.1' });
    expect(await gateway.money('delivered')).toEqual({ credits: '9.9', reserved: '0' });
    await own.close();
  });

  it('gives back the whole where the carrier cuts it itself, and so says nothing of segments', async () => {
    const { own, id, first } = await two('recipients', 'payload');
    await carriers.payload.receipt(first, { stat: 'UNDELIV' });
    await gateway.ended(id, { state: 'UNDELIV', refund: '0.2' });
    await own.close();
  });

  it('is REJECTD when the carrier refuses one segment for good, after the other ended', async () => {
    const { udh } = carriers;
    const to = `${PREFIX.udh}2025557${String(next).padStart(3, '0')}`;
    udh.onSubmit = (submit) =>
      submit.destination === to && partOf(submit.pdu)?.number === 2
        ? udh.refuse(submit, 0x0b)
        : udh.accept(submit);
    const { own, id, first } = await two('recipients');
    await eventually(async () => expect(await gateway.dispatches(id)).toHaveLength(2));
    expect(await gateway.end(id)).toMatchObject({ state: undefined });
    await udh.receipt(first);
    await gateway.ended(id, { state: 'REJECTD', fault: 'carrier', refund: '0' });
    expect(udh.to(to)).toHaveLength(2);
    udh.onSubmit = (submit) => udh.accept(submit);
    await own.close();
  });

  it('sends a segment that was to come later again, and that one alone', async () => {
    const { udh } = carriers;
    const to = `${PREFIX.udh}2025557${String(next).padStart(3, '0')}`;
    udh.onSubmit = (submit) =>
      submit.destination === to && udh.to(to).length === 2
        ? udh.refuse(submit, 0x58)
        : udh.accept(submit);
    const { own, id, first } = await two('recipients');
    const [, , again] = await udh.taken(3, to);
    if (again === undefined) throw new Error('sent again');
    expect(partOf(again.pdu)).toEqual({ ...partOf(first.pdu), number: 2 });
    expect(String(contentOf(again.pdu))).toBe('e'.repeat(47));
    await eventually(async () =>
      expect(await gateway.dispatches(id)).toMatchObject([
        { segment: 1, attempt: 1, status: 0 },
        { segment: 2, attempt: 1, status: 0x58 },
        { segment: 2, attempt: 2, status: 0 },
      ]),
    );
    await udh.receipt(first);
    await udh.receipt(again);
    await gateway.ended(id, { state: 'DELIVRD' });
    udh.onSubmit = (submit) => udh.accept(submit);
    await own.close();
  });

  it.each([
    { account: 'nothing', refund: '0' },
    { account: 'unreceipted', refund: '0.1' },
  ])(
    'without a receipt of one segment ends UNKNOWN, that segment by terms.noReceipt ($account)',
    async ({ account, refund }) => {
      const { own, id, first } = await two(account);
      await eventually(async () => expect(await gateway.dispatches(id)).toHaveLength(2));
      await carriers.udh.receipt(first);
      await gateway.outlive(id);
      await gateway.ended(id, { state: 'UNKNOWN', cause: 'noReceipt', refund });
      await own.close();
    },
  );
});

describe('reconcile', () => {
  it('finds the books in order after all this', () => gateway.reconciled());
});
