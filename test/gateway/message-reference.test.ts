import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { messageId } from '../../src/domain/ids.ts';
import { referenceOf } from '../../src/gateway/message-reference.ts';
import { eventually, TestGateway } from '../support/gateway.ts';
import { Esme, payload } from './esme.ts';
import { resources } from './resources.ts';
import {
  type ReceiptWords,
  receiptPdu,
  ScriptedCarrier,
  type TakenSubmit,
} from './scripted-carrier.ts';

const STYLES = ['udh', 'sar', 'payload'] as const;
type Case = (typeof STYLES)[number] | 'two' | 'silent' | 'wrong';
const CASES: readonly Case[] = [...STYLES, 'two', 'silent', 'wrong'];

let carriers: Record<Case, ScriptedCarrier>;
let gateway: TestGateway;

beforeAll(async () => {
  const listening = await Promise.all(CASES.map(() => ScriptedCarrier.listen()));
  carriers = Object.fromEntries(CASES.map((name, i) => [name, listening[i]])) as typeof carriers;
  gateway = await TestGateway.start(
    resources({
      accounts: Object.fromEntries(CASES.map((name) => [name, {}])),
      carriers: Object.fromEntries(
        CASES.map((name) => [
          name,
          {
            port: carriers[name].port,
            prefix: prefixOf(name),
            binds: 1,
            echoesUserMessageReference: true,
            longMessages: name === 'sar' || name === 'payload' ? name : 'udh',
            // Until the test has sent its receipts.
            onUnknownOutcome: { waitSeconds: 3_600, then: 'resend' },
          },
        ]),
      ),
    }),
  );
});

afterAll(async () => {
  await gateway?.close();
  for (const carrier of Object.values(carriers ?? {})) await carrier.down();
});

function prefixOf(name: Case): string {
  return String(10 + CASES.indexOf(name));
}

/** A receipt with the reference of its submit_sm, or another, or none. */
function echo(
  carrier: ScriptedCarrier,
  submit: TakenSubmit,
  words: ReceiptWords,
  reference = submit.pdu.user_message_reference,
): Promise<number> {
  const pdu = receiptPdu(submit, words);
  return carrier.deliver(
    reference === undefined ? pdu : { ...pdu, user_message_reference: reference },
  );
}

describe('referenceOf', () => {
  it('differs between the segments and attempts of one message and between messages of one moment', () => {
    const seen = new Set<number>();
    for (let sequence = 0n; sequence < 100n; sequence++)
      for (let segment = 1; segment <= 3; segment++)
        for (let attempt = 1; attempt <= 2; attempt++) {
          const id = messageId((59_000_000_000n << 22n) | (5n << 12n) | sequence);
          const reference = referenceOf({ id, segment, attempt });
          expect(reference).toBeGreaterThanOrEqual(0);
          expect(reference).toBeLessThanOrEqual(0xffff);
          seen.add(reference);
        }
    expect(seen.size).toBe(600);
  });
});

describe.each(STYLES)('a long message to a carrier that echoes references, as %s', (style) => {
  it('goes with references of ours, and the customer gets his own back', async () => {
    const carrier = carriers[style];
    const esme = await Esme.bind(gateway.port, { systemId: style });
    const to = `${prefixOf(style)}2025550101`;
    const text = payload('e'.repeat(200), 'latin1');
    const id = await esme.accepted({ destination_addr: to, user_message_reference: 4711, ...text });
    const submits = await carrier.taken(style === 'payload' ? 1 : 2, to);
    const references = submits.map(({ pdu }) => pdu.user_message_reference);
    expect(references).toEqual(
      submits.map((_, i) => referenceOf({ id: messageId(BigInt(id)), segment: i + 1, attempt: 1 })),
    );
    await Promise.all(submits.map((submit) => echo(carrier, submit, {})));
    await gateway.ended(id, { state: 'DELIVRD' });
    expect((await esme.receiptOf(id)).pdu.user_message_reference).toBe(4711);
    const plain = await esme.accepted({ destination_addr: `${prefixOf(style)}2025550102` });
    const [other] = await carrier.taken(1, `${prefixOf(style)}2025550102`);
    if (other === undefined) throw new Error('taken');
    await echo(carrier, other, {});
    expect((await esme.receiptOf(plain)).pdu.user_message_reference).toBeUndefined();
    await esme.close();
  });
});

describe('an unanswered submit to a carrier that echoes references', () => {
  /** Two alike in all but their references; neither was answered. */
  async function lost(name: Case, count: number): Promise<{ esme: Esme; ids: string[] }> {
    const carrier = carriers[name];
    const esme = await Esme.bind(gateway.port, { systemId: name });
    carrier.onSubmit = (submit) => {
      if (carrier.submits.length === count) submit.session.destroy();
      else if (carrier.submits.length > count) carrier.accept(submit);
    };
    const to = `${prefixOf(name)}2025550101`;
    const ids = await Promise.all(
      Array.from({ length: count }, () => esme.accepted({ destination_addr: to })),
    );
    await carrier.taken(count, to);
    await eventually(async () =>
      expect(
        await gateway.sql('select id from unknown_outcome where id = any ($1)', [ids]),
      ).toHaveLength(count),
    );
    return { esme, ids };
  }

  it('is settled by the orphan receipt that has its reference, though another is alike', async () => {
    const { esme, ids } = await lost('two', 2);
    const { two } = carriers;
    for (const [i, submit] of [...two.submits].entries())
      await eventually(() =>
        echo(two, submit, { id: `o${i}`, stat: i === 0 ? 'UNDELIV' : 'DELIVRD' }),
      );
    await gateway.decideUnknown(...ids);
    // Judged by what the carrier knows: which reference it got in which submit_sm.
    for (const id of ids) {
      const reference = referenceOf({ id: messageId(BigInt(id)), segment: 1, attempt: 1 });
      const nth = two.submits.findIndex(({ pdu }) => pdu.user_message_reference === reference);
      await gateway.ended(id, { state: nth === 0 ? 'UNDELIV' : 'DELIVRD', cause: 'receipt' });
    }
    expect(two.submits).toHaveLength(2);
    await eventually(() => {
      const resolved = gateway.reports.filter(({ what }) => what === 'unknownResolved');
      expect(resolved.map(({ args }) => args.slice(1))).toEqual([
        ['receipt', 1],
        ['receipt', 1],
      ]);
    });
    await esme.close();
  });

  it.each([
    ['silent', undefined],
    ['wrong', 1],
  ] as const)('is sent again when the orphan receipt is %s about it', async (name, reference) => {
    const { esme, ids } = await lost(name, 1);
    const carrier = carriers[name];
    const [first] = carrier.submits;
    if (first === undefined) throw new Error('taken');
    await eventually(() => {
      const pdu = receiptPdu(first, { id: 'alien' });
      return carrier.deliver(
        reference === undefined ? pdu : { ...pdu, user_message_reference: reference },
      );
    });
    await gateway.decideUnknown(...ids);
    const [, second] = await carrier.taken(2);
    expect(second?.pdu.user_message_reference).toBe(
      referenceOf({ id: messageId(BigInt(ids[0] ?? '0')), segment: 1, attempt: 2 }),
    );
    await esme.close();
  });
});
