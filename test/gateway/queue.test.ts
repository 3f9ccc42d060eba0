import { beforeAll, describe, expect, it } from 'vitest';
import type { CatalogAccount } from '../../src/domain/catalog.ts';
import { type MessageId, messageId } from '../../src/domain/ids.ts';
import type { Message } from '../../src/gateway/message.ts';
import { CarrierQueue, smaller } from '../../src/gateway/queue.ts';
import { newPdu } from '../../src/smpp/pdu.ts';
import { accountOf, catalogOf, messageOf } from './messages.ts';

let owner: CatalogAccount;

beforeAll(async () => {
  owner = accountOf(
    await catalogOf({ accounts: { a: {} }, carriers: { c: { port: 1, prefix: '' } } }),
  );
});

function id(n: number): MessageId {
  return messageId(BigInt(n));
}

function queued(n: number, lane: Message['lane'] = 1): Message {
  return messageOf(owner, { id: id(n), lane });
}

/** Takes all that is at hand. */
function drained(queue: CarrierQueue): number[] {
  const ids: number[] = [];
  for (let one = queue.shift(); one !== undefined; one = queue.shift()) ids.push(Number(one.id));
  return ids;
}

/** Reads one page of what is cold, as the dispatcher does. */
function pageIn(queue: CarrierQueue, most: number): void {
  const lane = queue.coldLane();
  if (lane === undefined) return;
  queue.warm(
    lane,
    queue.takeCold(lane, most).map((one) => queued(Number(one), lane as 0 | 1 | 2)),
  );
}

describe('CarrierQueue', () => {
  it('gives one lane in the order in which it came', () => {
    const queue = new CarrierQueue(10);
    for (const n of [3, 1, 2]) queue.push(queued(n));
    expect(drained(queue)).toEqual([3, 1, 2]);
    expect(queue.shift()).toBeUndefined();
  });

  it('gives of 21 turns 16 to the fast lane, 4 to the normal and 1 to bulk while all have messages', () => {
    const queue = new CarrierQueue(1000);
    for (let n = 0; n < 210; n++)
      for (const lane of [0, 1, 2] as const) queue.push(queued(n, lane));
    const lanes = [0, 0, 0];
    for (let turn = 0; turn < 210; turn++) {
      const lane = queue.shift()?.lane ?? -1;
      lanes[lane] = (lanes[lane] ?? 0) + 1;
    }
    expect(lanes).toEqual([160, 40, 10]);
  });

  it('gives a lane every turn that the others have no use for', () => {
    const queue = new CarrierQueue(1000);
    for (let n = 0; n < 100; n++) queue.push(queued(n, 2));
    expect(drained(queue)).toEqual(Array.from({ length: 100 }, (_, n) => n));
  });

  it('keeps the content of the first messages only, and gives the others when they were read', () => {
    const queue = new CarrierQueue(4);
    for (let n = 1; n <= 10; n++) queue.push(queued(n));
    expect(queue.depth(1)).toBe(10);
    expect(queue.coldLane()).toBeUndefined(); // four are at hand: no need yet
    expect([queue.shift()?.id, queue.shift()?.id]).toEqual([1n, 2n]);
    expect(queue.coldLane()).toBe(1);
    pageIn(queue, 3);
    expect(drained(queue)).toEqual([3, 4, 5, 6, 7]);
    pageIn(queue, 3);
    expect(drained(queue)).toEqual([8, 9, 10]);
    expect(queue.length).toBe(0);
  });

  it('keeps the content of 16 MiB of messages at most, however few they are', () => {
    const queue = new CarrierQueue(4_000);
    const submit = newPdu('submit_sm', 1);
    submit.tlvs = [{ tag: 0x1400, value: Buffer.alloc(65_000) }];
    const heavy = (n: number) => Object.assign(queued(n), { submit });
    for (let n = 1; n <= 1_000; n++) queue.push(heavy(n));
    let atHand = 0;
    while (queue.shift() !== undefined) atHand++;
    expect(atHand).toBe(Math.ceil(16_777_216 / 65_100));
    // What went has made room: the rest is read, and then the lane is as before.
    const rest = queue.takeCold(1, 500);
    queue.warm(
      1,
      rest.map((one) => heavy(Number(one))),
    );
    expect(queue.coldLane()).toBeUndefined();
    expect(drained(queue)).toEqual(rest.map(Number));
    expect(queue.coldLane()).toBe(1);
  });

  it('has room again for what a forgotten message held', () => {
    const queue = new CarrierQueue(4_000);
    const submit = newPdu('submit_sm', 1);
    submit.tlvs = [{ tag: 0x1400, value: Buffer.alloc(65_000) }];
    for (let n = 1; n <= 1_000; n++) {
      queue.push(Object.assign(queued(n), { submit }));
      expect(queue.forget(id(n))).toBe(true);
    }
    queue.push(queued(1_001));
    expect(drained(queue)).toEqual([1_001]);
  });

  it('keeps the order though messages come while others wait for the store', () => {
    const queue = new CarrierQueue(2);
    for (let n = 1; n <= 4; n++) queue.push(queued(n));
    expect(queue.shift()?.id).toBe(1n);
    pageIn(queue, 1);
    for (let n = 5; n <= 6; n++) queue.push(queued(n));
    const all = drained(queue);
    for (let page = 0; page < 3; page++) {
      pageIn(queue, 5);
      all.push(...drained(queue));
    }
    expect(all).toEqual([2, 3, 4, 5, 6]);
  });

  it('keeps the order of what comes while a page is being read', () => {
    const queue = new CarrierQueue(2);
    for (let n = 1; n <= 4; n++) queue.push(queued(n));
    const first = drained(queue);
    const page = queue.takeCold(1, 500);
    queue.push(queued(5));
    queue.warm(
      1,
      page.map((one) => queued(Number(one))),
    );
    const all = [...first, ...drained(queue)];
    pageIn(queue, 500);
    expect([...all, ...drained(queue)]).toEqual([1, 2, 3, 4, 5]);
  });

  it('puts a page that could not be read at the end, and goes on', () => {
    const queue = new CarrierQueue(2);
    for (let n = 1; n <= 4; n++) queue.push(queued(n));
    expect(drained(queue)).toEqual([1, 2]);
    queue.putBack(1, queue.takeCold(1, 500));
    expect(queue.length).toBe(2);
    pageIn(queue, 500);
    queue.push(queued(5));
    expect(drained(queue)).toEqual([3, 4]);
    pageIn(queue, 500);
    expect(drained(queue)).toEqual([5]);
    queue.push(queued(6));
    expect(drained(queue)).toEqual([6]);
  });

  it('reads the hastiest lane first', () => {
    const queue = new CarrierQueue(2);
    for (const lane of [2, 1, 0] as const) queue.pushId(lane, id(lane + 1));
    expect(queue.coldLane()).toBe(0);
    pageIn(queue, 5);
    expect(queue.coldLane()).toBe(1);
  });

  it('counts all that waits, over many more than its arrays hold before they are cut', () => {
    const queue = new CarrierQueue(10_000);
    for (let n = 0; n < 5000; n++) queue.push(queued(n));
    for (let n = 0; n < 4000; n++) expect(queue.shift()?.id).toBe(BigInt(n));
    expect(queue.length).toBe(1000);
    expect(queue.floor()).toBe(4000n);
    expect(drained(queue)).toHaveLength(1000);
  });

  it('has a floor not above any message that waits, in whatever lane and form', () => {
    const queue = new CarrierQueue(1);
    queue.push(queued(30, 0));
    queue.push(queued(20, 0)); // held as an id only
    queue.pushId(2, id(10));
    expect(queue.floor()).toBe(10n);
    expect(queue.floor(0)).toBe(20n);
    expect(queue.floor(1)).toBeUndefined();
    queue.takeCold(2, 1);
    expect(queue.floor()).toBe(20n);
  });
});

describe('smaller', () => {
  it('passes over what is absent', () => {
    expect(smaller(undefined, undefined)).toBeUndefined();
    expect(smaller(id(1), undefined)).toBe(1n);
    expect(smaller(undefined, id(2))).toBe(2n);
    expect(smaller(id(3), id(2))).toBe(2n);
  });
});
