import type { Client } from 'pg';
import type { Session } from 'smpp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectStore } from '../../src/store/pool.ts';
import { eventually, TestGateway } from '../support/gateway.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import { Esme } from './esme.ts';
import { resources } from './resources.ts';
import { ScriptedCarrier, type TakenSubmit } from './scripted-carrier.ts';

let database: TestDatabase;
let carrier: ScriptedCarrier;
let one: TestGateway;
let two: TestGateway;
/** The carrier's session to each node. */
let sessions: [Session, Session];
/** Holds locks, so that one side's transaction waits while the other's goes on. */
let holder: Client;
let esme: Esme;

beforeAll(async () => {
  database = await createDatabase();
  carrier = await ScriptedCarrier.listen();
  one = await TestGateway.start(
    resources({
      accounts: { alice: {} },
      carriers: { main: { port: carrier.port, prefix: '', binds: 1 } },
    }),
    database,
  );
  await eventually(() => expect(carrier.sessions.size).toBe(1));
  const [ofOne] = carrier.sessions;
  two = await one.beside();
  await eventually(() => expect(carrier.sessions.size).toBe(2));
  const ofTwo = [...carrier.sessions].find((session) => session !== ofOne);
  if (ofOne === undefined || ofTwo === undefined) throw new Error('a session each');
  sessions = [ofOne, ofTwo];
  holder = await connectStore({ url: database.url, applicationName: 'holder' });
  esme = await Esme.bind(one.port, { systemId: 'alice' });
  carrier.onSubmit = () => {};
});

afterAll(async () => {
  await esme?.close();
  await holder?.end();
  await two?.close();
  await one?.close();
  await carrier?.down();
});

/** Writers of a table wait until this is called; readers do not. */
async function hold(table: 'parked_receipt' | 'dispatch'): Promise<() => Promise<void>> {
  await holder.query('begin');
  await holder.query(`lock table ${table} in share row exclusive mode`);
  return async () => {
    await holder.query('commit');
  };
}

/** Waits until a transaction waits for a lock that is held. */
async function waiting(): Promise<void> {
  await eventually(async () => {
    const [row] = await one.sql<{ n: number }>(
      `select count(*)::int as n from pg_stat_activity
       where datname = current_database() and wait_event_type = 'Lock'`,
    );
    expect(row?.n).toBeGreaterThan(0);
  });
}

async function taken(n: number): Promise<{ id: string; submit: TakenSubmit }> {
  const to = `1202555010${n}`;
  const id = await esme.accepted({ destination_addr: to });
  const [submit] = await carrier.taken(1, to);
  if (submit === undefined) throw new Error('taken');
  return { id, submit };
}

describe.each([
  ['the same node', 0],
  ['another node', 1],
] as const)('a receipt that comes to %s before its submit_sm_resp', (_where, node) => {
  it('is matched when it is being parked while the answer is stored', async () => {
    const { id, submit } = await taken(node * 2);
    const release = await hold('parked_receipt');
    const answered = carrier.receipt(submit, { session: sessions[node] });
    await waiting();
    carrier.accept(submit);
    await eventually(async () => expect(await one.dispatches(id)).toHaveLength(1));
    await release();
    expect(await answered).toBe(0);
    await one.ended(id, { state: 'DELIVRD' });
    await esme.receiptOf(id);
  });

  it('is matched when the answer is being stored while it is parked', async () => {
    const { id, submit } = await taken(node * 2 + 1);
    const release = await hold('dispatch');
    carrier.accept(submit);
    await waiting();
    // In the memory of the first node the answer is there already.
    const answered = carrier.receipt(submit, { session: sessions[node] });
    if (node === 1) {
      expect(await answered).toBe(0);
      expect(await one.end(id)).toMatchObject({ state: undefined });
    }
    await release();
    expect(await answered).toBe(0);
    await one.ended(id, { state: 'DELIVRD' });
    await esme.receiptOf(id);
  });
});

describe('each early receipt', () => {
  it('counts once', async () => {
    // The sweep of one node may find it at the moment when the other does: the second is a repetition, no more.
    expect(await one.sql(`select kind from receipt_note where kind <> 'repeated'`)).toEqual([]);
    expect(esme.receipts).toHaveLength(4);
    await one.reconciled();
  });
});
