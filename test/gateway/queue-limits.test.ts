import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestGateway } from '../support/gateway.ts';
import { Esme } from './esme.ts';
import { resources } from './resources.ts';
import { ScriptedCarrier } from './scripted-carrier.ts';

let carrier: ScriptedCarrier;
let gateway: TestGateway;

beforeAll(async () => {
  carrier = await ScriptedCarrier.listen();
  const sim = { port: carrier.port, prefix: '', binds: 1, windowMax: 1 };
  gateway = await TestGateway.start(
    resources({
      accounts: {
        capped: { bind: { queuedMax: 3 } },
        bulk: { trafficClass: 'promotional' },
        otp: { trafficClass: 'promotional', bind: { trafficClass: 'otp' } },
      },
      carriers: { sim },
    }),
  );
});

afterAll(async () => {
  await gateway?.close();
  await carrier?.down();
});

describe('queuedMax', () => {
  it('refuses with ESME_RMSGQFUL what comes while so many wait for a carrier, and no longer', async () => {
    await gateway.setPaused('sim', true);
    const esme = await Esme.bind(gateway.port, { systemId: 'capped' });
    for (let i = 0; i < 3; i++) await esme.accepted({});
    expect((await esme.submit({})).command_status).toBe(0x14);
    await gateway.setPaused('sim', false);
    await carrier.taken(3);
    await esme.accepted({});
    await esme.close();
  });
});

describe('a queue with several traffic classes', () => {
  it('lets a hastier bind and a higher priority_flag pass what waits', async () => {
    await eventually(() => expect(carrier.submits).toHaveLength(4));
    await gateway.setPaused('sim', true);
    const [bulk, otp] = await Promise.all(
      ['bulk', 'otp'].map((systemId) => Esme.bind(gateway.port, { systemId })),
    );
    if (bulk === undefined || otp === undefined) throw new Error('bound');
    for (let i = 0; i < 5; i++) await bulk.accepted({ destination_addr: `1202555010${i}` });
    await bulk.accepted({ destination_addr: '12025550110', priority_flag: 1 });
    await otp.accepted({ destination_addr: '12025550111' });
    await gateway.setPaused('sim', false);
    const order = (await carrier.taken(11)).slice(4).map((one) => one.destination);
    // One turn in 21 is bulk's own: it may come between.
    expect(order.slice(0, 3)).toEqual(expect.arrayContaining(['12025550111', '12025550110']));
    expect(order.indexOf('12025550111')).toBeLessThan(2);
    await bulk.close();
    await otp.close();
  });
});
