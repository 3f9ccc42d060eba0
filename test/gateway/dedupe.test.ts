import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { credits } from '../../src/domain/money.ts';
import { topUp } from '../../src/store/postings.ts';
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
      tariffs: { standard: { '*': '1' } },
      accounts: {
        knows: { dedupe: { seconds: 600 } },
        number: { dedupe: { by: ['destination'], seconds: 600 } },
        broke: { dedupe: { seconds: 600 }, credit: '0' },
        forgets: {},
      },
      carriers: { sim: { port: carrier.port, prefix: '' } },
    }),
  );
});

afterAll(async () => {
  await gateway?.close();
  await carrier?.down();
});

const MESSAGE = {
  destination_addr: '12025550101',
  short_message: 'once',
  user_message_reference: 7,
};

describe('dedupe', () => {
  it('answers a repetition from another session, after a restart, with the first id and no charge', async () => {
    const first = await Esme.bind(gateway.port, { systemId: 'knows' });
    const id = await first.accepted(MESSAGE);
    await first.cut();
    await gateway.drain();
    await gateway.up();
    const second = await Esme.bind(gateway.port, { systemId: 'knows' });
    expect(await second.accepted(MESSAGE)).toBe(id);
    expect(await gateway.money('knows')).toEqual({ credits: '9', reserved: '0' });
    await eventually(() => expect(carrier.submits).toHaveLength(1));
    await second.close();
  });

  it('of many at once lets one through', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'knows' });
    const fields = { ...MESSAGE, user_message_reference: 8 };
    const ids = await Promise.all(Array.from({ length: 20 }, () => esme.accepted(fields)));
    expect(new Set(ids).size).toBe(1);
    expect(await gateway.money('knows')).toEqual({ credits: '8', reserved: '0' });
    await esme.close();
  });

  it.each([
    { field: 'user_message_reference', change: { user_message_reference: 9 } },
    { field: 'destination', change: { destination_addr: '12025550102' } },
    { field: 'text', change: { short_message: 'twice' } },
    { field: 'source', change: { source_addr: 'Other' } },
  ])('takes another $field for a new message', async ({ change }) => {
    const esme = await Esme.bind(gateway.port, { systemId: 'knows' });
    const first = await esme.accepted(MESSAGE);
    const other = await esme.accepted({ ...MESSAGE, ...change });
    expect(other).not.toBe(first);
    await esme.close();
  });

  it('compares what the account says, for as long as it says', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'number' });
    const first = await esme.accepted({ destination_addr: '12025550109', short_message: 'one' });
    const second = await esme.accepted({ destination_addr: '12025550109', short_message: 'two' });
    expect(second).toBe(first);
    await gateway.sql('update submit_key set until = now() where id = $1', [first]);
    await eventually(async () =>
      expect(
        await esme.accepted({ destination_addr: '12025550109', short_message: 'three' }),
      ).not.toBe(first),
    );
    await esme.close();
  });

  it('does not remember what was refused', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'broke' });
    expect((await esme.submit(MESSAGE)).command_status).toBe(0x401);
    const credit = { account: 'broke', reference: 'first', actor: 'test' };
    await topUp(gateway.pool, { ...credit, credits: credits(5_000_000n) });
    await esme.accepted(MESSAGE);
    expect(await gateway.money('broke')).toEqual({ credits: '4', reserved: '0' });
    await esme.close();
  });

  it('is off by default: a repetition is a new message', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'forgets' });
    expect(await esme.accepted(MESSAGE)).not.toBe(await esme.accepted(MESSAGE));
    expect(await gateway.money('forgets')).toEqual({ credits: '8', reserved: '0' });
    await esme.close();
  });
});

describe('reconcile', () => {
  it('finds the books in order after all this', () => gateway.reconciled());
});
