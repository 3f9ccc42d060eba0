import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { credits } from '../../src/domain/money.ts';
import { type AcceptRow, writeAccept } from '../../src/store/accept.ts';
import { dropLeases, takeLease } from '../../src/store/lease.ts';
import { writeSent } from '../../src/store/sent.ts';
import { writeEndUnsent, writeSettle } from '../../src/store/settle.ts';
import { recordUnknown, resolveUnknown } from '../../src/store/unknown.ts';
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
  UNDELIV,
} from './fixtures.ts';

let database: TestDatabase;
let node: TestNode;
let leases = 1n;

beforeAll(async () => {
  database = await createDatabase();
  node = await startNode(database.url);
});
afterAll(async () => {
  await node?.end();
  await database?.drop();
});

async function accepted(
  account: AcceptRow['account'],
  change: Partial<AcceptRow> = {},
): Promise<AcceptRow> {
  const row = submit(node, account, change);
  expect(await writeAccept(node.client, node.epoch, node.nextBatch(), [row])).toEqual([0]);
  return row;
}

const settle = (...rows: Parameters<typeof writeSettle>[3]) =>
  writeSettle(node.client, node.epoch, node.nextBatch(), rows);
const endUnsent = (...rows: Parameters<typeof writeSettle>[3]) =>
  writeEndUnsent(node.client, node.epoch, node.nextBatch(), rows);
const refund = (row: AcceptRow) => end(row, { state: UNDELIV, refund: row.unitPrice });

async function lease(
  row: AcceptRow,
  attempt = 1,
): Promise<{ id: bigint; refused: readonly bigint[] }> {
  const keys = [{ id: row.id, segment: 1, attempt }];
  const taken = await takeLease(node.client, node.epoch, row.carrier, keys, leases++);
  return { id: taken.lease, refused: taken.refused };
}

describe('writeSettle', () => {
  it('keeps the charge of a delivered message and writes no entry', async () => {
    const account = await openAccount(node.client, 50_000n);
    const row = await accepted(account);
    expect(await settle(end(row))).toEqual([1]);
    expect(await balanceOf(node.client, account)).toEqual({ credits: 0n, reserved: 0n });
    expect(await mismatches(node.client)).toEqual([]);
  });

  it('refunds once however often, in whichever batch, the carrier sends UNDELIV', async () => {
    const account = await openAccount(node.client, 50_000n);
    const row = await accepted(account);
    expect(await settle(refund(row), refund(row))).toEqual([1, 0]);
    expect(await settle(refund(row))).toEqual([0]);
    expect(await settle(end(row))).toEqual([0]);
    expect(await balanceOf(node.client, account)).toEqual({ credits: 50_000n, reserved: 0n });
    const { rows } = await node.client.query('select state, refund from outcome where id = $1', [
      row.id,
    ]);
    expect(rows).toEqual([{ state: UNDELIV, refund: 50_000n }]);
  });

  it('refunds once when two nodes settle the same messages at the same time', async () => {
    const account = await openAccount(node.client, 5_000_000n);
    const rows = await Promise.all(Array.from({ length: 100 }, () => submit(node, account)));
    await writeAccept(node.client, node.epoch, node.nextBatch(), rows);
    const other = await startNode(database.url);
    const verdicts = await Promise.all([
      writeSettle(node.client, node.epoch, node.nextBatch(), rows.map(refund)),
      writeSettle(other.client, other.epoch, other.nextBatch(), rows.map(refund)),
    ]);
    expect(verdicts.flat().filter((verdict) => verdict === 1)).toHaveLength(100);
    expect(await balanceOf(node.client, account)).toEqual({ credits: 5_000_000n, reserved: 0n });
    expect(await mismatches(node.client)).toEqual([]);
    await other.end();
  });

  it('charges or releases what accept reserved, an entry each, and lets the release be spent again', async () => {
    const account = await openAccount(node.client, 100_000n);
    const delivered = await accepted(account, { chargeOnDelivery: true });
    const failed = await accepted(account, { chargeOnDelivery: true });
    expect(
      await settle(
        end(delivered, { charge: credits(50_000n) }),
        end(failed, { release: credits(50_000n) }),
      ),
    ).toEqual([1, 1]);
    expect(await balanceOf(node.client, account)).toEqual({ credits: 50_000n, reserved: 0n });
    await accepted(account);
    expect(await balanceOf(node.client, account)).toEqual({ credits: 0n, reserved: 0n });
    expect(await mismatches(node.client)).toEqual([]);
  });

  it('accepts an outcome before its dispatch row', async () => {
    const account = await openAccount(node.client, 50_000n);
    const row = await accepted(account);
    expect(await settle(end(row))).toEqual([1]);
    await writeSent(node.client, node.epoch, node.nextBatch(), [sent(row.id)], []);
  });

  it('settles a message that no carrier had', async () => {
    const account = await openAccount(node.client, 50_000n);
    const row = await accepted(account);
    expect(await settle(end(row, { carrier: null, refund: credits(50_000n) }))).toEqual([1]);
    const { rows } = await node.client.query('select carrier from outcome where id = $1', [row.id]);
    expect(rows).toEqual([{ carrier: null }]);
  });

  it('never lets concurrent accepts and refunds spend more than there is', async () => {
    const account = await openAccount(node.client, 1_000_000n);
    const other = await anotherLane(database.url, node);
    const seed = Array.from({ length: 20 }, () => submit(node, account));
    await writeAccept(node.client, node.epoch, node.nextBatch(), seed);
    let passed = 0;
    const spend = async () => {
      for (let i = 0; i < 20; i++) {
        const rows = Array.from({ length: 5 }, () => submit(other, account));
        const verdicts = await writeAccept(other.client, other.epoch, other.nextBatch(), rows);
        passed += verdicts.filter((verdict) => verdict === 0).length;
        const { credits: left } = await balanceOf(other.client, account);
        expect(left).toBeGreaterThanOrEqual(0n);
      }
    };
    const giveBack = async () => {
      for (const row of seed) await settle(refund(row));
    };
    await Promise.all([spend(), giveBack()]);
    const { credits: left } = await balanceOf(node.client, account);
    expect(left).toBe(1_000_000n - BigInt(passed) * 50_000n);
    expect(await mismatches(node.client)).toEqual([]);
    await other.end();
  });
});

describe('writeEndUnsent', () => {
  it('ends a queued message and gives its money back', async () => {
    const account = await openAccount(node.client, 50_000n);
    const row = await accepted(account);
    expect(await endUnsent(refund(row))).toEqual([1]);
    expect(await balanceOf(node.client, account)).toEqual({ credits: 50_000n, reserved: 0n });
  });

  it('leaves alone a leased message until its refusal is stored', async () => {
    const account = await openAccount(node.client, 50_000n);
    const row = await accepted(account);
    const { id } = await lease(row);
    expect(await endUnsent(refund(row))).toEqual([2]);
    // 0x58: ESME_RTHROTTLED, the carrier does not have it.
    await writeSent(
      node.client,
      node.epoch,
      node.nextBatch(),
      [sent(row.id, { status: 0x58, upstreamId: null })],
      [],
    );
    expect(await endUnsent(refund(row))).toEqual([1]);
    await dropLeases(node.client, node.epoch, [id]);
  });

  it('leaves alone a message that a carrier accepted, and ends the others of the batch', async () => {
    const account = await openAccount(node.client, 100_000n);
    const had = await accepted(account);
    const not = await accepted(account);
    const { id } = await lease(had);
    await writeSent(node.client, node.epoch, node.nextBatch(), [sent(had.id)], [id]);
    expect(await endUnsent(refund(had), refund(not), refund(not))).toEqual([2, 1, 0]);
  });

  it('leaves alone a message with an open unknown outcome', async () => {
    const account = await openAccount(node.client, 50_000n);
    const row = await accepted(account);
    const key = { id: row.id, segment: 1, attempt: 1 };
    await lease(row);
    await recordUnknown(node.client, node.epoch, row.carrier, [key]);
    expect(await endUnsent(refund(row))).toEqual([2]);
    await resolveUnknown(node.client, [key], 'resent');
    expect(await endUnsent(refund(row))).toEqual([1]);
  });
});

describe('takeLease', () => {
  it('leaves out a message that has its outcome, and leases the others', async () => {
    const account = await openAccount(node.client, 100_000n);
    const gone = await accepted(account);
    const there = await accepted(account);
    await endUnsent(refund(gone));
    const keys = [gone, there].map((row) => ({ id: row.id, segment: 1, attempt: 1 }));
    const { lease: id, refused } = await takeLease(
      node.client,
      node.epoch,
      there.carrier,
      keys,
      leases++,
    );
    expect(refused).toEqual([gone.id]);
    const { rows } = await node.client.query('select message_ids, parts from lease where id = $1', [
      id,
    ]);
    expect(rows).toEqual([{ message_ids: [there.id], parts: [257] }]);
  });

  it('can be made again with the same id when the commit was in doubt', async () => {
    const account = await openAccount(node.client, 50_000n);
    const row = await accepted(account);
    const keys = [{ id: row.id, segment: 1, attempt: 1 }];
    const id = leases++;
    await takeLease(node.client, node.epoch, row.carrier, keys, id);
    expect(await takeLease(node.client, node.epoch, row.carrier, keys, id)).toEqual({
      lease: id,
      refused: [],
      replaced: [],
    });
  });

  it('excludes the end of a message: of lease and end exactly one wins, in every order', async () => {
    const account = await openAccount(node.client, 10_000_000n);
    const ender = await anotherLane(database.url, node);
    for (let i = 0; i < 40; i++) {
      const row = await accepted(account);
      const [taken, [verdict]] = await Promise.all([
        lease(row),
        writeEndUnsent(ender.client, ender.epoch, ender.nextBatch(), [refund(row)]),
      ]);
      expect({ leased: taken.refused.length === 0, verdict }).toEqual(
        taken.refused.length === 0 ? { leased: true, verdict: 2 } : { leased: false, verdict: 1 },
      );
    }
    await ender.end();
  });

  it('makes an end wait for a lease that is being taken', async () => {
    const account = await openAccount(node.client, 50_000n);
    const row = await accepted(account);
    const ender = await anotherLane(database.url, node);
    await node.client.query('begin');
    await lease(row);
    const ending = writeEndUnsent(ender.client, ender.epoch, ender.nextBatch(), [refund(row)]);
    await node.client.query('commit');
    expect(await ending).toEqual([2]);
    await ender.end();
  });
});
