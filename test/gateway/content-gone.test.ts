import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestGateway } from '../support/gateway.ts';
import { Esme } from './esme.ts';
import { resources } from './resources.ts';
import { ScriptedCarrier } from './scripted-carrier.ts';

let carrier: ScriptedCarrier;
let gateway: TestGateway;

beforeAll(async () => {
  carrier = await ScriptedCarrier.listen();
  gateway = await TestGateway.start(
    resources({
      accounts: { sent: {}, queued: {} },
      carriers: { sim: { port: carrier.port, prefix: '' } },
    }),
  );
});

afterAll(async () => {
  await gateway?.close();
  await carrier?.down();
});

/** Destroys the data keys of an account, as an erasure does, and restarts the node so that none is in memory. */
async function erase(account: string): Promise<void> {
  await gateway.drain();
  await gateway.sql(
    `update content_key set wrapped = null, destroyed_at = now()
     where account = (select id from account where name = $1)`,
    [account],
  );
  await gateway.up();
}

describe('a message whose content is gone', () => {
  it('is settled by its receipt, and the customer gets one with its message_id and no addresses', async () => {
    const sender = await Esme.bind(gateway.port, { systemId: 'sent', as: 'transmitter' });
    const id = await sender.accepted({});
    const [submit] = await carrier.taken(1);
    if (submit === undefined) throw new Error('taken');
    await eventually(async () => expect(await gateway.dispatches(id)).toHaveLength(1));
    await sender.close();
    await erase('sent');
    await eventually(() => carrier.receipt(submit));
    await gateway.ended(id, { state: 'DELIVRD', cause: 'receipt' });
    const receiver = await Esme.bind(gateway.port, { systemId: 'sent', as: 'receiver' });
    const receipt = await receiver.receiptOf(id);
    expect(receipt.state).toBe('DELIVRD');
    expect(receipt.pdu.source_addr).toBe('');
    await receiver.close();
  });

  it('that was never sent expires at its validity, refunded whole, and is not sent', async () => {
    await gateway.setPaused('sim', true);
    const before = carrier.submits.length;
    const esme = await Esme.bind(gateway.port, { systemId: 'queued', as: 'transmitter' });
    const id = await esme.accepted({ validity_period: '000000000001000R' });
    await esme.close();
    await erase('queued');
    await gateway.setPaused('sim', false);
    await eventually(async () => {
      await gateway.bringBeforeJanitor(id);
      expect(await gateway.end(id)).toMatchObject({ state: 'EXPIRED', cause: 'neverSent' });
    });
    expect(await gateway.money('queued')).toEqual({ credits: '10', reserved: '0' });
    expect(carrier.submits).toHaveLength(before);
  });

  it('leaves the books in order', () => gateway.reconciled());
});
