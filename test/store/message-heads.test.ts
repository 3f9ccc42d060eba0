import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findMessages, listMessages } from '../../src/store/message-heads.ts';
import { testHash } from '../ops/ops-bench.ts';
import { type Accepted, LedgerTraffic } from './ledger-traffic.ts';

let traffic: LedgerTraffic;
let delivered: Accepted;
let failed: Accepted;
let waiting: Accepted;
let reserved: Accepted;
beforeAll(async () => {
  traffic = await LedgerTraffic.start();
  [delivered, failed, waiting, reserved] = (await traffic.accept(
    { account: 'acme', customerId: '0000beef' },
    { account: 'acme', segments: 2 },
    { account: 'acme', destination: '966511111111' },
    { account: 'pays-later', customerId: '0000beef' },
  )) as [Accepted, Accepted, Accepted, Accepted];
});
afterAll(() => traffic.stop());

describe('findMessages', () => {
  it('finds a message by its internal id, also when the customer calls it otherwise', async () => {
    expect(await findMessages(traffic.pool, String(failed.id), undefined)).toEqual([failed.id]);
    expect(await findMessages(traffic.pool, String(delivered.id), undefined)).toEqual([
      delivered.id,
    ]);
  });

  it("finds a customer's own id in every account that uses it, or in one", async () => {
    const all = await findMessages(traffic.pool, '0000beef', undefined);
    expect(all.toSorted()).toEqual([delivered.id, reserved.id].toSorted());
    expect(await findMessages(traffic.pool, '0000beef', 'pays-later')).toEqual([reserved.id]);
  });

  it('finds nothing for what is no id at all', async () => {
    expect(await findMessages(traffic.pool, "' or 1=1", undefined)).toEqual([]);
    expect(await findMessages(traffic.pool, '9'.repeat(19), undefined)).toEqual([]);
  });
});

describe('listMessages', () => {
  const all = {
    from: new Date(Date.now() - 60_000),
    until: new Date(Date.now() + 60_000),
    limit: 10,
  };
  const none = { account: undefined, destinationHashes: undefined, before: undefined };

  it('lists newest first, page by page', async () => {
    const page = await listMessages(traffic.pool, { ...all, ...none, limit: 3 });
    expect(page.map((head) => head.id)).toEqual([reserved.id, waiting.id, failed.id]);
    const rest = await listMessages(traffic.pool, { ...all, ...none, before: failed.id });
    expect(rest.map((head) => head.id)).toEqual([delivered.id]);
  });

  it('lists by account and by the hash of a number', async () => {
    const mine = await listMessages(traffic.pool, { ...all, ...none, account: 'pays-later' });
    expect(mine.map((head) => head.id)).toEqual([reserved.id]);
    const to = await listMessages(traffic.pool, {
      ...all,
      ...none,
      destinationHashes: [testHash('966500000000'), testHash('966511111111')],
    });
    expect(to.map((head) => head.id)).toEqual([waiting.id]);
  });

  it('lists nothing outside the time asked for', async () => {
    const until = new Date(Date.now() - 60_000);
    expect(
      await listMessages(traffic.pool, {
        ...all,
        ...none,
        from: new Date(0),
        until,
      }),
    ).toEqual([]);
  });
});
