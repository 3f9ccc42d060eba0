import type { Pdu, PduInput } from 'smpp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestGateway } from '../support/gateway.ts';
import { Esme } from './esme.ts';
import { resources } from './resources.ts';
import { contentOf, ScriptedCarrier, type TakenSubmit } from './scripted-carrier.ts';

const STYLES = ['udh', 'sar', 'payload'] as const;
type Style = (typeof STYLES)[number];
const PREFIX: Record<Style, string> = { udh: '1', sar: '2', payload: '3' };
let carriers: Record<Style, ScriptedCarrier>;
let gateway: TestGateway;
let esme: Esme;
let next = 0;

beforeAll(async () => {
  const listening = await Promise.all(STYLES.map(() => ScriptedCarrier.listen()));
  carriers = Object.fromEntries(STYLES.map((style, i) => [style, listening[i]])) as typeof carriers;
  gateway = await TestGateway.start(
    resources({
      terms: {
        recipients: { refundAutomatic: ['recipient'] },
        nothing: { refundAutomatic: [] },
        delivered: { chargeOn: 'delivered' },
        unreceipted: { refundAutomatic: [], noReceipt: 'refund' },
      },
      accounts: {
        alice: {},
        recipients: { terms: 'recipients' },
        nothing: { terms: 'nothing' },
        delivered: { terms: 'delivered' },
        unreceipted: { terms: 'unreceipted' },
      },
      carriers: Object.fromEntries(
        STYLES.map((style) => [
          style,
          {
            port: carriers[style].port,
            prefix: PREFIX[style],
            longMessages: style,
            receiptGraceHours: 0.0001,
          },
        ]),
      ),
    }),
  );
  esme = await Esme.bind(gateway.port, { systemId: 'alice' });
});

afterAll(async () => {
  await esme?.close();
  await gateway?.close();
  for (const carrier of Object.values(carriers ?? {})) await carrier.down();
});

function numberOf(style: Style): string {
  return `${PREFIX[style]}2025557${String(next++).padStart(3, '0')}`;
}

/** A submit_sm with its text in message_payload. */
function payload(text: string, encoding: 'latin1' | 'ucs2'): PduInput {
  const octets = Buffer.from(text, encoding === 'ucs2' ? 'utf16le' : 'latin1');
  return {
    short_message: Buffer.alloc(0),
    message_payload: encoding === 'ucs2' ? octets.swap16() : octets,
    data_coding: encoding === 'ucs2' ? 8 : 0,
  };
}

/** Which part of how many a submit is, by its header or its TLVs. */
function partOf(pdu: Pdu): { reference: number; total: number; number: number } | undefined {
  const short = pdu.short_message;
  const udh = typeof short === 'object' && 'udh' in short ? short.udh : undefined;
  const element = udh?.find((one) => one[0] === 0x00 || one[0] === 0x08);
  if (element?.[0] === 0x00)
    return { reference: element[2] ?? -1, total: element[3] ?? -1, number: element[4] ?? -1 };
  if (element !== undefined)
    return {
      reference: element.readUInt16BE(2),
      total: element[4] ?? -1,
      number: element[5] ?? -1,
    };
  if (pdu.sar_total_segments === undefined) return undefined;
  return {
    reference: pdu.sar_msg_ref_num ?? -1,
    total: pdu.sar_total_segments,
    number: pdu.sar_segment_seqnum ?? -1,
  };
}

/** The text that a phone puts together of these submits. */
function joined(submits: readonly TakenSubmit[]): string {
  const parts = [...submits].sort(
    (a, b) => (partOf(a.pdu)?.number ?? 0) - (partOf(b.pdu)?.number ?? 0),
  );
  return parts.map(({ pdu }) => String(textOf(pdu))).join('');
}

function textOf(pdu: Pdu): string | Buffer {
  const long = pdu.message_payload;
  if (long === undefined) return contentOf(pdu);
  return typeof long === 'string' || Buffer.isBuffer(long) ? long : long.message;
}

async function storedSegments(id: string): Promise<number> {
  const [row] = await gateway.sql<{ segments: number }>(
    'select segments from message where id = $1',
    [id],
  );
  return row?.segments ?? -1;
}

describe('a long message', () => {
  const long = [
    { what: '160 characters of GSM 7-bit', text: 'a'.repeat(160), code: 'latin1', segments: 1 },
    { what: '161 characters of GSM 7-bit', text: 'b'.repeat(161), code: 'latin1', segments: 2 },
    { what: '306 characters of GSM 7-bit', text: 'c'.repeat(306), code: 'latin1', segments: 2 },
    { what: '307 characters of GSM 7-bit', text: 'd'.repeat(307), code: 'latin1', segments: 3 },
    { what: '70 characters of UCS-2', text: 'ж'.repeat(70), code: 'ucs2', segments: 1 },
    { what: '71 characters of UCS-2', text: 'ш'.repeat(71), code: 'ucs2', segments: 2 },
    { what: '135 characters of UCS-2', text: 'щ'.repeat(135), code: 'ucs2', segments: 3 },
    { what: '40 emoji, none cut in two', text: 'x😀'.repeat(40), code: 'ucs2', segments: 2 },
  ] as const;
  const cases = long.flatMap((one) => STYLES.map((style) => ({ ...one, style })));

  it.each(cases)(
    'of $what goes by $style and costs what it is: $segments',
    async ({ text, code, segments, style }) => {
      const before = await gateway.money('alice');
      const to = numberOf(style);
      const id = await esme.accepted({ destination_addr: to, ...payload(text, code) });
      const count = style === 'payload' ? 1 : segments;
      const submits = await carriers[style].taken(count, to);
      await eventually(async () => expect(await gateway.dispatches(id)).toHaveLength(count));
      expect(submits).toHaveLength(count);
      expect(joined(submits)).toBe(text);
      expect(await storedSegments(id)).toBe(segments);
      const after = await gateway.money('alice');
      expect(Number(before.credits) - Number(after.credits)).toBeCloseTo(segments * 0.1, 6);
      if (count > 1) {
        const parts = submits.map(({ pdu }) => partOf(pdu));
        expect(new Set(parts.map((part) => part?.reference)).size).toBe(1);
        expect(parts.map((part) => part?.total)).toEqual(Array(count).fill(count));
        expect(parts.map((part) => part?.number).sort()).toEqual(submits.map((_, i) => i + 1));
      }
      for (const submit of submits) await carriers[style].receipt(submit);
      await gateway.ended(id, { state: 'DELIVRD' });
      const receipt = await esme.receiptOf(id);
      const sub = String(segments).padStart(3, '0');
      expect(receipt.text).toContain(`sub:${sub} dlvrd:${sub} `);
    },
  );

  it('that the customer cut himself is as many messages, each passed on as it is', async () => {
    const to = numberOf('udh');
    const udh = (n: number) => Buffer.from([5, 0, 3, 77, 2, n]);
    const parts = [1, 2].map((n) => ({
      destination_addr: to,
      esm_class: 0x40,
      short_message: { udh: udh(n), message: `part ${n}` },
    }));
    for (const part of parts) await esme.accepted(part);
    const submits = await carriers.udh.taken(2, to);
    expect(submits.map(({ pdu }) => partOf(pdu))).toEqual([
      { reference: 77, total: 2, number: 1 },
      { reference: 77, total: 2, number: 2 },
    ]);
    expect(joined(submits)).toBe('part 1part 2');
  });

  it('that the customer cut by sar_* keeps its TLVs', async () => {
    const to = numberOf('udh');
    const sar = { sar_msg_ref_num: 4711, sar_total_segments: 2 };
    for (const n of [1, 2])
      await esme.accepted({
        destination_addr: to,
        short_message: `part ${n}`,
        ...sar,
        sar_segment_seqnum: n,
      });
    const submits = await carriers.udh.taken(2, to);
    expect(submits.map(({ pdu }) => partOf(pdu))).toEqual([
      { reference: 4711, total: 2, number: 1 },
      { reference: 4711, total: 2, number: 2 },
    ]);
  });
});

describe('a long message of which one segment failed', () => {
  /** Two segments under these terms, at 0.1 each, and their submits. */
  async function two(account: string, style: Style = 'udh', validity = '') {
    const own = await Esme.bind(gateway.port, { systemId: account });
    const to = numberOf(style);
    const text = payload('e'.repeat(200), 'latin1');
    const id = await own.accepted({ destination_addr: to, validity_period: validity, ...text });
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
      const { own, id, first } = await two(account, 'udh', '000000000001000R');
      await carriers.udh.receipt(first);
      const [row] = await gateway.sql<{ until: Date }>(
        `select valid_until + interval '400 ms' as until from message where id = $1`,
        [id],
      );
      await eventually(() => expect(Date.now()).toBeGreaterThan(row?.until.getTime() ?? 0));
      await gateway.bringBeforeJanitor(id);
      await gateway.ended(id, { state: 'UNKNOWN', cause: 'noReceipt', refund });
      await own.close();
    },
  );
});

describe('reconcile', () => {
  it('finds the books in order after all this', () => gateway.reconciled());
});
