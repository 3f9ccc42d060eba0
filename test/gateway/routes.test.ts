import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestGateway } from '../support/gateway.ts';
import { Esme } from './esme.ts';
import { BACK_SOON, resources, type TestResources } from './resources.ts';
import { ScriptedCarrier } from './scripted-carrier.ts';

let carriers: Record<'first' | 'second' | 'cutting', ScriptedCarrier>;
let gateway: TestGateway;
let esme: Esme;

/** Prefix 1 goes to `first`, when that is down to `second`; prefix 12 to `second`; 3 where `third` says. */
function setup(third: 'cutting' | 'second', price = '0.1'): TestResources {
  const { first, second, cutting } = carriers;
  const to = (name: string, priority = 1) => ({ name, priority });
  return {
    tariffs: { standard: { '*': price } },
    terms: { recipients: { refundAutomatic: ['recipient'] } },
    accounts: { alice: {}, terry: { terms: 'recipients' } },
    carriers: {
      // What waits for it while it is down is not moved: only the choice at accept is judged here.
      first: { ...BACK_SOON, port: first.port, binds: 1, failoverAfterSeconds: 3_600 },
      second: { ...BACK_SOON, port: second.port, binds: 1 },
      cutting: {
        port: cutting.port,
        binds: 1,
        onUnknownOutcome: { waitSeconds: 0.5, then: 'resend' },
      },
    },
    routes: [
      { prefix: '1', carriers: [to('second', 2), to('first')] },
      { prefix: '12', carriers: [to('second')] },
      { prefix: '3', carriers: [to(third)] },
    ],
  };
}

/** How often a carrier was reported down so far. */
function downs(): number {
  return gateway.reports.filter((one) => one.what === 'note' && one.args[1] === 'carrierDown')
    .length;
}

beforeAll(async () => {
  const [first, second, cutting] = [
    await ScriptedCarrier.listen(),
    await ScriptedCarrier.listen(),
    await ScriptedCarrier.listen(),
  ];
  carriers = { first, second, cutting };
  gateway = await TestGateway.start(resources(setup('cutting')));
  esme = await Esme.bind(gateway.port, { systemId: 'alice' });
  await gateway.carriersUp();
});

afterAll(async () => {
  await esme?.close();
  await gateway?.close();
  for (const carrier of Object.values(carriers ?? {})) await carrier.down();
});

describe('a route', () => {
  it('is that of the longest prefix', async () => {
    await esme.accepted({ destination_addr: '12025550101' });
    await carriers.second.taken(1, '12025550101');
    await esme.accepted({ destination_addr: '13025550101' });
    await carriers.first.taken(1, '13025550101');
  });

  it('passes over a paused carrier, and goes by priority again when that is resumed', async () => {
    await gateway.setPaused('first', true);
    await esme.accepted({ destination_addr: '13025550102' });
    await carriers.second.taken(1, '13025550102');
    await gateway.setPaused('first', false);
    await esme.accepted({ destination_addr: '13025550103' });
    await carriers.first.taken(1, '13025550103');
  });

  it('passes over a carrier that is down; with all down the message waits for the first', async () => {
    const { first, second } = carriers;
    const before = downs();
    await first.down();
    await eventually(() => expect(downs()).toBe(before + 1));
    await esme.accepted({ destination_addr: '13025550104' });
    await second.taken(1, '13025550104');
    await second.down();
    await eventually(() => expect(downs()).toBe(before + 2));
    const id = await esme.accepted({ destination_addr: '13025550105' });
    await second.up();
    await gateway.carriersUp('second');
    await first.up();
    await first.taken(1, '13025550105');
    await eventually(async () => expect(await gateway.dispatches(id)).toHaveLength(1));
    expect(second.to('13025550105')).toEqual([]);
    await gateway.carriersUp();
  });

  it('is asked anew for what is sent again, its outcome being unknown', async () => {
    const { cutting, second } = carriers;
    // Cut once the route has changed, however long that takes.
    cutting.onSubmit = () => {};
    const id = await esme.accepted({ destination_addr: '32025550106' });
    const [first] = await cutting.taken(1, '32025550106');
    await gateway.apply(resources(setup('second')));
    first?.session.destroy();
    const [again] = await second.taken(1, '32025550106');
    if (again === undefined) throw new Error('sent again');
    await eventually(async () => expect(await gateway.dispatches(id)).toHaveLength(1));
    await second.receipt(again);
    await gateway.ended(id, { state: 'DELIVRD' });
    expect(cutting.submits).toHaveLength(1);
  });
});

describe('a tariff that changes', () => {
  it('prices what comes after it; a refund is of the price that was paid', async () => {
    const terry = await Esme.bind(gateway.port, { systemId: 'terry' });
    const { second } = carriers;
    const cheap = await terry.accepted({ destination_addr: '12025550107' });
    const [submit] = await second.taken(1, '12025550107');
    if (submit === undefined) throw new Error('taken');
    await gateway.apply(resources(setup('second', '0.25')));
    const dear = await terry.accepted({ destination_addr: '12025550108' });
    expect(await gateway.money('terry')).toEqual({ credits: '9.65', reserved: '0' });
    await eventually(async () => expect(await gateway.dispatches(cheap)).toHaveLength(1));
    await second.receipt(submit, { stat: 'UNDELIV' });
    await gateway.ended(cheap, { refund: '0.1' });
    expect(await gateway.money('terry')).toEqual({ credits: '9.75', reserved: '0' });
    const versions = await gateway.sql<{ tariff_version: number }>(
      'select tariff_version from message where id = any ($1) order by id',
      [[cheap, dear]],
    );
    expect(versions[1]?.tariff_version).toBeGreaterThan(versions[0]?.tariff_version ?? 0);
    await terry.close();
  });
});

describe('reconcile', () => {
  it('finds the books in order after all this', () => gateway.reconciled());
});
