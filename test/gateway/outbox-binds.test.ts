import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestGateway } from '../support/gateway.ts';
import { Esme } from './esme.ts';
import { PASSWORD, resources } from './resources.ts';
import { ScriptedCarrier } from './scripted-carrier.ts';

let carrier: ScriptedCarrier;
let gateway: TestGateway;

beforeAll(async () => {
  carrier = await ScriptedCarrier.listen();
  const file = JSON.parse(
    resources({ accounts: { acme: {} }, carriers: { sim: { port: carrier.port, prefix: '' } } }),
  ) as { accounts: { binds: object[] }[] };
  file.accounts[0]?.binds.push({ systemId: 'second', password: PASSWORD });
  gateway = await TestGateway.start(JSON.stringify(file));
});

afterAll(async () => {
  await gateway?.close();
  await carrier?.down();
});

describe('the receipts of an account with several system_ids', () => {
  it('go to the one that submitted, and to another only while that has no receiver', async () => {
    const first = await Esme.bind(gateway.port, { systemId: 'acme' });
    const second = await Esme.bind(gateway.port, { systemId: 'second' });
    const submits = (esme: Esme, from: number) =>
      Promise.all(
        Array.from({ length: 5 }, (_, i) =>
          esme.accepted({ destination_addr: `1202555${1000 + from + i}` }),
        ),
      );
    const [ofFirst, ofSecond] = [await submits(first, 0), await submits(second, 100)];
    for (const submit of await carrier.taken(10)) await carrier.receipt(submit);
    await eventually(() => {
      expect(first.receipts.map(({ id }) => id).sort()).toEqual([...ofFirst].sort());
      expect(second.receipts.map(({ id }) => id).sort()).toEqual([...ofSecond].sort());
    });

    const orphaned = await submits(first, 200);
    await carrier.taken(15);
    await first.close();
    for (const submit of carrier.submits.slice(10)) await carrier.receipt(submit);
    await Promise.all(orphaned.map((id) => second.receiptOf(id)));
    await second.close();
  });
});
