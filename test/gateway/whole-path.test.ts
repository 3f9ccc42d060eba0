import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startSimulatedCarrier } from '../../src/simulator/carrier.ts';
import type { CarrierEvent, SimulatedCarrier } from '../../src/simulator/carrier-options.ts';
import { eventually, TestGateway } from '../support/gateway.ts';
import { Esme } from './esme.ts';
import { resources } from './resources.ts';

let carrier: SimulatedCarrier;
let gateway: TestGateway;
const book: CarrierEvent[] = [];

beforeAll(async () => {
  carrier = await startSimulatedCarrier({
    onEvent: (event) => book.push(event),
    receipts: { delayMs: 20 },
  });
  gateway = await TestGateway.start(
    resources({
      accounts: { alice: {}, bob: { credit: '1' } },
      carriers: { sim: { port: carrier.port, prefix: '' } },
    }),
  );
});

afterAll(async () => {
  await gateway?.close();
  await carrier?.close();
});

describe('the whole path', () => {
  it('carries a message from accept to its returned receipt, priced by the longest prefix', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'alice' });
    expect(await gateway.money('alice')).toEqual({ credits: '10', reserved: '0' });

    const id = await esme.accepted({
      destination_addr: '966500000001',
      short_message: 'good morning',
    });
    expect(await gateway.money('alice')).toEqual({ credits: '9.94', reserved: '0' });
    const receipt = await esme.receiptOf(id);

    expect(receipt).toMatchObject({ id, state: 'DELIVRD', intermediate: false });
    expect(receipt.text).toMatch(new RegExp(`^id:${id} sub:001 dlvrd:001 submit date:\\d{10} `));
    expect(receipt.text).toContain('stat:DELIVRD err:000 text:good morning');
    expect(receipt.pdu).toMatchObject({
      source_addr: '966500000001',
      destination_addr: 'Shop',
      dest_addr_ton: 5,
      receipted_message_id: id,
      message_state: 2,
    });
    const submits = book.filter((event) => event.event === 'submit');
    expect(submits).toMatchObject([{ source: 'Shop', destination: '966500000001', status: 0 }]);
    await gateway.ended(id, { state: 'DELIVRD', fault: 'none', cause: 'receipt', refund: '0' });
    // An outcome can be stored before its dispatch.
    await eventually(async () =>
      expect(await gateway.dispatches(id)).toMatchObject([{ segment: 1, attempt: 1, status: 0 }]),
    );
    await eventually(async () =>
      expect(await gateway.sql('select status from returned where id = $1', [id])).toEqual([
        { status: 0 },
      ]),
    );
    expect(await gateway.entries('alice')).toEqual(['top_up +10', 'charge -0.06']);
    await esme.close();
  });
});

describe('reconcile', () => {
  it('finds the books in order after all this', () => gateway.reconciled());
});
