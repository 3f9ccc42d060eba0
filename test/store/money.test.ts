import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AccountId } from '../../src/domain/ids.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import {
  anotherLane,
  balanceOf,
  mismatches,
  openAccount,
  startNode,
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

async function post(
  account: AccountId,
  kind: string,
  amount: bigint | null,
  reference: string | null = null,
  guarded = false,
  on = node,
) {
  const { rows } = await on.client.query(
    'select kind, amount, credits_after, existing from post_entry($1, $2, $3, p_reference => $4, p_guarded => $5)',
    [account, kind, amount, reference, guarded],
  );
  return rows[0];
}

describe('post_entry', () => {
  it('posts a reference once, and returns the first entry to those who come later', async () => {
    const account = await openAccount(node.client, 0n);
    expect(await post(account, 'top_up', 5n, 'r1')).toEqual({
      kind: 'top_up',
      amount: 5n,
      credits_after: 5n,
      existing: false,
    });
    expect(await post(account, 'top_up', 7n, 'r1')).toEqual({
      kind: 'top_up',
      amount: 5n,
      credits_after: 5n,
      existing: true,
    });
    expect(await balanceOf(node.client, account)).toEqual({ credits: 5n, reserved: 0n });
  });

  it('posts a reference once when two ask at the same time', async () => {
    const account = await openAccount(node.client, 0n);
    const other = await anotherLane(database.url, node);
    for (let i = 0; i < 10; i++) {
      const both = await Promise.all([
        post(account, 'top_up', 3n, `t${i}`),
        post(account, 'top_up', 3n, `t${i}`, false, other),
      ]);
      expect(both.filter((entry) => !entry.existing)).toHaveLength(1);
    }
    expect(await balanceOf(node.client, account)).toEqual({ credits: 30n, reserved: 0n });
    await other.end();
  });

  it('takes all that is available when no amount is given, and never a debt', async () => {
    const account = await openAccount(node.client, 100n);
    expect(await post(account, 'expiry', null)).toMatchObject({ amount: -100n, credits_after: 0n });
    await post(account, 'penalty', -40n);
    expect(await post(account, 'forfeit', null)).toMatchObject({ amount: 0n, credits_after: -40n });
  });

  it('refuses a guarded posting that goes below the limit', async () => {
    const account = await openAccount(node.client, 100n);
    expect(await post(account, 'purchase_refund', -101n, null, true)).toBeUndefined();
    expect(await post(account, 'purchase_refund', -100n, null, true)).toMatchObject({
      credits_after: 0n,
    });
    expect(await mismatches(node.client)).toEqual([]);
  });

  it('knows its kinds', async () => {
    const account = await openAccount(node.client, 0n);
    await expect(post(account, 'gift', 1n)).rejects.toThrow('no entry of kind gift');
    await expect(post(999_999 as AccountId, 'top_up', 1n)).rejects.toThrow('has no balance');
  });
});

describe('ledger_entry', () => {
  it.each([
    'update ledger_entry set amount = 0',
    'delete from ledger_entry',
    'truncate ledger_entry',
  ])('is never changed: %s', async (sql) => {
    await openAccount(node.client, 1n);
    await expect(node.client.query(sql)).rejects.toMatchObject({ code: 'SG003' });
  });
});
