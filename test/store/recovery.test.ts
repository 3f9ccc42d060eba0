import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { credits } from '../../src/domain/money.ts';
import { type AcceptRow, writeAccept } from '../../src/store/accept.ts';
import {
  type AdoptedEpoch,
  adoptEpoch,
  adoptedEpochs,
  finishRecovery,
  renewEpoch,
} from '../../src/store/epoch.ts';
import { takeLease } from '../../src/store/lease.ts';
import { type QueuedMessage, queuedOf, unknownOf, unreturnedOf } from '../../src/store/recovery.ts';
import { writeReturned } from '../../src/store/returned.ts';
import { writeSent } from '../../src/store/sent.ts';
import { writeSettle } from '../../src/store/settle.ts';
import {
  dueUnknown,
  openUnknown,
  resolveUnknown,
  startUnknownWait,
} from '../../src/store/unknown.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import { end, openAccount, sent, startNode, submit, type TestNode } from './fixtures.ts';

let database: TestDatabase;
let node: TestNode;
let leases = 100n;

beforeAll(async () => {
  database = await createDatabase();
  node = await startNode(database.url);
});
afterAll(async () => {
  await node?.end();
  await database?.drop();
});

/** A node that accepts messages and then dies. */
async function victim(count: number, change: Partial<AcceptRow> = {}) {
  const lost = await startNode(database.url);
  const account = await openAccount(lost.client, 1_000_000_000n);
  const rows = Array.from({ length: count }, () => submit(lost, account, change));
  await writeAccept(lost.client, lost.epoch, lost.nextBatch(), rows);
  return { lost, rows };
}

async function bury(lost: TestNode): Promise<AdoptedEpoch> {
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
  return adopted;
}

async function allQueued(adopted: AdoptedEpoch): Promise<QueuedMessage[]> {
  const found: QueuedMessage[] = [];
  let after: bigint | undefined;
  for (;;) {
    const page = await queuedOf(node.client, adopted, after);
    found.push(...page.messages);
    if (page.next === undefined) return found;
    after = page.next;
  }
}

async function allUnreturned(adopted: AdoptedEpoch): Promise<bigint[]> {
  const ids: bigint[] = [];
  for await (const page of unreturnedOf(node.client, adopted))
    ids.push(...page.map((one) => one.id));
  return ids;
}

/** What is missing of a message, with the status of the last answer. */
const statuses = ({ missing }: QueuedMessage) =>
  missing.map(({ segment, last }) => [segment, last?.status]);

const keysOf = (rows: readonly AcceptRow[], attempt = 1) =>
  rows.map((row) => ({ id: row.id, segment: 1, attempt }));

describe('unknownOf', () => {
  it('lists exactly the leased keys without stored answer and without outcome, and ends the leases', async () => {
    const { lost, rows } = await victim(4);
    const [answered, settled, open] = rows as [AcceptRow, AcceptRow, AcceptRow];
    await takeLease(
      lost.client,
      lost.epoch,
      answered.carrier,
      keysOf([answered, settled, open]),
      leases++,
    );
    await writeSent(lost.client, lost.epoch, lost.nextBatch(), [sent(answered.id)], []);
    await writeSettle(lost.client, lost.epoch, lost.nextBatch(), [end(settled)]);
    await bury(lost);
    expect(await unknownOf(node.client, lost.epoch, node.epoch)).toBe(1);
    const { rows: unknown } = await node.client.query(
      'select id, segment, attempt, epoch from unknown_outcome where id = any ($1)',
      [rows.map((row) => row.id)],
    );
    expect(unknown).toEqual([{ id: open.id, segment: 1, attempt: 1, epoch: node.epoch }]);
    expect(await unknownOf(node.client, lost.epoch, node.epoch)).toBe(0);
  });

  it('takes more leases than one step holds', async () => {
    const { lost, rows } = await victim(25);
    for (const row of rows)
      await takeLease(lost.client, lost.epoch, row.carrier, keysOf([row]), leases++);
    await bury(lost);
    expect(await unknownOf(node.client, lost.epoch, node.epoch)).toBe(25);
    const { rows: n } = await node.client.query(
      'select count(*)::int as n from unknown_outcome where id = any ($1)',
      [rows.map((row) => row.id)],
    );
    expect(n).toEqual([{ n: 25 }]);
  });
});

describe('queuedOf', () => {
  it('returns what was accepted and not sent, without what was sent or ended and without unknown segments', async () => {
    const { lost, rows } = await victim(5);
    const [fresh, wasSent, ended, unknown, throttled] = rows as [
      AcceptRow,
      AcceptRow,
      AcceptRow,
      AcceptRow,
      AcceptRow,
    ];
    await takeLease(
      lost.client,
      lost.epoch,
      fresh.carrier,
      keysOf([wasSent, unknown, throttled]),
      leases++,
    );
    await writeSent(
      lost.client,
      lost.epoch,
      lost.nextBatch(),
      // 0x58: ESME_RTHROTTLED
      [sent(wasSent.id), sent(throttled.id, { status: 0x58, upstreamId: null })],
      [],
    );
    await writeSettle(lost.client, lost.epoch, lost.nextBatch(), [end(ended)]);
    const adopted = await bury(lost);
    await unknownOf(node.client, lost.epoch, node.epoch);
    const queued = await allQueued(adopted);
    expect(queued.map((one) => [one.id, statuses(one), one.nextAttempt])).toEqual([
      [fresh.id, [[1, undefined]], 1],
      [throttled.id, [[1, 0x58]], 2],
    ]);
    expect(queued[0]).toMatchObject({
      account: fresh.account,
      carrier: fresh.carrier,
      lane: 1,
      segments: 1,
      validUntilMs: fresh.validUntilMs,
    });
  });

  it('returns the missing segments of a message that went out in part', async () => {
    const { lost, rows } = await victim(1, { segments: 3 });
    const [row] = rows as [AcceptRow];
    await writeSent(
      lost.client,
      lost.epoch,
      lost.nextBatch(),
      [
        sent(row.id, { segment: 1 }),
        sent(row.id, { segment: 2, status: 0x14 }),
        sent(row.id, { segment: 2, attempt: 2, status: 0x14 }),
      ],
      [],
    );
    const queued = await allQueued(await bury(lost));
    expect(queued).toMatchObject([
      {
        id: row.id,
        missing: [
          { segment: 2, last: { status: 0x14, attempt: 2, firstHere: 1 } },
          { segment: 3, last: undefined },
        ],
        nextAttempt: 3,
      },
    ]);
  });

  it('queues again what an unknown outcome released, under a higher attempt', async () => {
    const { lost, rows } = await victim(1);
    await takeLease(
      lost.client,
      lost.epoch,
      (rows[0] as AcceptRow).carrier,
      keysOf(rows),
      leases++,
    );
    const adopted = await bury(lost);
    await unknownOf(node.client, lost.epoch, node.epoch);
    expect(await allQueued(adopted)).toEqual([]);
    expect(await resolveUnknown(node.client, keysOf(rows), 'resent')).toEqual(keysOf(rows));
    expect(await resolveUnknown(node.client, keysOf(rows), 'resent')).toEqual([]);
    expect(await allQueued(adopted)).toMatchObject([
      { id: rows[0]?.id, missing: [{ segment: 1, last: undefined }], nextAttempt: 2 },
    ]);
  });

  it('goes through more messages than one window, and starts at the floor', async () => {
    const { lost, rows } = await victim(500);
    for (let i = 0; i < 12; i++) {
      const more = Array.from({ length: 500 }, () => submit(lost, (rows[0] as AcceptRow).account));
      await writeAccept(lost.client, lost.epoch, lost.nextBatch(), more);
      rows.push(...more);
    }
    const floor = (rows[200] as AcceptRow).id;
    await renewEpoch(lost.client, lost.epoch, Date.now(), {
      queueFloor: floor,
      checkpointMs: Date.now(),
    });
    const queued = await allQueued(await bury(lost));
    expect(queued.map((one) => one.id)).toEqual(rows.slice(200).map((row) => row.id));
  });

  it('gives the messages to the next adopter when the first dies before it has them', async () => {
    const { lost, rows } = await victim(3);
    const middle = await startNode(database.url);
    await lost.end();
    await node.client.query(
      "update node_epoch set valid_until = now() - interval '1 s' where epoch = $1",
      [lost.epoch],
    );
    while (!(await adoptEpoch(middle.client, lost.epoch, middle.epoch)));
    await bury(middle);
    const adopted = (await adoptedEpochs(node.client, node.epoch)).find(
      (one) => one.epoch === lost.epoch,
    );
    expect(adopted).toBeDefined();
    if (adopted !== undefined) expect(await allQueued(adopted)).toHaveLength(rows.length);
    await finishRecovery(node.client, lost.epoch, node.epoch, {
      queueFloor: (rows[0] as AcceptRow).id,
      checkpointMs: 0,
    });
    expect((await adoptedEpochs(node.client, node.epoch)).map((one) => one.epoch)).not.toContain(
      lost.epoch,
    );
  });
});

describe('unreturnedOf', () => {
  it('returns what was settled since the checkpoint, wants a receipt, and has none stored', async () => {
    const { lost, rows } = await victim(3);
    const [open, returned, waiting] = rows as [AcceptRow, AcceptRow, AcceptRow];
    const none = submit(lost, open.account, { registeredDelivery: 0 });
    await writeAccept(lost.client, lost.epoch, lost.nextBatch(), [none]);
    await writeSettle(
      lost.client,
      lost.epoch,
      lost.nextBatch(),
      [...rows, none].map((row) => end(row)),
    );
    await writeReturned(lost.client, lost.nextBatch(), [
      { id: returned.id, status: 0, atMs: Date.now() },
    ]);
    await lost.client.query(
      `insert into outbox_waiting (account, ord, id, kind, recipient, due_at)
       select account, 1, id, 0, recipient_key(destination_hash), now() from message where id = $1`,
      [waiting.id],
    );
    const adopted = await bury(lost);
    expect(await allUnreturned(adopted)).toEqual([open.id]);
    expect(await allUnreturned({ ...adopted, checkpointMs: Date.now() + 1000 })).toEqual([]);
  });

  it('reads in pages without holding a transaction open', async () => {
    const { lost, rows } = await victim(500);
    for (let i = 0; i < 4; i++) {
      const more = Array.from({ length: 500 }, () => submit(lost, (rows[0] as AcceptRow).account));
      await writeAccept(lost.client, lost.epoch, lost.nextBatch(), more);
      rows.push(...more);
    }
    for (let i = 0; i < rows.length; i += 500)
      await writeSettle(
        lost.client,
        lost.epoch,
        lost.nextBatch(),
        rows.slice(i, i + 500).map((row) => end(row)),
      );
    const adopted = await bury(lost);
    const sizes: number[] = [];
    for await (const page of unreturnedOf(node.client, adopted)) {
      sizes.push(page.length);
      const { rows: open } = await node.client.query(
        "select from pg_stat_activity where state like 'idle in transaction%' and datname = current_database()",
      );
      expect(open).toHaveLength(0);
    }
    expect(sizes).toEqual([2000, 500]);
  });
});

describe('dueUnknown', () => {
  it('returns an unknown outcome once the wait that began with the rebind is over', async () => {
    const { lost, rows } = await victim(2);
    const [first] = rows as [AcceptRow];
    await takeLease(lost.client, lost.epoch, first.carrier, keysOf(rows), leases++);
    await bury(lost);
    await unknownOf(node.client, lost.epoch, node.epoch);
    const now = Date.now();
    const ids = new Set(rows.map((row) => row.id));
    const due = async (at: number) =>
      (await dueUnknown(node.client, node.epoch, at, 1000)).filter((one) => ids.has(one.id));
    expect(await due(now + 3_600_000)).toEqual([]);
    await startUnknownWait(node.client, node.epoch, first.carrier, now + 30_000);
    expect(await startUnknownWait(node.client, node.epoch, first.carrier, now + 90_000)).toBe(0);
    expect(await due(now + 29_000)).toEqual([]);
    expect((await due(now + 30_000)).map((one) => one.id)).toEqual(rows.map((row) => row.id));
    const open = [];
    for (
      let page = await openUnknown(node.client, [first.carrier], 1);
      page[0] !== undefined;
      page = await openUnknown(node.client, [first.carrier], 1, page[0])
    )
      open.push(page[0].id);
    expect(open.filter((id) => ids.has(id))).toEqual(rows.map((row) => row.id));
  });
});

describe('writeSettle after adoption', () => {
  it('is refused for the dead epoch and allowed for the adopter', async () => {
    const { lost, rows } = await victim(1);
    const [row] = rows as [AcceptRow];
    const back = await startNode(database.url);
    await bury(lost);
    const refund = end(row, { refund: credits(50_000n) });
    await expect(
      writeSettle(back.client, lost.epoch, back.nextBatch(), [refund]),
    ).rejects.toMatchObject({ code: 'SG001' });
    expect(await writeSettle(node.client, node.epoch, node.nextBatch(), [refund])).toEqual([1]);
    await back.end();
  });
});
