import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectStore } from '../../src/store/pool.ts';
import { eventually, TestGateway } from '../support/gateway.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import { Esme } from './esme.ts';
import { resources } from './resources.ts';
import { ScriptedCarrier } from './scripted-carrier.ts';

/** In place of 30 s: longer than a batch takes on a busy machine. */
const RESPONSE_TIMEOUT_MS = 1_500;

let carrier: ScriptedCarrier;
let database: TestDatabase;
let gateway: TestGateway;
/** The accept lane's connection, and what its next one waits for. */
let accept: Client;
let reachable: Promise<void> = Promise.resolve();

beforeAll(async () => {
  carrier = await ScriptedCarrier.listen();
  database = await createDatabase();
  gateway = await TestGateway.start(
    resources({
      tariffs: { standard: { '*': '0.1' } },
      accounts: { acme: {}, other: {} },
      carriers: { sim: { port: carrier.port, prefix: '' } },
    }),
    database,
    {
      responseTimeoutMs: RESPONSE_TIMEOUT_MS,
      connect: async (name) => {
        if (name !== 'accept') return connectStore({ url: database.url, applicationName: name });
        await reachable;
        accept = await connectStore({ url: database.url, applicationName: name });
        return accept;
      },
    },
  );
});

afterAll(async () => {
  await gateway?.close();
  await carrier?.down();
});

/** Sessions of the accept lane of which this holds. */
async function accepting(condition: string): Promise<number> {
  const sessions = await gateway.sql(
    `select pid from pg_stat_activity
     where datname = current_database() and application_name = 'accept' and ${condition}`,
  );
  return sessions.length;
}

describe('a submit_sm whose commit stays in doubt', () => {
  it('is never answered: its session is closed after the response timeout, others live on, and it is sent once known', async () => {
    const [waiting, other] = await Promise.all(
      ['acme', 'other'].map((systemId) => Esme.bind(gateway.port, { systemId })),
    );
    if (waiting === undefined || other === undefined) throw new Error('bound');
    const blocker = new Client({ connectionString: database.url });
    await blocker.connect();
    await blocker.query('begin; lock table balance in exclusive mode');
    let release: () => void = () => {};
    reachable = new Promise((resolve) => {
      release = resolve;
    });
    const answer = waiting.submit({ short_message: 'in doubt' }).then(
      () => 'answered',
      () => 'closed unanswered',
    );
    await eventually(async () => expect(await accepting("wait_event_type = 'Lock'")).toBe(1));
    (
      accept as unknown as { connection: { stream: { destroy(): void } } }
    ).connection.stream.destroy();
    expect(await answer).toBe('closed unanswered');
    expect(other.closed).toBe(false);
    expect(carrier.submits).toHaveLength(0);

    await blocker.query('commit');
    await blocker.end();
    // Else the read-back may be first, and the batch can never commit.
    await eventually(async () => expect(await accepting('true')).toBe(0));
    release();
    await carrier.taken(1);
    await eventually(async () =>
      expect(await gateway.money('acme')).toEqual({ credits: '9.9', reserved: '0' }),
    );
    // On a busy machine an answer may take longer than these sessions wait for it.
    const later: Esme[] = [];
    await eventually(async () => {
      const esme = await Esme.bind(gateway.port, { systemId: 'other' });
      later.push(esme);
      expect((await esme.submit({})).command_status).toBe(0);
    });
    for (const esme of [other, ...later]) await esme.close();
  });
});
