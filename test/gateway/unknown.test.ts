import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestGateway } from '../support/gateway.ts';
import { Esme } from './esme.ts';
import { resources } from './resources.ts';
import { type ReceiptWords, ScriptedCarrier, type TakenSubmit } from './scripted-carrier.ts';

/** Those that no receipt is to come before: the others wait until their test has sent its receipts. */
const WAIT_SECONDS: Partial<Record<Case, number>> = { long: 0.3, late: 0.3, kept: 0.3, given: 0.3 };
/** Each case has a carrier, an account and a prefix of its own, so that all run at once. */
const CASES = [
  'fits',
  'text',
  'sender',
  'date',
  'two',
  'kept',
  'given',
  'long',
  'tie',
  'late',
] as const;
type Case = (typeof CASES)[number];

let carriers: Record<Case, ScriptedCarrier>;
let gateway: TestGateway;

beforeAll(async () => {
  const listening = await Promise.all(CASES.map(() => ScriptedCarrier.listen()));
  carriers = Object.fromEntries(CASES.map((name, i) => [name, listening[i]])) as typeof carriers;
  const then = (name: Case) => (name === 'kept' || name === 'given' ? 'expire' : 'resend');
  gateway = await TestGateway.start(
    resources({
      tariffs: { standard: { '*': '0.1' } },
      terms: { kept: { noReceipt: 'keep' }, given: { noReceipt: 'refund' } },
      accounts: Object.fromEntries(
        CASES.map((name) => [name, name === 'kept' || name === 'given' ? { terms: name } : {}]),
      ),
      carriers: Object.fromEntries(
        CASES.map((name) => [
          name,
          {
            port: carriers[name].port,
            prefix: prefixOf(name),
            binds: 1,
            onUnknownOutcome: { waitSeconds: WAIT_SECONDS[name] ?? 3_600, then: then(name) },
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

function numberOf(name: Case, n = 1): string {
  return `${prefixOf(name)}202555010${n}`;
}

/** Two digits, so that none begins another. */
function prefixOf(name: Case): string {
  return String(10 + CASES.indexOf(name));
}

/** The carrier takes its `nth` submit and cuts the session instead of an answer. */
function cutAt(carrier: ScriptedCarrier, nth: number): void {
  carrier.onSubmit = (submit) => {
    if (carrier.submits.length === nth) submit.session.destroy();
    else carrier.accept(submit);
  };
}

async function listed(id: string): Promise<{ resolution: string | null; attempt: number }[]> {
  return gateway.sql(
    'select resolution, attempt from unknown_outcome where id = $1 order by segment, attempt',
    [id],
  );
}

/** Submits one message whose answer is lost, and sends this receipt of it once the carrier is bound again. */
async function lost(
  name: Case,
  words: ReceiptWords | undefined,
): Promise<{ esme: Esme; id: string; first: TakenSubmit }> {
  const esme = await Esme.bind(gateway.port, { systemId: name });
  cutAt(carriers[name], 1);
  const id = await esme.accepted({ destination_addr: numberOf(name), short_message: 'code 4711' });
  const [first] = await carriers[name].taken(1);
  if (first === undefined) throw new Error('taken');
  await eventually(async () =>
    expect(await listed(id)).toEqual([{ resolution: null, attempt: 1 }]),
  );
  if (words !== undefined) await eventually(() => carriers[name].receipt(first, words));
  return { esme, id, first };
}

/** YYMMDDhhmm in UTC, so many minutes ago. */
function minutesAgo(minutes: number): string {
  const at = new Date(Date.now() - minutes * 60_000);
  return at.toISOString().replace(/\D/g, '').slice(2, 12);
}

describe.concurrent('a submit whose answer was lost with its session', () => {
  it('is settled by the orphan receipt that fits it alone, and not sent again', async () => {
    const { esme, id } = await lost('fits', { id: 'never-told' });
    await gateway.decideUnknown(id);
    await gateway.ended(id, { state: 'DELIVRD', cause: 'receipt' });
    await eventually(async () =>
      expect(await listed(id)).toEqual([{ resolution: 'receipt', attempt: 1 }]),
    );
    expect(carriers.fits.submits).toHaveLength(1);
    expect(await esme.receiptOf(id)).toMatchObject({ state: 'DELIVRD' });
    await eventually(async () =>
      expect(await gateway.dispatches(id)).toEqual([
        { segment: 1, attempt: 1, status: 0, upstream: 'never-told' },
      ]),
    );
    await esme.close();
  });

  it.each([
    { name: 'text', words: { id: 'alien', text: 'some other text' } },
    { name: 'sender', words: { id: 'alien', source: 'Other' } },
    // Before its zone is learnt a carrier may be any number of quarters of an hour away, and no more.
    { name: 'date', words: { id: 'alien', submitDate: minutesAgo(7) } },
  ] as const)(
    'is sent again after its wait when the receipt has another $name',
    async ({ name, words }) => {
      const { esme, id } = await lost(name, words);
      await gateway.decideUnknown(id);
      const [, second] = await carriers[name].taken(2);
      if (second === undefined) throw new Error('sent again');
      // It stood in the list before it was sent again.
      expect(await listed(id)).toEqual([{ resolution: 'resent', attempt: 1 }]);
      await eventually(async () =>
        expect(await gateway.dispatches(id)).toMatchObject([{ attempt: 2, upstream: second.id }]),
      );
      await carriers[name].receipt(second);
      await gateway.ended(id, { state: 'DELIVRD' });
      expect(carriers[name].submits).toHaveLength(2);
      expect(await gateway.money(name)).toEqual({ credits: '9.9', reserved: '0' });
      await esme.receiptOf(id);
      expect(esme.receipts).toHaveLength(1);
      await esme.close();
    },
  );

  it('is sent again when two orphan receipts fit it', async () => {
    const { esme, id, first } = await lost('two', { id: 'one' });
    await carriers.two.receipt(first, { id: 'two' });
    await gateway.decideUnknown(id);
    const [, second] = await carriers.two.taken(2);
    if (second === undefined) throw new Error('sent again');
    await carriers.two.receipt(second);
    await gateway.ended(id, { state: 'DELIVRD' });
    expect(await listed(id)).toEqual([{ resolution: 'resent', attempt: 1 }]);
    await esme.close();
  });

  it('is sent again when the one receipt fits another such submit as well', async () => {
    const { tie } = carriers;
    const esme = await Esme.bind(gateway.port, { systemId: 'tie' });
    tie.onSubmit = (submit) => {
      if (tie.submits.length === 2) tie.cut();
      else if (tie.submits.length > 2) tie.accept(submit);
    };
    const message = { destination_addr: numberOf('tie'), short_message: 'twice the same' };
    const ids = [await esme.accepted(message), await esme.accepted(message)];
    const [first] = await tie.taken(2);
    if (first === undefined) throw new Error('taken');
    await eventually(async () =>
      expect((await Promise.all(ids.map(listed))).flat()).toHaveLength(2),
    );
    await eventually(() => tie.receipt(first, { id: 'whose' }));
    await gateway.decideUnknown(...ids);
    for (const submit of (await tie.taken(4)).slice(2)) await eventually(() => tie.receipt(submit));
    for (const id of ids) await gateway.ended(id, { state: 'DELIVRD' });
    for (const id of ids) expect(await listed(id)).toEqual([{ resolution: 'resent', attempt: 1 }]);
    expect(tie.submits).toHaveLength(4);
    await esme.close();
  });

  it('has a receipt that comes after it was sent again noted on its first attempt, and changes nothing', async () => {
    const { esme, id, first } = await lost('late', undefined);
    const [, second] = await carriers.late.taken(2);
    if (second === undefined) throw new Error('sent again');
    await carriers.late.receipt(second);
    await gateway.ended(id, { state: 'DELIVRD' });
    await carriers.late.receipt(first, { id: 'too-late', stat: 'UNDELIV' });
    await eventually(async () =>
      expect(
        await gateway.sql(
          'select kind, state, detail from receipt_note where message = $1 order by id',
          [id],
        ),
      ).toEqual([{ kind: 'late', state: 5, detail: 'of segment 1, attempt 1' }]),
    );
    await eventually(async () =>
      expect(
        await gateway.sql('select matched::text from parked_receipt where matched = $1', [id]),
      ).toEqual([{ matched: id }]),
    );
    expect(await gateway.end(id)).toMatchObject({ state: 'DELIVRD' });
    expect(await gateway.money('late')).toEqual({ credits: '9.9', reserved: '0' });
    expect(await esme.receiptOf(id)).toMatchObject({ state: 'DELIVRD' });
    expect(esme.receipts).toHaveLength(1);
    await esme.close();
  });

  it.each([
    { name: 'kept', refund: '0', left: '9.9' },
    { name: 'given', refund: '0.1', left: '10' },
  ] as const)(
    'is expired where the carrier says so, with the money of terms.noReceipt ($name)',
    async ({ name, refund, left }) => {
      const { esme, id } = await lost(name, undefined);
      await gateway.ended(id, { state: 'EXPIRED', fault: 'unknown', refund });
      await eventually(async () =>
        expect(await listed(id)).toEqual([{ resolution: 'expired', attempt: 1 }]),
      );
      expect(carriers[name].submits).toHaveLength(1);
      expect(await gateway.money(name)).toEqual({ credits: left, reserved: '0' });
      expect(await esme.receiptOf(id)).toMatchObject({ state: 'EXPIRED' });
      await esme.close();
    },
  );

  it('as a segment of a long message is sent again alone, and both receipts end the message', async () => {
    const { long } = carriers;
    const esme = await Esme.bind(gateway.port, { systemId: 'long' });
    long.onSubmit = (submit) => {
      if (long.submits.length !== 2) long.accept(submit);
    };
    const id = await esme.accepted({
      destination_addr: numberOf('long'),
      short_message: Buffer.alloc(0),
      message_payload: Buffer.alloc(200, 0x61),
    });
    const [, unanswered] = await long.taken(2);
    // Cut once the answer to the other has come.
    await eventually(async () => expect(await gateway.dispatches(id)).toHaveLength(1));
    unanswered?.session.destroy();
    const [one, , again] = await long.taken(3);
    if (one === undefined || again === undefined) throw new Error('three submits');
    await eventually(async () =>
      expect(await gateway.dispatches(id)).toMatchObject([
        { segment: 1, attempt: 1 },
        { segment: 2, attempt: 2 },
      ]),
    );
    await long.receipt(again);
    await long.receipt(one);
    await gateway.ended(id, { state: 'DELIVRD' });
    expect(await gateway.money('long')).toEqual({ credits: '9.8', reserved: '0' });
    await esme.close();
  });
});

describe('reconcile', () => {
  it('finds the books in order after all this, and no receipt counted twice', async () => {
    await gateway.reconciled();
    expect(await gateway.sql('select * from receipt_note where kind = $1', ['repeated'])).toEqual(
      [],
    );
  });
});
