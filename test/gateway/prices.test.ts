import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestGateway } from '../support/gateway.ts';
import { Esme } from './esme.ts';
import { resources } from './resources.ts';
import { ScriptedCarrier } from './scripted-carrier.ts';

let gateway: TestGateway;
let carrier: ScriptedCarrier;
let esme: Esme;

const PAST = '2020-01-01T00:00:00Z';
const FUTURE = '2099-01-01T00:00:00Z';
/** With `price` for alphanumeric senders to 966. */
const file = (price: string) =>
  JSON.stringify({
    ...JSON.parse(
      resources({
        accounts: {
          alice: { prices: { '7': '0.3' } },
          bob: { bind: { trafficClass: 'otp' } },
        },
        carriers: { up: { port: carrier.port, prefix: '' } },
      }),
    ),
    networks: { '42001': { operator: 'STC', prefixes: ['96655'] } },
    tariffs: {
      standard: [
        { prefix: '966', price: '0.5' },
        { prefix: '966', sender: 'alphanumeric', price },
        { prefix: '966', class: 'otp', price: '0.2' },
        { network: '42001', price: '0.7' },
        { prefix: '44', from: PAST, until: FUTURE, price: '0.11' },
        { prefix: '44', until: PAST, price: '0.99' },
        { prefix: '*', price: '0.9' },
      ],
    },
  });

beforeAll(async () => {
  carrier = await ScriptedCarrier.listen();
  gateway = await TestGateway.start(file('0.4'));
  esme = await Esme.bind(gateway.port, { systemId: 'alice' });
});
afterAll(async () => {
  await esme.close();
  await gateway.close();
  await carrier.down();
});

const priceOf = async (id: string) => {
  const [row] = await gateway.sql<{ unit_price: bigint; tariff_version: number }>(
    'select unit_price, tariff_version from message where id = $1',
    [id],
  );
  return row;
};
const paid = async (fields: object, by = esme) =>
  (await priceOf(await by.accepted(fields)))?.unit_price;

describe('the price of a message', () => {
  it('follows the kind of its sender', async () => {
    const number = { source_addr: '966500000009', source_addr_ton: 1, source_addr_npi: 1 };
    expect(await paid({ destination_addr: '966511111111' })).toBe(400_000n);
    expect(await paid({ destination_addr: '966511111111', ...number })).toBe(500_000n);
  });

  it('follows its network, which comes before the prefix', async () => {
    expect(await paid({ destination_addr: '966551111111' })).toBe(700_000n);
    // A number that was ported there.
    await gateway.setNetworks({ '966522222222': '42001' });
    await expect.poll(() => paid({ destination_addr: '966522222222' })).toBe(700_000n);
  });

  it('follows the time and the class', async () => {
    expect(await paid({ destination_addr: '447700900123' })).toBe(110_000n);
    const otp = await Esme.bind(gateway.port, { systemId: 'bob' });
    expect(
      await paid(
        { destination_addr: '966511111111', source_addr: '70123', source_addr_ton: 3 },
        otp,
      ),
    ).toBe(200_000n);
    await otp.close();
  });

  it("is the account's own where it has one", async () => {
    expect(await paid({ destination_addr: '79161234567' })).toBe(300_000n);
  });

  it('stays with an accepted message when the tariff changes', async () => {
    const id = await esme.accepted({ destination_addr: '966511111111' });
    const before = await priceOf(id);
    await gateway.apply(file('0.45'));
    expect(await priceOf(id)).toEqual(before);
    const after = await priceOf(await esme.accepted({ destination_addr: '966511111111' }));
    expect(after?.unit_price).toBe(450_000n);
    expect(after?.tariff_version).toBeGreaterThan(before?.tariff_version ?? 0);
    await gateway.reconciled();
  });
});
