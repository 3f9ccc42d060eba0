import { beforeAll, describe, expect, it } from 'vitest';
import type { Catalog } from '../../src/domain/catalog.ts';
import {
  FAULT_CLASS,
  type FaultClass,
  MESSAGE_STATE,
  type MessageState,
} from '../../src/domain/message-state.ts';
import { credits } from '../../src/domain/money.ts';
import type { Message, PartEnd } from '../../src/gateway/message.ts';
import {
  acceptedPart,
  refusedPart,
  settleByParts,
  settleWhole,
  unreceiptedPart,
} from '../../src/gateway/settlement.ts';
import { accountOf, carrierOf, catalogOf, messageOf } from './messages.ts';

let catalog: Catalog;
const REST = { carrier: null, answer: undefined, sentAtMs: 0, receivedAtMs: 0 };

beforeAll(async () => {
  catalog = await catalogOf({
    terms: {
      platform: {},
      recipient: { refundAutomatic: ['recipient'] },
      unreceipted: { refundAutomatic: [], noReceipt: 'refund' },
      keeping: { onRefusal: 'keep' },
      delivered: { chargeOn: 'delivered' },
    },
    accounts: Object.fromEntries(
      ['platform', 'recipient', 'unreceipted', 'keeping', 'delivered'].map((terms) => [
        terms,
        { terms },
      ]),
    ),
    carriers: { main: { port: 1, prefix: '', faults: { byStatus: { '0x0B': 'recipient' } } } },
  });
});

/** A message of `segments` at 1 credit under these terms. */
function under(
  terms: string,
  segments = 1,
): { message: Message; terms: ReturnType<typeof accountOf>['terms'] } {
  const owner = accountOf(catalog, terms);
  const chargeOnDelivery = owner.terms.chargeOn === 'delivered';
  return { message: messageOf(owner, { segments, chargeOnDelivery }), terms: owner.terms };
}

function end(state: MessageState, fault: FaultClass, err = 0): PartEnd {
  return { state: MESSAGE_STATE[state], fault: FAULT_CLASS[fault], err, doneAtMs: 1 };
}

const OK = end('DELIVRD', 'none');
const LOST = end('UNDELIV', 'recipient', 27);
const whole = (n: number) => credits(BigInt(n) * 1_000_000n);

describe('settleByParts', () => {
  it.each([
    { parts: [OK, OK], state: 'DELIVRD', delivered: 2 },
    { parts: [OK, LOST], state: 'UNDELIV', delivered: 1 },
    { parts: [LOST, OK], state: 'UNDELIV', delivered: 1 },
    { parts: [end('EXPIRED', 'recipient'), LOST], state: 'UNDELIV', delivered: 0 },
    { parts: [LOST, end('REJECTD', 'carrier')], state: 'REJECTD', delivered: 0 },
    { parts: [OK, end('UNKNOWN', 'unknown')], state: 'UNKNOWN', delivered: 1 },
    {
      parts: [end('UNKNOWN', 'unknown'), end('EXPIRED', 'recipient')],
      state: 'EXPIRED',
      delivered: 0,
    },
    { parts: [OK, end('ACCEPTD', 'none')], state: 'ACCEPTD', delivered: 2 },
  ] as const)('ends in the worst state of its parts: $state', ({ parts, state, delivered }) => {
    const { message, terms } = under('platform', parts.length);
    const settlement = settleByParts(message, parts, 'receipt', terms, REST);
    expect(settlement.state).toBe(MESSAGE_STATE[state]);
    expect(settlement.delivered).toBe(delivered);
  });

  it('has the error of the worst part', () => {
    const { message, terms } = under('platform', 2);
    expect(settleByParts(message, [OK, LOST], 'receipt', terms, REST)).toMatchObject({
      err: 27,
      fault: FAULT_CLASS.recipient,
    });
  });

  it('gives back the parts with a refundable fault, and those alone', () => {
    const three = [OK, LOST, end('REJECTD', 'carrier')];
    const recipient = under('recipient', 3);
    const money = { refund: whole(1), charge: 0n, release: 0n };
    expect(settleByParts(recipient.message, three, 'receipt', recipient.terms, REST)).toMatchObject(
      money,
    );
    const platform = under('platform', 3);
    expect(settleByParts(platform.message, three, 'receipt', platform.terms, REST).refund).toBe(0n);
  });

  it('charges delivered parts and releases the others where the price was reserved', () => {
    const { message, terms } = under('delivered', 3);
    expect(settleByParts(message, [OK, LOST, OK], 'receipt', terms, REST)).toMatchObject({
      refund: 0n,
      charge: whole(2),
      release: whole(1),
    });
  });

  it('counts one part for all segments of a message that the carrier cuts itself', () => {
    const { message, terms } = under('recipient', 3);
    expect(settleByParts(message, [LOST], 'receipt', terms, REST)).toMatchObject({
      refund: whole(3),
      delivered: 0,
    });
    expect(settleByParts(message, [OK], 'receipt', terms, REST)).toMatchObject({
      refund: 0n,
      delivered: 3,
    });
  });

  it.each([
    { terms: 'platform', refund: 0 },
    { terms: 'unreceipted', refund: 1 },
  ])(
    'gives back a part without a receipt by terms.noReceipt ($terms)',
    ({ terms: name, refund }) => {
      const { message, terms } = under(name, 2);
      const parts = [OK, unreceiptedPart(1)];
      expect(settleByParts(message, parts, 'noReceipt', terms, REST).refund).toBe(whole(refund));
    },
  );
});

describe('settleWhole', () => {
  it('gives back the whole of what was never sent, whatever the terms', () => {
    for (const name of ['platform', 'recipient', 'keeping']) {
      const { message, terms } = under(name, 2);
      const settlement = settleWhole(message, 'EXPIRED', 'platform', 'neverSent', terms, 5);
      expect(settlement).toMatchObject({ refund: whole(2), charge: 0n, release: 0n, doneAtMs: 5 });
    }
  });

  it('releases the whole where it was reserved', () => {
    const { message, terms } = under('delivered', 2);
    expect(settleWhole(message, 'DELETED', 'none', 'cancelled', terms, 5)).toMatchObject({
      refund: 0n,
      charge: 0n,
      release: whole(2),
    });
  });

  it('follows terms.onRefusal when it was stopped', () => {
    const [refunding, keeping] = [under('platform'), under('keeping')];
    const stopped = ({ message, terms }: ReturnType<typeof under>) =>
      settleWhole(message, 'REJECTD', 'customer', 'refusedLater', terms, 5).refund;
    expect(stopped(refunding)).toBe(whole(1));
    expect(stopped(keeping)).toBe(0n);
  });
});

describe('refusedPart', () => {
  it('is REJECTD, by the fault that the carrier has for the status', () => {
    const carrier = carrierOf(catalog);
    expect(refusedPart(carrier, 0x0b, 1)).toEqual(end('REJECTD', 'recipient', 0x0b));
    expect(refusedPart(carrier, 0x45, 1)).toEqual(end('REJECTD', 'carrier', 0x45));
  });
});

describe('acceptedPart', () => {
  it('is ACCEPTD and nobody failed', () => {
    expect(acceptedPart(1)).toEqual(end('ACCEPTD', 'none'));
  });
});
