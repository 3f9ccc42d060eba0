import type { Client } from 'pg';
import type {
  LedgerBalance,
  LedgerBook,
  LedgerDispatch,
  LedgerEntry,
  LedgerMessage,
  LedgerUnknown,
} from './books.ts';

/** message_state (SMPP 5.0 §4.7.15) and the fault classes in the order in which the store numbers them: written here anew, so that the judge shares no table with the gateway. */
const states = [
  'SCHEDULED',
  'ENROUTE',
  'DELIVRD',
  'EXPIRED',
  'DELETED',
  'UNDELIV',
  'ACCEPTD',
  'UNKNOWN',
  'REJECTD',
  'SKIPPED',
];
const faults = ['none', 'platform', 'carrier', 'recipient', 'customer', 'unknown'];

/** Reads the third book by plain SQL, all of it in one snapshot. Some hundred octets of memory a message. */
export async function readLedgerBook(client: Client): Promise<LedgerBook> {
  await client.query('begin isolation level repeatable read read only');
  try {
    return {
      messages: await readMessages(client),
      dispatches: await readDispatches(client),
      unknown: await readUnknown(client),
      entries: await readEntries(client),
      balances: await readBalances(client),
    };
  } finally {
    await client.query('rollback');
  }
}

async function readMessages(client: Client): Promise<LedgerMessage[]> {
  const { rows } = await client.query<(string | null)[]>({
    rowMode: 'array',
    text: `select m.id::text, coalesce(m.customer_id, m.id::text), a.name, m.unit_price::text, m.segments::text,
        m.charge_on::text, o.state::text, o.fault::text, o.cause::text, o.refund::text, o.charge::text, o.release::text
      from message m join account a on a.id = m.account left join outcome o on o.id = m.id`,
  });
  return rows.map((row) => {
    const [id, customerId, account, unitPrice, segments, chargeOn, state, ...rest] = row;
    const [fault, cause, refund, charge, release] = rest;
    const message: LedgerMessage = {
      id: id ?? '',
      customerId: customerId ?? '',
      account: account ?? '',
      unitPrice: BigInt(unitPrice ?? 0),
      segments: Number(segments),
      chargeOnDelivery: chargeOn === '1',
    };
    if (state === null || state === undefined) return message;
    message.outcome = {
      state: states[Number(state)] ?? state,
      fault: faults[Number(fault)] ?? String(fault),
      cause: cause ?? '',
      refund: BigInt(refund ?? 0),
      charge: BigInt(charge ?? 0),
      release: BigInt(release ?? 0),
    };
    return message;
  });
}

async function readDispatches(client: Client): Promise<Map<string, LedgerDispatch[]>> {
  const { rows } = await client.query<[string, string | null, number, number]>({
    rowMode: 'array',
    text: 'select id::text, upstream_id, status, attempt from dispatch order by id, attempt',
  });
  const byId = new Map<string, LedgerDispatch[]>();
  for (const [id, upstreamId, status, attempt] of rows) {
    add(byId, id, { upstreamId, status, attempt });
  }
  return byId;
}

async function readUnknown(client: Client): Promise<Map<string, LedgerUnknown[]>> {
  const { rows } = await client.query<[string, number, Date, Date | null, string | null]>({
    rowMode: 'array',
    text: 'select id::text, attempt, since, resolved_at, resolution from unknown_outcome order by id, attempt',
  });
  const byId = new Map<string, LedgerUnknown[]>();
  for (const [id, attempt, since, resolvedAt, resolution] of rows) {
    add(byId, id, {
      attempt,
      since: since.getTime(),
      resolvedAt: resolvedAt?.getTime() ?? null,
      resolution,
    });
  }
  return byId;
}

async function readEntries(client: Client): Promise<LedgerEntry[]> {
  const { rows } = await client.query<
    [string, number, string, string, string, string, string, string]
  >({
    rowMode: 'array',
    text: `select a.name, e.side, e.version::text, e.kind, e.amount::text, e.reserved_delta::text,
        e.credits_after::text, e.reserved_after::text
      from ledger_entry e join account a on a.id = e.account`,
  });
  return rows.map(([account, side, version, kind, amount, delta, credits, reserved]) => ({
    account,
    side,
    version: BigInt(version),
    kind,
    amount: BigInt(amount),
    reservedDelta: BigInt(delta),
    creditsAfter: BigInt(credits),
    reservedAfter: BigInt(reserved),
  }));
}

async function readBalances(client: Client): Promise<LedgerBalance[]> {
  const { rows } = await client.query<[string, number, string, string, string]>({
    rowMode: 'array',
    text: `select a.name, b.side, b.credits::text, b.reserved::text, b.version::text
      from balance b join account a on a.id = b.account`,
  });
  return rows.map(([account, side, credits, reserved, version]) => ({
    account,
    side,
    credits: BigInt(credits),
    reserved: BigInt(reserved),
    version: BigInt(version),
  }));
}

function add<Value>(map: Map<string, Value[]>, key: string, value: Value): void {
  const known = map.get(key);
  if (known) known.push(value);
  else map.set(key, [value]);
}
