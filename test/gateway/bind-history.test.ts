import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Session } from '../../src/session/session.ts';
import { type BindRecord, listBinds, pruneBinds } from '../../src/store/bind-history.ts';
import { databaseNow } from '../../src/store/partitions.ts';
import { connectStore } from '../../src/store/pool.ts';
import { eventually, TestGateway } from '../support/gateway.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import { Esme } from './esme.ts';
import { resources } from './resources.ts';
import { ScriptedCarrier } from './scripted-carrier.ts';

let carrier: ScriptedCarrier;
let database: TestDatabase;
let gateway: TestGateway;

beforeAll(async () => {
  carrier = await ScriptedCarrier.listen();
  database = await createDatabase();
  gateway = await TestGateway.start(
    resources({
      accounts: { acme: {}, flap: { bind: { bindsMax: 2 } } },
      carriers: { sim: { port: carrier.port, prefix: '', binds: 1 } },
    }),
    database,
  );
});
afterAll(async () => {
  await gateway.close();
  await carrier.down();
});

function history(peer?: string): Promise<BindRecord[]> {
  const [from, until] = [new Date(Date.now() - 3_600_000), new Date(Date.now() + 3_600_000)];
  return listBinds(gateway.pool, { side: undefined, peer, from, until, limit: 3_000 });
}

/** What the book reads of a session. */
function madeUp(n: number): Session {
  const session: Partial<Session> = {
    id: 1_000_000 + n,
    peerAddress: '192.0.2.9',
    peerPort: 1_024 + n,
    boundAs: 'receiver',
    interfaceVersion: 0x34,
    isTls: false,
    submits: 0,
    delivers: 0,
  };
  return session as Session;
}

describe('BindBook', () => {
  it('writes a session when it is bound, and its end with what it carried', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'acme', version: 0x50 });
    const [live] = await eventually(async () => {
      const rows = await history('acme');
      expect(rows).toHaveLength(1);
      return rows;
    });
    expect(live).toMatchObject({
      kind: 'session',
      side: 'customer',
      account: 'acme',
      address: '127.0.0.1',
      boundAs: 'transceiver',
      version: 0x50,
      tls: false,
      endedAt: null,
      reason: null,
      node: 'test',
    });
    await esme.submit({});
    await esme.submit({ destination_addr: 'x' }); // refused, and carried all the same
    await eventually(() =>
      expect(esme.receipts.length + carrier.submits.length).toBeGreaterThan(0),
    );
    expect(
      [...gateway.node.gateway.bindBook.live].map(({ peer, live: { submits } }) => [peer, submits]),
    ).toEqual(
      expect.arrayContaining([
        ['acme', 2],
        ['sim', 1],
      ]),
    );
    await esme.close();
    await eventually(async () => {
      const [ended] = await history('acme');
      expect(ended).toMatchObject({ reason: 'peerUnbound', submits: 2 });
      expect(ended?.endedAt?.getTime()).toBeGreaterThanOrEqual(ended?.at.getTime() ?? 0);
    });
  });

  it('says that a customer was cut off, and that a carrier is bound', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'flap', as: 'receiver' });
    await esme.cut();
    await eventually(async () => {
      expect(await history('flap')).toMatchObject([
        { boundAs: 'receiver', endedAt: expect.any(Date) },
      ]);
      expect(await history('sim')).toMatchObject([
        { side: 'carrier', account: null, boundAs: 'transceiver', endedAt: null },
      ]);
    });
    expect(['peerClosed', 'socketError']).toContain((await history('flap'))[0]?.reason);
  });

  it('counts refused binds by minute, address and name, and names of nobody as one', async () => {
    const attempt = async (systemId: string, password?: string): Promise<void> => {
      const { esme, response } = await Esme.tryBind(gateway.port, {
        systemId,
        ...(password !== undefined && { password }),
      });
      expect(response.command_status).not.toBe(0);
      await esme.close();
    };
    for (const name of ['admin', 'root', 'test', 'guest']) await attempt(name);
    await attempt('acme', 'wrong');
    await attempt('acme', 'wronger');
    await eventually(async () => {
      const counts = (await history()).filter((row) => row.kind === 'count');
      const totals = Map.groupBy(counts, (row) => `${row.peer} ${row.address} ${row.reason}`);
      const sums = [...totals].map(([key, rows]) => [
        key,
        rows.reduce((sum, row) => sum + row.count, 0),
      ]);
      expect(sums.toSorted()).toEqual([
        ['- 127.0.0.1 password', 4],
        ['acme 127.0.0.1 password', 2],
      ]);
    });
  });

  it('keeps what it cannot write until it can', async () => {
    await gateway.sql('alter table bind_session rename to bind_session_gone');
    const esme = await Esme.bind(gateway.port, { systemId: 'flap', as: 'transmitter' });
    await eventually(() =>
      expect(gateway.reports.map(({ args }) => args[1])).toContain('bindHistoryNotWritten'),
    );
    await esme.close();
    await gateway.sql('alter table bind_session_gone rename to bind_session');
    await eventually(async () => {
      const [row] = await history('flap');
      expect(row).toMatchObject({ boundAs: 'transmitter', reason: 'peerUnbound' });
    });
  });

  it('counts the binds of a peer that binds again and again once they are many', async () => {
    const { bindBook } = gateway.node.gateway;
    const before = (await history('sim')).length;
    // The real thing would take 1,900 connections: the book is told what their sessions would tell it.
    for (let n = 0; n < 1_900; n++) {
      const session = madeUp(n);
      bindBook.bound('customer', 'flap', session);
      bindBook.ended(session, { kind: 'peerUnbound', detail: '', status: undefined });
    }
    await bindBook.flush();
    const rows = await history('flap');
    const counted = rows
      .filter((row) => row.kind === 'count')
      .reduce((sum, row) => sum + row.count, 0);
    const listed = rows.filter((row) => row.kind === 'session').length;
    expect(counted + listed).toBe(1_902);
    // 600 a minute, and a minute may end meanwhile.
    expect(listed).toBeLessThanOrEqual(1_202);
    expect(rows.find((row) => row.kind === 'count')).toMatchObject({ reason: 'bound' });
    expect((await history('sim')).length).toBe(before);
  });

  it('cannot be filled by guesses from many addresses', async () => {
    const { bindBook } = gateway.node.gateway;
    for (let n = 0; n < 30_000; n++)
      bindBook.refused('customer', '-', `2001:db8::${n.toString(16)}`, 'password');
    await bindBook.flush();
    const [all] = await gateway.sql<{ rows: number; count: number }>(
      `select count(*)::int as rows, sum(count)::int as count from bind_count
       where address = '*' or address like '2001:db8::%'`,
    );
    expect(all?.count).toBe(30_000);
    // 1,000 a minute, and a minute may end meanwhile.
    expect(all?.rows).toBeLessThanOrEqual(2_004);
    expect(bindBook.lost).toBe(0);
  });

  it('ends the sessions of a node that is no more, and forgets after 90 days', async () => {
    const [row] = await gateway.sql<{ epoch: number }>(
      `insert into node_epoch (number, name, valid_until, closed, id_limit_ms)
       values (1000, 'gone', now() - interval '1 minute', true, 0) returning epoch`,
    );
    await gateway.sql(
      `insert into bind_session (epoch, session, side, peer, address, port, bound_as, version, tls, bound_at, ended_at)
       values ($1, 1, 0, 'ghost', '192.0.2.1', 1, 'receiver', 52, true, now() - interval '1 hour', null),
         ($1, 2, 0, 'ghost', '192.0.2.1', 1, 'receiver', 52, true, now() - interval '91 days', now() - interval '90 days 1 hour')`,
      [row?.epoch],
    );
    const client = await connectStore({ url: database.url, applicationName: 'test' });
    try {
      await pruneBinds(client, await databaseNow(client));
    } finally {
      await client.end();
    }
    const ghosts = await gateway.sql<{ session: bigint; reason: string }>(
      "select session, reason from bind_session where peer = 'ghost'",
    );
    expect(ghosts).toEqual([{ session: 1n, reason: 'nodeLost' }]);
    const [alive] = await history('sim');
    expect(alive?.endedAt).toBeNull();
  });

  it('writes the last ends before the node is gone', async () => {
    await Esme.bind(gateway.port, { systemId: 'acme' });
    await gateway.drain();
    expect(await gateway.sql('select from bind_session where ended_at is null')).toEqual([]);
    const [acme] = await history('acme');
    expect(acme).toMatchObject({ reason: 'unbound' });
    const [sim] = await history('sim');
    expect(sim).toMatchObject({ reason: 'unbound', submits: 1 });
  });
});
