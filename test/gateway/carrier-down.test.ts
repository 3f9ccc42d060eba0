import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestGateway } from '../support/gateway.ts';
import { Esme } from './esme.ts';
import { BACK_SOON, resources } from './resources.ts';
import { ScriptedCarrier } from './scripted-carrier.ts';

let carriers: Record<'down' | 'paused' | 'narrow' | 'returning', ScriptedCarrier>;
let gateway: TestGateway;

beforeAll(async () => {
  const [down, paused, narrow, returning] = await Promise.all([
    ScriptedCarrier.listen(),
    ScriptedCarrier.listen(),
    ScriptedCarrier.listen(),
    ScriptedCarrier.listen(),
  ]);
  carriers = { down, paused, narrow, returning };
  await down.down();
  await returning.down();
  gateway = await TestGateway.start(
    resources({
      terms: { refunding: { onRefusal: 'refund' }, keeping: { onRefusal: 'keep' } },
      accounts: {
        alice: {},
        refunded: { terms: 'refunding' },
        kept: { terms: 'keeping' },
        pat: {},
        nora: {},
        rita: {},
      },
      carriers: {
        down: { ...BACK_SOON, port: down.port, prefix: '1' },
        paused: { port: paused.port, prefix: '2' },
        narrow: { port: narrow.port, prefix: '3', binds: 1, windowMax: 1 },
        returning: { ...BACK_SOON, port: returning.port, prefix: '4' },
      },
    }),
  );
});

afterAll(async () => {
  await gateway?.close();
  for (const carrier of Object.values(carriers ?? {})) await carrier.down();
});

describe('a carrier that is down', () => {
  it('gets what was accepted meanwhile once it is up, each message once', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'rita' });
    const ids = await Promise.all(
      Array.from({ length: 30 }, (_, i) =>
        esme.accepted({ destination_addr: `4202555${1000 + i}` }),
      ),
    );
    expect(new Set(ids).size).toBe(30);
    const { returning } = carriers;
    returning.onSubmit = (submit) => {
      returning.accept(submit);
      void returning.receipt(submit, { session: submit.session });
    };
    await returning.up();
    await returning.taken(30);
    await Promise.all(ids.map((id) => esme.receiptOf(id)));
    expect(new Set(returning.submits.map((one) => one.destination)).size).toBe(30);
    expect(returning.submits).toHaveLength(30);
    await esme.close();
  });

  it('lets a message expire whose validity is over, and its price goes back whole', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'alice' });
    const id = await esme.accepted({
      destination_addr: '12025550101',
      validity_period: '000000000001000R',
    });
    expect(await gateway.money('alice')).toMatchObject({ credits: '9.9' });
    const [row] = await gateway.sql<{ validUntil: Date }>(
      'select valid_until as "validUntil" from message where id = $1',
      [id],
    );
    await eventually(() => expect(Date.now()).toBeGreaterThan(row?.validUntil.getTime() ?? 0));
    await gateway.bringBeforeJanitor(id);
    await gateway.ended(id, {
      state: 'EXPIRED',
      fault: 'platform',
      cause: 'neverSent',
      refund: '0.1',
    });
    expect(await esme.receiptOf(id)).toMatchObject({ state: 'EXPIRED' });
    expect(await gateway.money('alice')).toEqual({ credits: '10', reserved: '0' });
    expect(await gateway.entries('alice')).toEqual(['top_up +10', 'charge -0.1', 'refund +0.1']);
    await esme.close();
  });

  it.each([
    { account: 'refunded', refund: '0.1', left: '10' },
    { account: 'kept', refund: '0', left: '9.9' },
  ])(
    'does not get what a suspension stopped, with the money of terms.onRefusal ($account)',
    async ({ account, refund, left }) => {
      const esme = await Esme.bind(gateway.port, { systemId: account });
      const id = await esme.accepted({ destination_addr: '12025550102' });
      await gateway.setStatus(account, 'suspended');
      await gateway.ended(id, {
        state: 'REJECTD',
        fault: 'customer',
        cause: 'refusedLater',
        refund,
      });
      expect(await gateway.money(account)).toEqual({ credits: left, reserved: '0' });
      expect(await esme.receiptOf(id)).toMatchObject({ state: 'REJECTD' });
      const refused = await esme.submit({ destination_addr: '12025550102' });
      expect(refused.command_status).toBe(0x403);
      await esme.close();
    },
  );

  it('gets nothing of what ended while it was down', async () => {
    await carriers.down.up();
    await eventually(() => expect(carriers.down.sessions.size).toBe(2));
    const esme = await Esme.bind(gateway.port, { systemId: 'alice' });
    const id = await esme.accepted({ destination_addr: '12025550109' });
    await eventually(async () => expect(await gateway.dispatches(id)).toHaveLength(1));
    expect(carriers.down.submits.map((one) => one.destination)).toEqual(['12025550109']);
    await esme.close();
  });
});

describe('a paused carrier', () => {
  it('keeps its queue until it is resumed', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'pat' });
    const { paused } = carriers;
    const before = await esme.accepted({ destination_addr: '22025550101' });
    await eventually(async () => expect(await gateway.dispatches(before)).toHaveLength(1));
    await gateway.setPaused('paused', true);
    const ids = await Promise.all(
      Array.from({ length: 5 }, (_, i) => esme.accepted({ destination_addr: `2202555011${i}` })),
    );
    expect(paused.submits).toHaveLength(1);
    const [submit] = paused.submits;
    if (submit === undefined) throw new Error('taken');
    // Receipts come all the same.
    await paused.receipt(submit);
    await gateway.ended(before, { state: 'DELIVRD' });
    expect(paused.submits).toHaveLength(1);
    await gateway.setPaused('paused', false);
    await paused.taken(6);
    for (const id of ids)
      await eventually(async () => expect(await gateway.dispatches(id)).toHaveLength(1));
    await esme.close();
  });
});

describe('a lost session', () => {
  it('does not hold what was leased and never written beyond its validity', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'nora' });
    const { narrow } = carriers;
    await eventually(() => expect(narrow.sessions.size).toBe(1));
    narrow.onSubmit = () => {}; // never answered: the window is full
    const first = await esme.accepted({ destination_addr: '32025550101' });
    await narrow.taken(1);
    const second = await esme.accepted({ destination_addr: '32025550102' });
    await eventually(async () =>
      expect(
        await gateway.sql('select from lease where $1 = any (message_ids)', [second]),
      ).toHaveLength(1),
    );
    await narrow.down();
    await eventually(async () =>
      expect(await gateway.sql('select from unknown_outcome where id = $1', [first])).toHaveLength(
        1,
      ),
    );
    await gateway.outlive(second);
    await gateway.ended(second, { state: 'EXPIRED', cause: 'neverSent', refund: '0.1' });
    expect(narrow.submits).toHaveLength(1);
    await esme.close();
  });
});

describe('reconcile', () => {
  it('finds the books in order after all this', () => gateway.reconciled());
});
