import type { Pdu } from 'smpp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestGateway } from '../support/gateway.ts';
import { Esme, payload } from './esme.ts';
import { resources } from './resources.ts';
import { contentOf, partOf, ScriptedCarrier, type TakenSubmit } from './scripted-carrier.ts';

const STYLES = ['udh', 'sar', 'payload'] as const;
type Style = (typeof STYLES)[number];
const PREFIX: Record<Style, string> = { udh: '1', sar: '2', payload: '3' };
let carriers: Record<Style, ScriptedCarrier>;
let wide: ScriptedCarrier;
let gateway: TestGateway;
let esme: Esme;
let next = 0;

beforeAll(async () => {
  const listening = await Promise.all(STYLES.map(() => ScriptedCarrier.listen()));
  carriers = Object.fromEntries(STYLES.map((style, i) => [style, listening[i]])) as typeof carriers;
  wide = await ScriptedCarrier.listen();
  gateway = await TestGateway.start(
    resources({
      accounts: {
        alice: {},
        rich: { credit: '100', bind: { segmentsPerSecond: 0 } },
      },
      carriers: {
        wide: { port: wide.port, prefix: '9', binds: 2, windowMax: 250 },
        ...Object.fromEntries(
          STYLES.map((style) => [
            style,
            {
              port: carriers[style].port,
              prefix: PREFIX[style],
              longMessages: style,
            },
          ]),
        ),
      },
    }),
  );
  esme = await Esme.bind(gateway.port, { systemId: 'alice' });
});

afterAll(async () => {
  await esme?.close();
  await gateway?.close();
  await wide?.down();
  for (const carrier of Object.values(carriers ?? {})) await carrier.down();
});

function numberOf(style: Style): string {
  return `${PREFIX[style]}2025557${String(next++).padStart(3, '0')}`;
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

describe('very long messages', () => {
  it('of more than 255 segments are refused, for no header can number them', async () => {
    const before = await gateway.money('alice');
    const refused = await esme.submit({
      destination_addr: numberOf('udh'),
      ...payload('z'.repeat(255 * 153 + 1), 'latin1'),
    });
    expect(refused.command_status).not.toBe(0);
    expect(await gateway.money('alice')).toEqual(before);
  });

  it('go out whole, though one lease holds more keys than a window', async () => {
    const rich = await Esme.bind(gateway.port, { systemId: 'rich' });
    await gateway.setPaused('wide', true);
    const texts = [...Array(49).fill('f'.repeat(10 * 153)), 'g'.repeat(255 * 153)];
    const ids = await Promise.all(
      texts.map((text) =>
        rich.accepted({ destination_addr: '92025550101', ...payload(text, 'latin1') }),
      ),
    );
    expect(await gateway.money('rich')).toMatchObject({ credits: '25.5' });
    await gateway.setPaused('wide', false);
    const submits = await wide.taken(49 * 10 + 255);
    for (const submit of submits) void wide.receipt(submit);
    for (const id of ids) await gateway.ended(id, { state: 'DELIVRD' });
    expect(wide.submits).toHaveLength(745);
    await rich.close();
  });
});

describe('reconcile', () => {
  it('finds the books in order after all this', () => gateway.reconciled());
});
