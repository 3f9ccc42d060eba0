import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { messageId } from '../../src/domain/ids.ts';
import { formatCredits } from '../../src/domain/money.ts';
import { readTimeline } from '../../src/store/timeline.ts';
import { eventually, TestGateway } from '../support/gateway.ts';
import { Esme } from './esme.ts';
import { resources } from './resources.ts';
import { ScriptedCarrier, type TakenSubmit } from './scripted-carrier.ts';

/** Each case has a carrier, an account of its own terms, and a prefix. */
const TERMS = {
  kept: { noReceipt: 'keep', refundAutomatic: ['recipient'] },
  given: { noReceipt: 'refund', refundAutomatic: ['recipient'] },
  reserved: { noReceipt: 'refund', chargeOn: 'delivered' },
  expired: { noReceipt: 'refund', refundAutomatic: ['recipient'] },
  poor: { noReceipt: 'refund' },
} as const;
type Case = keyof typeof TERMS;
const CASES = Object.keys(TERMS) as Case[];

let carriers: Record<Case, ScriptedCarrier>;
let gateway: TestGateway;

beforeAll(async () => {
  const listening = await Promise.all(CASES.map(() => ScriptedCarrier.listen()));
  carriers = Object.fromEntries(CASES.map((name, i) => [name, listening[i]])) as typeof carriers;
  gateway = await TestGateway.start(
    resources({
      tariffs: { standard: { '*': '0.1' } },
      terms: TERMS,
      accounts: Object.fromEntries(
        CASES.map((name) => [name, { terms: name, ...(name === 'poor' && { credit: '0.2' }) }]),
      ),
      carriers: Object.fromEntries(
        CASES.map((name) => [
          name,
          {
            port: carriers[name].port,
            prefix: prefixOf(name),
            binds: 1,
            receiptGraceHours: 0.0001,
            onUnknownOutcome: { waitSeconds: 0.3, then: 'expire' },
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

/** A message whose receipt did not come by its validity and grace: it ended UNKNOWN, and the customer was told so. */
async function ended(name: Case, n = 1): Promise<{ esme: Esme; id: string; submit: TakenSubmit }> {
  const esme = await Esme.bind(gateway.port, { systemId: name });
  const to = `${prefixOf(name)}202555010${n}`;
  const id = await esme.accepted({ destination_addr: to });
  const [submit] = await carriers[name].taken(1, to);
  if (submit === undefined) throw new Error('taken');
  await eventually(async () => expect(await gateway.dispatches(id)).toHaveLength(1));
  await gateway.outlive(id);
  await gateway.ended(id, { state: 'UNKNOWN', cause: 'noReceipt' });
  await esme.receiptOf(id);
  return { esme, id, submit };
}

/** The timeline from the end on: events with their states, causes and money. */
async function story(id: string): Promise<string[]> {
  const timeline = await readTimeline(gateway.pool, messageId(BigInt(id)));
  const events = timeline?.events ?? [];
  const from = events.findIndex(({ event }) => event === 'settled');
  return events
    .slice(from)
    .map(({ event, state, cause, money }) =>
      [event, state, cause, money === undefined ? undefined : formatCredits(money)]
        .filter((word) => word !== undefined)
        .join(' '),
    );
}

describe.concurrent('a receipt of a message that ended without one', () => {
  it('gives back what its fault refunds, once, in one entry, and tells the customer nothing new', async () => {
    const { esme, id, submit } = await ended('kept');
    expect(await carriers.kept.receipt(submit, { stat: 'UNDELIV' })).toBe(0);
    expect(await carriers.kept.receipt(submit, { stat: 'UNDELIV' })).toBe(0);
    expect(await carriers.kept.receipt(submit, { stat: 'DELIVRD' })).toBe(0);
    expect(await gateway.entries('kept')).toEqual(['top_up +10', 'charge -0.1', 'correction +0.1']);
    expect(await gateway.end(id)).toMatchObject({ state: 'UNKNOWN', refund: '0' });
    await eventually(async () =>
      expect(await story(id)).toEqual([
        'settled UNKNOWN noReceipt',
        'returned',
        'corrected 0.1',
        'receiptNoted UNDELIV contradictory',
        'receiptNoted UNDELIV contradictory',
        'receiptNoted DELIVRD contradictory',
      ]),
    );
    expect(esme.receipts.filter((receipt) => receipt.id === id)).toHaveLength(1);
    await eventually(() => {
      const told = gateway.reports.filter(
        ({ what, args }) => what === 'money' && args[1] === 'correction' && isOf(args[0], 'kept'),
      );
      expect(told.map(({ args }) => args[2])).toEqual([100_000n]);
    });
    await esme.close();
  });

  it('that says delivered takes the refund back', async () => {
    const { esme, submit } = await ended('given');
    await carriers.given.receipt(submit);
    expect(await gateway.entries('given')).toEqual([
      'top_up +10',
      'charge -0.1',
      'refund +0.1',
      'correction -0.1',
    ]);
    await esme.close();
  });

  it('that says delivered charges what was released', async () => {
    const { esme, submit } = await ended('reserved');
    await carriers.reserved.receipt(submit);
    expect(await gateway.entries('reserved')).toEqual([
      'top_up +10',
      'reserve +0.1r',
      'release -0.1r',
      'correction -0.1',
    ]);
    expect(await gateway.money('reserved')).toEqual({ credits: '9.9', reserved: '0' });
    await esme.close();
  });

  it('may take the balance below its limit, and submits are then refused', async () => {
    const { esme, submit } = await ended('poor');
    const { poor } = carriers;
    // What was refunded is spent.
    for (const n of [2, 3]) {
      const to = `${prefixOf('poor')}202555010${n}`;
      await esme.accepted({ destination_addr: to });
      const [next] = await poor.taken(1, to);
      if (next !== undefined) await poor.receipt(next);
    }
    await poor.receipt(submit);
    expect(await gateway.money('poor')).toEqual({ credits: '-0.1', reserved: '0' });
    const refused = await esme.submit({ destination_addr: `${prefixOf('poor')}2025550104` });
    expect(refused.command_status).toBe(0x401);
    await esme.close();
  });

  it('corrects as well what ended because its unknown outcome was given up', async () => {
    const { expired } = carriers;
    const esme = await Esme.bind(gateway.port, { systemId: 'expired' });
    expired.onSubmit = (submit) => submit.session.destroy();
    const to = `${prefixOf('expired')}2025550101`;
    const id = await esme.accepted({ destination_addr: to });
    const [submit] = await expired.taken(1, to);
    if (submit === undefined) throw new Error('taken');
    await gateway.ended(id, { state: 'EXPIRED', cause: 'noReceipt', refund: '0.1' });
    await eventually(async () =>
      expect(
        await gateway.sql('select resolution from unknown_outcome where id = $1', [id]),
      ).toEqual([{ resolution: 'expired' }]),
    );
    // Its id was never told.
    await eventually(async () => expect(await expired.receipt(submit, { id: 'untold' })).toBe(0));
    await eventually(async () =>
      expect(await gateway.entries('expired')).toEqual([
        'top_up +10',
        'charge -0.1',
        'refund +0.1',
        'correction -0.1',
      ]),
    );
    await eventually(async () =>
      expect(
        await gateway.sql('select matched from parked_receipt where matched is not null'),
      ).toEqual([{ matched: BigInt(id) }]),
    );
    expect(await gateway.end(id)).toMatchObject({ state: 'EXPIRED' });
    await esme.close();
  });
});

describe('reconcile', () => {
  it('finds the books in order after all this', () => gateway.reconciled());

  it('finds a correction without its entry, and one beyond the price', async () => {
    const check = async (sql: string) => {
      const client = await gateway.pool.connect();
      try {
        await client.query('begin');
        await client.query(sql);
        await client.query('commit');
        const { reconcile } = await import('../../src/store/reconcile.ts');
        const { mismatches } = await reconcile(gateway.pool);
        return mismatches.map((mismatch) => mismatch.check);
      } finally {
        client.release();
      }
    };
    expect(await check('update correction set amount = amount + 1')).toContain(
      'correctionHasEntry',
    );
    expect(await check('update correction set amount = 10000000, entry = null')).toContain(
      'correctionWithinPrice',
    );
  });
});

function isOf(account: unknown, name: string): boolean {
  return (
    typeof account === 'object' && account !== null && 'name' in account && account.name === name
  );
}
