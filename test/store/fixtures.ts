import type { Client } from 'pg';
import {
  type AccountId,
  accountId,
  type BatchId,
  batchId,
  bindId,
  type CarrierId,
  carrierId,
  type EpochId,
  type MessageId,
  MessageIdSequence,
} from '../../src/domain/ids.ts';
import { type Credits, credits } from '../../src/domain/money.ts';
import type { AcceptRow } from '../../src/store/accept.ts';
import { takeEpoch } from '../../src/store/epoch.ts';
import { connectStore } from '../../src/store/pool.ts';
import type { SentRow } from '../../src/store/sent.ts';
import type { SettleRow } from '../../src/store/settle.ts';

/** Stored small ints of domain/message-state.ts. */
export const DELIVRD = 2;
export const UNDELIV = 5;

/** One node of a test: its epoch, its ids and a connection. */
export interface TestNode {
  readonly client: Client;
  readonly epoch: EpochId;
  nextId(atMs?: number): MessageId;
  nextBatch(): BatchId;
  end(): Promise<void>;
}

let names = 0;

export async function connect(url: string): Promise<Client> {
  return connectStore({ url, applicationName: `test ${names++}` });
}

export async function startNode(url: string): Promise<TestNode> {
  const client = await connect(url);
  const taken = await takeEpoch(client, { name: 'test', nowMs: Date.now() });
  const ids = new MessageIdSequence(taken.number, taken.idFloorMs);
  const batches = new MessageIdSequence(taken.number, taken.idFloorMs);
  return {
    client,
    epoch: taken.epoch,
    nextId: (atMs = Date.now()) => ids.next(atMs),
    nextBatch: () => batchId(batches.next(Date.now())),
    end: () => client.end(),
  };
}

/** A further connection of the same node. */
export async function anotherLane(url: string, node: TestNode): Promise<TestNode> {
  const client = await connect(url);
  return { ...node, client, end: () => client.end() };
}

/** A new account with credit. */
export async function openAccount(client: Client, micro: bigint): Promise<AccountId> {
  const name = `account ${names++}`;
  const { rows } = await client.query<{ id: number }>(
    "insert into account (name, spec) values ($1, '{}') returning id",
    [name],
  );
  const id = accountId(rows[0]?.id ?? 0);
  if (micro > 0n) await client.query("select post_entry($1, 'top_up', $2)", [id, micro]);
  return id;
}

export function submit(
  node: TestNode,
  account: AccountId,
  change: Partial<AcceptRow> = {},
): AcceptRow {
  return {
    id: node.nextId(),
    account,
    bind: bindId(1),
    customerId: null,
    carrier: carrierId(1),
    lane: 1,
    segments: 1,
    unitPrice: credits(50_000n),
    tariffVersion: 1,
    policyVersion: 2,
    group: 0,
    termsVersion: 3,
    chargeOnDelivery: false,
    registeredDelivery: 1,
    validUntilMs: Date.now() + 3_600_000,
    destinationHash: Buffer.alloc(16, 7),
    contentKey: 1,
    content: Buffer.from('sealed'),
    releaseAtMs: 0,
    held: undefined,
    part: undefined,
    submitKey: undefined,
    knownUntilMs: 0,
    ...change,
  };
}

export function sent(id: MessageId, change: Partial<SentRow> = {}): SentRow {
  return {
    id,
    segment: 1,
    attempt: 1,
    carrier: carrierId(1),
    upstreamId: id.toString(16),
    status: 0,
    atMs: Date.now(),
    ...change,
  };
}

export function end(
  row: Pick<AcceptRow, 'id' | 'account'>,
  change: Partial<SettleRow> = {},
): SettleRow {
  return {
    id: row.id,
    account: row.account,
    carrier: carrierId(1) as CarrierId | null,
    state: DELIVRD,
    fault: 0,
    err: 0,
    refund: credits(0n),
    charge: credits(0n),
    release: credits(0n),
    doneAtMs: Date.now(),
    cause: 'receipt',
    ...change,
  };
}

/** Credits and reserved over both sides. */
export async function balanceOf(
  client: Client,
  account: AccountId,
): Promise<{ credits: Credits; reserved: Credits }> {
  const { rows } = await client.query(
    'select sum(credits)::int8 as credits, sum(reserved)::int8 as reserved from balance where account = $1',
    [account],
  );
  return { credits: credits(rows[0].credits), reserved: credits(rows[0].reserved) };
}

/** Accounts and sides whose entries do not sum up to the balance, or are not numbered without gaps. */
export async function mismatches(client: Client): Promise<unknown[]> {
  const { rows } = await client.query(`
    select b.account, b.side, b.credits, e.credits as entries, b.reserved, e.reserved as reserved_entries
    from balance b left join lateral (select coalesce(sum(amount), 0) as credits,
        coalesce(sum(reserved_delta), 0) as reserved, count(*) as n, coalesce(max(version), 0) as version
      from ledger_entry l where l.account = b.account and l.side = b.side) e on true
    where b.credits <> e.credits or b.reserved <> e.reserved or b.version <> e.n or b.version <> e.version
    union all
    select l.account, l.side, l.credits_after, l.running, l.reserved_after, l.running_reserved
    from (select *, sum(amount) over w as running, sum(reserved_delta) over w as running_reserved
      from ledger_entry window w as (partition by account, side order by version)) l
    where l.credits_after <> l.running or l.reserved_after <> l.running_reserved`);
  return rows;
}
