import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AskedReceipt } from '../../src/gateway/receipt-explain.ts';
import { eventually, TestGateway } from '../support/gateway.ts';
import { Esme } from './esme.ts';
import { resources } from './resources.ts';
import { ScriptedCarrier } from './scripted-carrier.ts';

let carrier: ScriptedCarrier;
let gateway: TestGateway;
let esme: Esme;

beforeAll(async () => {
  carrier = await ScriptedCarrier.listen();
  gateway = await TestGateway.start(
    resources({
      accounts: { alice: {} },
      carriers: {
        main: { port: carrier.port, prefix: '', ids: { response: 'auto', receipt: 'auto' } },
      },
    }),
  );
  esme = await Esme.bind(gateway.port, { systemId: 'alice' });
});

afterAll(async () => {
  await esme?.close();
  await gateway?.close();
  await carrier?.down();
});

async function sent(to: string, upstreamId: string): Promise<string> {
  carrier.onSubmit = (submit) => carrier.accept(submit, upstreamId);
  const id = await esme.accepted({ destination_addr: to });
  await eventually(async () => expect(await gateway.dispatches(id)).toHaveLength(1));
  return id;
}

function explain(text: string, asked: Partial<AskedReceipt> = {}) {
  const [main] = gateway.catalog.carriers.values();
  if (main === undefined) throw new Error('a carrier');
  return gateway.node.gateway.explainer.text(main, {
    text,
    source: 'Shop',
    destination: '',
    ...asked,
  });
}

describe('ReceiptExplainer', () => {
  it('tells how the text parsed, what its id can mean, each candidate and what would be done', async () => {
    const id = await sent('12025550101', '00BC614E');
    const other = await sent('12025550102', '12345678');
    const text = 'id:12345678 sub:001 dlvrd:001 submit date:2611220000 stat:DELIVRD err:000 text:';
    const story = await explain(text, { destination: '+12025550101' });
    expect(story).toMatchObject({
      carrier: 'main',
      read: {
        ids: [
          {
            source: 'text',
            id: '12345678',
            means: [
              { reading: 'same', key: '12345678' },
              { reading: 'hexToDecimal', key: 'bc614e' },
              { reading: 'decimalToHex', key: '305419896' },
            ],
          },
        ],
        state: 'DELIVRD',
        err: '000',
        destination: '12025550101',
        sender: 'Shop',
      },
      learnt: [],
      matched: id,
      reason: undefined,
      does: 'ends the message: DELIVRD, fault none',
      hints: [],
    });
    expect(story.candidates).toMatchObject([
      { message: other, upstreamId: '12345678', destination: 'other', verdict: 'otherDestination' },
      {
        message: id,
        upstreamId: '00BC614E',
        reading: 'hexToDecimal',
        destination: 'number',
        state: 'open',
        verdict: 'taken',
      },
    ]);
    // Nothing changed, and nothing was learnt.
    expect(await gateway.end(id)).toMatchObject({ state: undefined });
    expect((await explain(text, { destination: '12025550101' })).learnt).toEqual([]);
  });

  it('tells the same of a message that has ended, from the store, and what is done with a repetition', async () => {
    const id = await sent('12025550111', 'abc111');
    const [submit] = await carrier.taken(1, '12025550111');
    if (submit === undefined) throw new Error('taken');
    await carrier.receipt(submit, { id: 'abc111', stat: 'UNDELIV' });
    await gateway.ended(id, { state: 'UNDELIV' });
    const asked = { destination: '12025550111' };
    const repeated = await explain('id:abc111 stat:UNDELIV err:001', asked);
    expect(repeated).toMatchObject({
      matched: id,
      candidates: [{ state: 'UNDELIV', verdict: 'taken' }],
      does: 'noted on the timeline as repeated, changes nothing',
    });
    const contradicts = await explain('id:abc111 stat:DELIVRD err:000', asked);
    expect(contradicts.does).toBe('noted on the timeline as contradictory, changes nothing');
    expect((await explain('id:abc111 stat:ENROUTE', asked)).does).toContain('is not final');
  });

  it('tells why nothing is matched, and which key of the resource to look at', async () => {
    await sent('12025550121', 'abc121');
    expect(await explain('id:nobody stat:DELIVRD', { destination: '12025550121' })).toMatchObject({
      matched: undefined,
      reason: 'unknownId',
      candidates: [],
    });
    expect(
      await explain('id:abc121 stat:DELIVRD', { destination: 'Shop', source: '12025550121' }),
    ).toMatchObject({
      reason: 'otherDestination',
      hints: [expect.stringContaining('receiptAddresses: asSent')],
    });
    expect(await explain('id:abc121 stat:WHAT', { destination: '12025550121' })).toMatchObject({
      reason: 'unreadable',
      does: 'noted on the timeline as unreadable, changes nothing',
    });
    await sent('12025550122', '00cafe01');
    await sent('12025550122', String(0xcafe01));
    expect(
      await explain(`id:${0xcafe01} stat:DELIVRD`, { destination: '12025550122' }),
    ).toMatchObject({
      reason: 'ambiguous',
      candidates: [{ verdict: 'asGoodAsAnother' }, { verdict: 'asGoodAsAnother' }],
    });
  });

  it('reads the TLVs first', async () => {
    const id = await sent('12025550131', 'abc131');
    const story = await explain('', {
      destination: '12025550131',
      messageId: 'ABC131',
      state: 5,
    });
    expect(story).toMatchObject({
      read: { ids: [{ source: 'tlv', id: 'ABC131' }], state: 'UNDELIV' },
      matched: id,
      does: 'ends the message: UNDELIV, fault recipient',
    });
  });
});

describe('ParkedReceipts', () => {
  it('lists what fits nothing with its reason, and tells the story of each', async () => {
    const id = await sent('12025550141', 'abc141');
    const [submit] = await carrier.taken(1, '12025550141');
    if (submit === undefined) throw new Error('taken');
    await carrier.receipt(submit, { id: 'abc141', destination: '12025559999' });
    await carrier.receipt(submit, { id: 'nobody' });
    const { parked } = gateway.node.gateway;
    const [unknown, other] = await parked.list(undefined, undefined, 2);
    expect(unknown).toMatchObject({ reason: 'unknownId', arrival: { ids: ['nobody'] } });
    expect(other).toMatchObject({ reason: 'otherDestination', matched: undefined });
    expect(await parked.list(undefined, unknown?.parked, 1)).toMatchObject([
      { parked: other?.parked },
    ]);
    expect(await parked.explain(other?.parked ?? 0n)).toMatchObject({
      explanation: { candidates: [{ message: id, verdict: 'otherDestination' }] },
    });
    expect(await parked.explain(123_456_789n)).toBeUndefined();
  });
});
