import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { firstIdAt } from '../../src/domain/ids.ts';
import { credits } from '../../src/domain/money.ts';
import { type AcceptRow, writeAccept } from '../../src/store/accept.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import {
  anotherLane,
  balanceOf,
  mismatches,
  openAccount,
  startNode,
  submit,
  type TestNode,
} from './fixtures.ts';

let database: TestDatabase;
let node: TestNode;

beforeAll(async () => {
  database = await createDatabase();
  node = await startNode(database.url);
});
afterAll(async () => {
  await node?.end();
  await database?.drop();
});

const accept = (rows: AcceptRow[], on: TestNode = node) =>
  writeAccept(on.client, on.epoch, on.nextBatch(), rows);

describe('writeAccept', () => {
  it('stores messages and content as given and charges unit price x segments in one entry', async () => {
    const account = await openAccount(node.client, 1_000_000n);
    const rows = [
      submit(node, account, { segments: 3 }),
      submit(node, account, { customerId: '0000002a', content: Buffer.from([0, 255, 92]) }),
    ];
    expect(await accept(rows)).toEqual([0, 0]);
    expect(await balanceOf(node.client, account)).toEqual({ credits: 800_000n, reserved: 0n });
    const { rows: stored } = await node.client.query(
      `select m.customer_id, m.segments, m.unit_price, m.charge_on, m.valid_until, m.tariff_version, m.epoch, c.blob
       from message m join content c using (id) where m.id = any ($1) order by id`,
      [rows.map((row) => row.id)],
    );
    expect(stored.map((row) => row.customer_id)).toEqual([null, '0000002a']);
    expect(stored[0]).toMatchObject({
      segments: 3,
      unit_price: 50_000n,
      charge_on: 0,
      tariff_version: 1,
      epoch: node.epoch,
    });
    expect(stored[0].valid_until.getTime()).toBe(rows[0]?.validUntilMs);
    expect(stored[1].blob).toEqual(Buffer.from([0, 255, 92]));
    const { rows: entries } = await node.client.query(
      "select kind, amount, messages, segments, credits_after from ledger_entry where account = $1 and kind <> 'top_up'",
      [account],
    );
    expect(entries).toEqual([
      { kind: 'charge', amount: -200_000n, messages: 2, segments: 4, credits_after: 800_000n },
    ]);
  });

  it('writes a charge and a reservation when a batch has both kinds', async () => {
    const account = await openAccount(node.client, 1_000_000n);
    await accept([
      submit(node, account),
      submit(node, account, { chargeOnDelivery: true, segments: 2 }),
    ]);
    expect(await balanceOf(node.client, account)).toEqual({
      credits: 950_000n,
      reserved: 100_000n,
    });
    expect(await mismatches(node.client)).toEqual([]);
  });

  it('passes exactly the messages that the credit can pay, in order, when it cannot pay all', async () => {
    const account = await openAccount(node.client, 120_000n);
    const rows = [
      submit(node, account), // 120 -> 70
      submit(node, account, { segments: 2 }), // costs 100: refused
      submit(node, account), // 70 -> 20
      submit(node, account), // refused
      submit(node, account, { unitPrice: credits(20_000n) }), // 20 -> 0
      submit(node, account, { unitPrice: credits(0n) }), // free
    ];
    expect(await accept(rows)).toEqual([0, 1, 0, 1, 0, 0]);
    expect(await balanceOf(node.client, account)).toEqual({ credits: 0n, reserved: 0n });
    const { rows: stored } = await node.client.query('select id from message where id = any ($1)', [
      rows.map((row) => row.id),
    ]);
    expect(stored).toHaveLength(4);
  });

  it('lets other accounts of the batch pass when one cannot pay', async () => {
    const poor = await openAccount(node.client, 0n);
    const rich = await openAccount(node.client, 1_000_000n);
    expect(await accept([submit(node, poor), submit(node, rich), submit(node, poor)])).toEqual([
      1, 0, 1,
    ]);
  });

  it('goes below zero only down to the credit line', async () => {
    const account = await openAccount(node.client, 0n);
    await node.client.query(
      'update balance set credit_line = 100000 where account = $1 and side = 0',
      [account],
    );
    expect(await accept([1, 2, 3].map(() => submit(node, account)))).toEqual([0, 0, 1]);
    expect(await balanceOf(node.client, account)).toEqual({ credits: -100_000n, reserved: 0n });
  });

  it('refuses with 3 from the suspension on and accepts again after the resumption', async () => {
    const account = await openAccount(node.client, 1_000_000n);
    const set = (status: string) =>
      node.client.query('update account set status = $2 where id = $1', [account, status]);
    await set('suspended');
    expect(await accept([submit(node, account)])).toEqual([3]);
    await set('active');
    expect(await accept([submit(node, account)])).toEqual([0]);
  });

  it('refuses with 2 when the credit is expired, but not what costs nothing', async () => {
    const account = await openAccount(node.client, 1_000_000n);
    await node.client.query(
      "update balance set expires_at = now() - interval '1 s' where account = $1",
      [account],
    );
    const free = submit(node, account, { unitPrice: credits(0n) });
    expect(await accept([submit(node, account), free])).toEqual([2, 0]);
  });

  it('refuses with 3 an account that does not exist', async () => {
    const ghost = submit(node, 999_999 as AcceptRow['account']);
    expect(await accept([ghost])).toEqual([3]);
  });

  it('accepts exactly K of 10 K messages over several connections and nodes, and ends at balance 0', async () => {
    const K = 300;
    const account = await openAccount(node.client, BigInt(K) * 50_000n);
    const other = await startNode(database.url);
    const lanes = [
      node,
      await anotherLane(database.url, node),
      other,
      await anotherLane(database.url, other),
    ];
    const accepted = await Promise.all(
      lanes.map(async (lane) => {
        let passed = 0;
        for (let batch = 0; batch < 15; batch++) {
          const rows = Array.from({ length: 50 }, () => submit(lane, account));
          passed += (await accept(rows, lane)).filter((verdict) => verdict === 0).length;
        }
        return passed;
      }),
    );
    expect(accepted.reduce((a, b) => a + b)).toBe(K);
    expect(await balanceOf(node.client, account)).toEqual({ credits: 0n, reserved: 0n });
    expect(await mismatches(node.client)).toEqual([]);
    await Promise.all(lanes.slice(1).map((lane) => lane.end()));
  });

  it('takes the locks of many accounts in one order, so that crossing batches do not deadlock', async () => {
    const accounts: AcceptRow['account'][] = [];
    for (let i = 0; i < 4; i++) accounts.push(await openAccount(node.client, 10_000_000n));
    const lanes = [
      node,
      await anotherLane(database.url, node),
      await anotherLane(database.url, node),
    ];
    await Promise.all(
      lanes.map(async (lane, i) => {
        for (let batch = 0; batch < 10; batch++) {
          const order = i % 2 === 0 ? accounts : [...accounts].reverse();
          expect(
            await accept(
              order.map((account) => submit(lane, account)),
              lane,
            ),
          ).toEqual([0, 0, 0, 0]);
        }
      }),
    );
    await Promise.all(lanes.slice(1).map((lane) => lane.end()));
    expect(await mismatches(node.client)).toEqual([]);
  });

  it('refuses ids that are far from the clock of the database', async () => {
    const account = await openAccount(node.client, 1_000_000n);
    const late = submit(node, account, { id: firstIdAt(Date.now() + 15_000) });
    await expect(accept([late])).rejects.toMatchObject({ code: 'SG004' });
  });

  it('writes nothing more for an epoch that is adopted', async () => {
    const lost = await startNode(database.url);
    const account = await openAccount(node.client, 1_000_000n);
    await node.client.query('update node_epoch set adopted_by = $1 where epoch = $2', [
      node.epoch,
      lost.epoch,
    ]);
    await expect(accept([submit(lost, account)], lost)).rejects.toMatchObject({ code: 'SG001' });
    expect(await balanceOf(node.client, account)).toEqual({ credits: 1_000_000n, reserved: 0n });
    await lost.end();
  });
});
