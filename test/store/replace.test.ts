import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AccountId } from '../../src/domain/ids.ts';
import { credits } from '../../src/domain/money.ts';
import { type AcceptRow, writeAccept } from '../../src/store/accept.ts';
import { adoptEpoch, adoptedEpochs } from '../../src/store/epoch.ts';
import { takeLease } from '../../src/store/lease.ts';
import { queuedOf } from '../../src/store/recovery.ts';
import { type ReplaceRow, writeReplace } from '../../src/store/replace.ts';
import { writeSent } from '../../src/store/sent.ts';
import { type SettleRow, writeEndUnsent } from '../../src/store/settle.ts';
import { loadMessages } from '../../src/store/stored-message.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import {
  anotherLane,
  balanceOf,
  end,
  mismatches,
  openAccount,
  sent,
  startNode,
  submit,
  type TestNode,
} from './fixtures.ts';

// Verdicts of writeReplace.
const REPLACED = 0;
const UNPAID = 1;
const EXPIRED = 2;
const CLOSED = 3;
const TOO_LATE = 4;
const AGAIN = 5;

let database: TestDatabase;
let node: TestNode;
let other: TestNode;
let leases = 1n;

beforeAll(async () => {
  database = await createDatabase();
  node = await startNode(database.url);
  other = await anotherLane(database.url, node);
});
afterAll(async () => {
  expect(await mismatches(node.client)).toEqual([]);
  await other?.end();
  await node?.end();
  await database?.drop();
});

async function accepted(account: AccountId, change: Partial<AcceptRow> = {}): Promise<AcceptRow> {
  const row = submit(node, account, change);
  await writeAccept(node.client, node.epoch, node.nextBatch(), [row]);
  return row;
}

function next(row: AcceptRow, change: Partial<ReplaceRow> = {}): ReplaceRow {
  const { id, account, segments, policyVersion, registeredDelivery, validUntilMs, contentKey } =
    row;
  const content = Buffer.from('sealed anew');
  const releaseAtMs = undefined;
  const times = { validUntilMs, releaseAtMs, held: undefined };
  const kept = { segments, policyVersion, registeredDelivery, contentKey, content, ...times };
  return { id, account, version: 1, ...kept, ...change };
}

const replace = (...rows: ReplaceRow[]) =>
  writeReplace(other.client, other.epoch, other.nextBatch(), rows);
const cancelled = (row: AcceptRow, change: Partial<SettleRow> = {}) =>
  end(row, { state: 4, refund: row.unitPrice, carrier: null, cause: 'cancelled', ...change });
const cancel = (row: SettleRow) =>
  writeEndUnsent(other.client, other.epoch, other.nextBatch(), [row]);

function lease(row: AcceptRow, version = 0, attempt = 1) {
  const keys = [{ id: row.id, segment: 1, attempt }];
  const versions = version === 0 ? null : [version];
  return takeLease(node.client, node.epoch, row.carrier, keys, leases++, versions);
}

describe('writeReplace', () => {
  it('charges the segments more and gives back the segments less, an entry each', async () => {
    const account = await openAccount(node.client, 1_000_000n);
    const row = await accepted(account);
    expect(await replace(next(row, { segments: 4 }))).toEqual([REPLACED]);
    expect(await balanceOf(node.client, account)).toMatchObject({ credits: 800_000n });
    expect(await replace(next(row, { version: 2, segments: 2 }))).toEqual([REPLACED]);
    expect(await replace(next(row, { version: 3, segments: 2 }))).toEqual([REPLACED]);
    expect(await balanceOf(node.client, account)).toEqual({ credits: 900_000n, reserved: 0n });
    const { rows } = await node.client.query(
      "select kind, amount from ledger_entry where account = $1 and cause = 'replaced' order by id",
      [account],
    );
    expect(rows).toEqual([
      { kind: 'charge', amount: -150_000n },
      { kind: 'charge', amount: 100_000n },
    ]);
    const { rows: sum } = await node.client.query(
      "select sum(amount)::int8 as paid from ledger_entry where account = $1 and kind = 'charge'",
      [account],
    );
    expect(sum).toEqual([{ paid: -100_000n }]); // the price of the last version
  });

  it('changes what is reserved where the price is charged at the end', async () => {
    const account = await openAccount(node.client, 1_000_000n);
    const row = await accepted(account, { chargeOnDelivery: true });
    expect(await replace(next(row, { segments: 3 }))).toEqual([REPLACED]);
    expect(await balanceOf(node.client, account)).toEqual({
      credits: 1_000_000n,
      reserved: 150_000n,
    });
  });

  it('takes what the account has to the last unit and not one more', async () => {
    const account = await openAccount(node.client, 150_000n - 1n);
    const row = await accepted(account);
    expect(await replace(next(row, { segments: 3 }))).toEqual([UNPAID]);
    await node.client.query("select post_entry($1, 'adjustment', 1)", [account]);
    expect(await replace(next(row, { segments: 3 }))).toEqual([REPLACED]);
    expect(await balanceOf(node.client, account)).toMatchObject({ credits: 0n });
  });

  it('counts the first of two in one batch before the second', async () => {
    const account = await openAccount(node.client, 150_000n);
    const [one, two] = [await accepted(account), await accepted(account)];
    expect(
      await replace(
        next(one, { segments: 2 }),
        next(two, { segments: 2 }),
        next(one, { version: 2, segments: 1 }),
        next(two, { segments: 2 }),
      ),
    ).toEqual([REPLACED, UNPAID, REPLACED, REPLACED]);
  });

  it('asks for no credit that has expired, unless the message costs no more than before', async () => {
    const account = await openAccount(node.client, 1_000_000n);
    const row = await accepted(account);
    await node.client.query(
      "update balance set expires_at = now() - interval '1 s' where account = $1 and side = 0",
      [account],
    );
    expect(await replace(next(row, { segments: 2 }))).toEqual([EXPIRED]);
    expect(await replace(next(row))).toEqual([REPLACED]);
  });

  it('refuses for an account that is not active, another account, and one that has ended', async () => {
    const account = await openAccount(node.client, 1_000_000n);
    const stranger = await openAccount(node.client, 1_000_000n);
    const row = await accepted(account);
    expect(await replace(next(row, { account: stranger }))).toEqual([TOO_LATE]);
    await node.client.query("update account set status = 'suspended' where id = $1", [account]);
    expect(await replace(next(row))).toEqual([CLOSED]);
    await node.client.query("update account set status = 'active' where id = $1", [account]);
    expect(await cancel(cancelled(row))).toEqual([1]);
    expect(await replace(next(row))).toEqual([TOO_LATE]);
  });

  it('says when the message was replaced since it was read', async () => {
    const row = await accepted(await openAccount(node.client, 1_000_000n));
    expect(await replace(next(row), next(row))).toEqual([REPLACED, AGAIN]);
    expect(await replace(next(row, { version: 3 }))).toEqual([AGAIN]);
  });

  it('is too late once the validity in force is over', async () => {
    const account = await openAccount(node.client, 1_000_000n);
    const row = await accepted(account);
    expect(await replace(next(row, { validUntilMs: Date.now() - 1 }))).toEqual([REPLACED]);
    expect(await replace(next(row, { version: 2 }))).toEqual([TOO_LATE]);
    const { rows } = await node.client.query('select id from due where id = $1', [row.id]);
    expect(rows).toHaveLength(1); // the janitor hears of the new validity
  });

  it('is too late with a carrier: leased, unknown or accepted; a refused attempt holds nothing', async () => {
    const account = await openAccount(node.client, 1_000_000n);
    const row = await accepted(account);
    const { lease: id } = await lease(row);
    expect(await replace(next(row))).toEqual([TOO_LATE]);
    // 0x58: ESME_RTHROTTLED
    const throttled = sent(row.id, { status: 0x58, upstreamId: null });
    await writeSent(node.client, node.epoch, node.nextBatch(), [throttled], []);
    expect(await replace(next(row))).toEqual([REPLACED]);
    await writeSent(node.client, node.epoch, node.nextBatch(), [], [id]);
    expect(await lease(row, 1, 2)).toMatchObject({ refused: [], replaced: [] });
    await writeSent(node.client, node.epoch, node.nextBatch(), [sent(row.id, { attempt: 2 })], []);
    expect(await replace(next(row, { version: 2 }))).toEqual([TOO_LATE]);
  });
});

describe('takeLease of a replaced message', () => {
  it('leaves out every older copy and leases the version in force', async () => {
    const account = await openAccount(node.client, 1_000_000n);
    const [row, untouched] = [await accepted(account), await accepted(account)];
    await replace(next(row));
    await replace(next(row, { version: 2 }));
    const keys = [row, untouched].map(({ id }) => ({ id, segment: 1, attempt: 1 }));
    const take = (versions: number[] | null) =>
      takeLease(node.client, node.epoch, row.carrier, keys, leases++, versions);
    for (const versions of [null, [1, 0]])
      expect(await take(versions)).toMatchObject({ refused: [], replaced: [row.id] });
    expect(await take([2, 0])).toMatchObject({ refused: [], replaced: [] });
    const { rows } = await node.client.query(
      'select message_ids from lease where $1 = any (message_ids)',
      [row.id],
    );
    expect(rows).toEqual([{ message_ids: [row.id, untouched.id] }]);
  });
});

describe('writeEndUnsent of a replaced message', () => {
  it('does not end an older copy, whose refund would be wrong', async () => {
    const account = await openAccount(node.client, 1_000_000n);
    const row = await accepted(account);
    await replace(next(row, { segments: 3 }));
    expect(await cancel(cancelled(row))).toEqual([2]);
    const refund = credits(150_000n);
    expect(await cancel(cancelled(row, { refund, version: 1 }))).toEqual([1]);
    expect(await balanceOf(node.client, account)).toMatchObject({ credits: 1_000_000n });
  });
});

describe('loadMessages and queuedOf', () => {
  it('give the version in force, to an adopter as well', async () => {
    const lost = await startNode(database.url);
    const account = await openAccount(node.client, 1_000_000n);
    const row = submit(lost, account);
    await writeAccept(lost.client, lost.epoch, lost.nextBatch(), [row]);
    const validUntilMs = Date.now() + 60_000;
    await replace(next(row, { segments: 3, validUntilMs, registeredDelivery: 2 }));
    const [message] = await loadMessages(node.client, [row.id]);
    expect(message).toMatchObject({
      version: 1,
      segments: 3,
      registeredDelivery: 2,
      validUntilMs,
      content: Buffer.from('sealed anew'),
    });
    await lost.end();
    await node.client.query(
      "update node_epoch set valid_until = now() - interval '1 s' where epoch = $1",
      [lost.epoch],
    );
    while (!(await adoptEpoch(node.client, lost.epoch, node.epoch)));
    const adopted = (await adoptedEpochs(node.client, node.epoch)).find(
      (one) => one.epoch === lost.epoch,
    );
    if (adopted === undefined) throw new Error('not adopted');
    const { messages } = await queuedOf(node.client, adopted);
    expect(messages.map(({ id, missing }) => [id, missing.length])).toEqual([[row.id, 3]]);
  });
});

describe('lease, cancel and replace of one message at once', () => {
  it('have exactly one winner between lease and replace, in hundreds of races', async () => {
    const account = await openAccount(node.client, 1_000_000_000n);
    const wins = { lease: 0, replace: 0 };
    for (let i = 0; i < 300; i++) {
      const row = await accepted(account);
      const both = [() => lease(row), () => replace(next(row, { segments: 2 }))] as const;
      const leased = i % 2 === 0 ? both[0]() : undefined;
      const replaced = both[1]();
      const [taken, [verdict]] = await Promise.all([leased ?? both[0](), replaced]);
      const leaseWon = taken.replaced.length === 0;
      expect({ leaseWon, verdict }).toEqual({ leaseWon, verdict: leaseWon ? TOO_LATE : REPLACED });
      wins[leaseWon ? 'lease' : 'replace']++;
    }
    expect(Math.min(wins.lease, wins.replace)).toBeGreaterThan(0);
  });

  it('have one winner between all three, and the money follows it', async () => {
    const third = await anotherLane(database.url, node);
    const account = await openAccount(node.client, 1_000_000_000n);
    let expected = 1_000_000_000n;
    for (let i = 0; i < 150; i++) {
      const row = await accepted(account);
      const [taken, [replaced], [ended]] = await Promise.all([
        lease(row),
        writeReplace(third.client, third.epoch, third.nextBatch(), [next(row, { segments: 2 })]),
        cancel(cancelled(row)),
      ]);
      const won = [
        taken.refused.length + taken.replaced.length === 0,
        replaced === REPLACED,
        ended === 1,
      ];
      expect(won.filter(Boolean)).toHaveLength(1);
      expected -= won[0] ? 50_000n : won[1] ? 100_000n : 0n;
    }
    expect(await balanceOf(node.client, account)).toMatchObject({ credits: expected });
    await third.end();
  });
});
