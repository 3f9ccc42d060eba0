import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { messageId } from '../../src/domain/ids.ts';
import { readTimeline } from '../../src/store/timeline.ts';
import { eventually, TestGateway } from '../support/gateway.ts';
import { Esme, payload } from './esme.ts';
import { resources } from './resources.ts';
import { ScriptedCarrier } from './scripted-carrier.ts';

let carriers: Record<'usual' | 'silent' | 'held', ScriptedCarrier>;
let gateway: TestGateway;
let esme: Esme;

beforeAll(async () => {
  const [usual, silent, held] = await Promise.all([
    ScriptedCarrier.listen(),
    ScriptedCarrier.listen(),
    ScriptedCarrier.listen(),
  ]);
  carriers = { usual, silent, held };
  gateway = await TestGateway.start(
    resources({
      policies: {
        strict: {
          rules: [{ name: 'words', bannedWords: { words: ['forbidden'], action: 'refuse' } }],
        },
      },
      accounts: {
        a: { credit: '100' },
        stopped: {},
        judged: { policy: 'strict', refusals: 'receipt' },
      },
      carriers: {
        usual: {
          port: usual.port,
          prefix: '1',
          receiptGraceHours: 0.0001,
          faults: { byErr: { '7': 'customer' }, byStatus: { '0x0B': 'recipient' } },
        },
        silent: { port: silent.port, prefix: '2', receipts: false },
        held: { port: held.port, prefix: '3' },
      },
    }),
  );
  esme = await Esme.bind(gateway.port, { systemId: 'a' });
});

beforeEach(() => {
  gateway.reports.length = 0;
});

afterAll(async () => {
  await esme?.close();
  await gateway?.close();
  for (const carrier of Object.values(carriers ?? {})) await carrier.down();
});

/** What was told of the only message's end: carrier, state, fault, cause, whether with a delay. */
function told(): Promise<unknown[]> {
  return eventually(() => {
    const ends = gateway.reports.filter(({ what }) => what === 'messageEnded');
    expect(ends).toHaveLength(1);
    const [carrier, state, fault, cause, seconds] = ends[0]?.args ?? [];
    const name = (carrier as { name: string } | undefined)?.name;
    return [name, state, fault, cause, typeof seconds];
  });
}

/** Fault, cause and origin as the message shows them, of its head and of its end on the timeline. */
async function shown(id: string): Promise<unknown[]> {
  const timeline = await readTimeline(gateway.pool, messageId(BigInt(id)));
  const settled = timeline?.events.find(({ event }) => event === 'settled');
  expect(timeline?.message.end).toEqual({
    fault: settled?.fault,
    cause: settled?.cause,
    origin: settled?.origin,
  });
  return [settled?.fault, settled?.cause, settled?.origin];
}

describe('the end of a message is told with its fault, its cause and whose word it is', () => {
  it.each([
    { stat: 'DELIVRD', err: '000', fault: 'none' },
    { stat: 'UNDELIV', err: '001', fault: 'recipient' },
    { stat: 'UNDELIV', err: '007', fault: 'customer' },
    { stat: 'REJECTD', err: '001', fault: 'carrier' },
    { stat: 'EXPIRED', err: '001', fault: 'recipient' },
  ])('a receipt $stat err:$err, by the map of the carrier', async ({ stat, err, fault }) => {
    carriers.usual.onSubmit = (submit) => {
      carriers.usual.accept(submit);
      void carriers.usual.receipt(submit, { stat, err });
    };
    const id = await esme.accepted({ destination_addr: '12025550101' });
    expect(await told()).toEqual(['usual', stat, fault, 'receipt', 'number']);
    expect(await shown(id)).toEqual([fault, 'receipt', 'carrier']);
  });

  it.each([
    { status: 0x0b, fault: 'recipient' },
    { status: 0x0a, fault: 'carrier' },
  ])('a submit_sm_resp $status, by the map of the carrier', async ({ status, fault }) => {
    carriers.usual.onSubmit = (submit) => carriers.usual.refuse(submit, status);
    const id = await esme.accepted({ destination_addr: '12025550102' });
    expect(await told()).toEqual(['usual', 'REJECTD', fault, 'carrierRefused', 'undefined']);
    expect(await shown(id)).toEqual([fault, 'carrierRefused', 'gateway']);
  });

  it('a carrier without receipts: its answer is the last word, the receipt ours', async () => {
    const id = await esme.accepted({ destination_addr: '22025550103' });
    expect(await told()).toEqual(['silent', 'ACCEPTD', 'none', 'carrierAccepted', 'undefined']);
    expect(await shown(id)).toEqual(['none', 'carrierAccepted', 'gateway']);
    expect(await esme.receiptOf(id)).toMatchObject({ state: 'ACCEPTD' });
  });

  it('no receipt by validity and grace: nobody knows', async () => {
    carriers.usual.onSubmit = (submit) => carriers.usual.accept(submit);
    const id = await esme.accepted({ destination_addr: '12025550104' });
    await eventually(async () => expect(await gateway.dispatches(id)).toHaveLength(1));
    await gateway.outlive(id);
    expect(await told()).toEqual(['usual', 'UNKNOWN', 'unknown', 'noReceipt', 'undefined']);
    expect(await shown(id)).toEqual(['unknown', 'noReceipt', 'gateway']);
  });

  it('never sent, validity over: the fault of the platform', async () => {
    await gateway.setPaused('held', true);
    const id = await esme.accepted({ destination_addr: '32025550105' });
    await gateway.outlive(id);
    expect(await told()).toEqual([undefined, 'EXPIRED', 'platform', 'neverSent', 'undefined']);
    expect(await shown(id)).toEqual(['platform', 'neverSent', 'gateway']);
  });

  it('cancelled: nobody’s fault', async () => {
    const id = await esme.accepted({ destination_addr: '32025550106' });
    const answer = await new Promise<{ command_status: number }>((resolve) => {
      esme.session.cancel_sm({ message_id: id }, resolve);
    });
    expect(answer.command_status).toBe(0);
    expect(await told()).toEqual([undefined, 'DELETED', 'none', 'cancelled', 'undefined']);
    expect(await shown(id)).toEqual(['none', 'cancelled', 'gateway']);
  });

  it('its account suspended: the customer’s', async () => {
    const other = await Esme.bind(gateway.port, { systemId: 'stopped' });
    const id = await other.accepted({ destination_addr: '32025550107' });
    await gateway.setStatus('stopped', 'suspended');
    expect(await told()).toEqual([undefined, 'REJECTD', 'customer', 'refusedLater', 'undefined']);
    expect(await shown(id)).toEqual(['customer', 'refusedLater', 'gateway']);
    await other.close();
  });

  it('accepted only to be refused by a receipt: the customer’s', async () => {
    const other = await Esme.bind(gateway.port, { systemId: 'judged' });
    const id = await other.accepted({
      destination_addr: '12025550111',
      short_message: 'forbidden',
    });
    expect(await told()).toEqual([undefined, 'REJECTD', 'customer', 'refusedLater', 'undefined']);
    expect(await shown(id)).toEqual(['customer', 'refusedLater', 'gateway']);
    await other.close();
  });

  it('of several segments, one refused and one delivered: each end says whose word it was', async () => {
    carriers.usual.onSubmit = (submit) => {
      if (carriers.usual.to('12025550108').length === 1) return carriers.usual.refuse(submit, 0x0b);
      carriers.usual.accept(submit);
      void carriers.usual.receipt(submit);
    };
    const id = await esme.accepted({
      destination_addr: '12025550108',
      ...payload('x'.repeat(200), 'latin1'),
    });
    expect((await told()).slice(0, 3)).toEqual(['usual', 'REJECTD', 'recipient']);
    const timeline = await eventually(async () => {
      const read = await readTimeline(gateway.pool, messageId(BigInt(id)));
      expect(read?.events.filter(({ event }) => event === 'refusedByCarrier')).toHaveLength(1);
      return read;
    });
    const ends = timeline?.events.filter(({ event }) => event === 'segmentReceipt');
    expect(ends?.map(({ state, origin }) => `${state} ${origin}`).sort()).toEqual([
      'DELIVRD carrier',
      'REJECTD gateway',
    ]);
  });
});

describe('what is told of a carrier’s receipts', () => {
  it('each segment once, with the time since its answer, however often its receipt comes', async () => {
    const answers: Promise<number>[] = [];
    carriers.usual.onSubmit = (submit) => {
      carriers.usual.accept(submit);
      for (const words of [{}, {}, { stat: 'UNDELIV' }])
        answers.push(carriers.usual.receipt(submit, words));
    };
    await esme.accepted({
      destination_addr: '12025550109',
      ...payload('x'.repeat(400), 'latin1'),
    });
    await told();
    const notes = () => gateway.sql(`select from receipt_note`);
    await eventually(async () => expect((await notes()).length).toBeGreaterThanOrEqual(6));
    expect(await Promise.all(answers)).toEqual(Array(9).fill(0));
    const ofThis = (name: string) =>
      gateway.reports.filter(({ what, args }) => what === name && args.includes('12025550109'));
    await eventually(() => expect(ofThis('segmentReceipted').length).toBeGreaterThanOrEqual(3));
    const receipts = ofThis('segmentReceipted');
    expect(receipts).toHaveLength(3);
    for (const { args } of receipts) {
      const [carrier, destination, delivered, seconds] = args;
      expect((carrier as { name: string }).name).toBe('usual');
      expect([destination, delivered]).toEqual(['12025550109', true]);
      expect(seconds).toBeGreaterThanOrEqual(0);
      // Since its answer, not since 1970.
      expect(seconds).toBeLessThan(600);
    }
    expect(ofThis('upstreamAnswered').map(({ args }) => args[3])).toEqual(
      Array(3).fill('12025550109'),
    );
  });

  it('an unmatched one with the number it names', async () => {
    carriers.usual.onSubmit = (submit) => {
      carriers.usual.accept(submit);
      void carriers.usual.receipt(submit, { id: 'never-given', destination: '442071234567' });
    };
    await esme.accepted({ destination_addr: '12025550110' });
    await eventually(() =>
      expect(gateway.reports.find(({ what }) => what === 'receiptUnmatched')?.args[2]).toBe(
        '442071234567',
      ),
    );
  });
});
