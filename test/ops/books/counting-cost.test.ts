import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileCatalog } from '../../../src/domain/compile-catalog.ts';
import type { AccountId } from '../../../src/domain/ids.ts';
import { Counter } from '../../../src/ops/books/counter.ts';
import { Traits } from '../../../src/ops/books/traits.ts';
import { encodeOne, PduWriter } from '../../../src/smpp/codec.ts';
import { type AcceptRow, writeAccept } from '../../../src/store/accept.ts';
import { ContentKeys } from '../../../src/store/content-keys.ts';
import { createStorePool } from '../../../src/store/pool.ts';
import { loadResources } from '../../../src/store/resource-rows.ts';
import { Sealing } from '../../../src/store/sealing.ts';
import { writeSent } from '../../../src/store/sent.ts';
import { writeSettle } from '../../../src/store/settle.ts';
import { GroupIds } from '../../../src/store/traffic-groups.ts';
import { submitSm } from '../../session/support.ts';
import { end, openAccount, sent, startNode, submit, type TestNode } from '../../store/fixtures.ts';
import { createDatabase } from '../../support/postgres.ts';

/*
 * What counting costs beside the traffic, in CPU: `npx vitest run test/ops/books/counting-cost.test.ts` prints it.
 */
const MESSAGES = 10_000;
const BATCH = 100;
const SENDERS = 50;

let database: Awaited<ReturnType<typeof createDatabase>>;
let pool: ReturnType<typeof createStorePool>;
let node: TestNode;
let books: TestNode;
let counter: Counter;
let keys: ContentKeys;
const accounts: AccountId[] = [];
beforeAll(async () => {
  database = await createDatabase();
  pool = createStorePool({ url: database.url, applicationName: 'test' });
  node = await startNode(database.url);
  books = await startNode(database.url);
  const compiled = compileCatalog(await loadResources(pool));
  const catalog = () => compiled;
  const sealing = new Sealing([Buffer.alloc(32, 7)], randomBytes);
  keys = new ContentKeys({ pool, sealing, random: randomBytes });
  counter = new Counter(new Traits({ catalog, keys, networkOf: () => undefined }), catalog);
  for (let n = 0; n < 3; n++) accounts.push(await openAccount(node.client, 10_000_000_000n));
  await node.client.query(
    `create or replace function books_horizon() returns timestamptz language sql volatile as
       $$ select clock_timestamp() + interval '1 hour' $$`,
  );
});
afterAll(async () => {
  await node.end();
  await books.end();
  await pool.end();
  await database.drop();
});

/** Accepts, sends and ends messages of fifty senders. @param groupOf 0: not known at accept */
async function traffic(groupOf: (account: AccountId, sender: string) => number): Promise<void> {
  const writer = new PduWriter();
  const rows: AcceptRow[] = [];
  for (let n = 0; n < MESSAGES; n++) {
    const account = accounts[n % accounts.length] as AccountId;
    const sender = `Shop${n % SENDERS}`;
    const key = await keys.ensure(account, Date.now());
    const pdu = { ...submitSm(), source_addr: sender, destination_addr: `9665${n + 1e7}` };
    const row = submit(node, account);
    const content = keys.seal(key, row.id, 0, encodeOne(pdu, writer));
    rows.push({ ...row, contentKey: key.id, content, group: groupOf(account, sender) });
  }
  const { client, epoch } = node;
  for (let n = 0; n < rows.length; n += BATCH) {
    const page = rows.slice(n, n + BATCH);
    await writeAccept(client, epoch, node.nextBatch(), page);
    const taken = page.map(({ id }) => sent(id));
    await writeSent(client, epoch, node.nextBatch(), taken, []);
    const ended = page.map((row) => end(row));
    await writeSettle(client, epoch, node.nextBatch(), ended);
  }
  await client.query('analyze');
}

/** Ticks of 10 ms that a process had the CPU; undefined: it runs elsewhere. */
function cpuOf(pid: number): number | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
    return Number(fields[11]) + Number(fields[12]);
  } catch {
    return undefined;
  }
}

/** CPU of this process and of its PostgreSQL backend, in us a message. */
async function costOf(work: () => Promise<boolean>): Promise<{ node: number; store: number }> {
  const { rows } = await books.client.query<{ pid: number }>('select pg_backend_pid() as pid');
  const pid = rows[0]?.pid ?? 0;
  const before = { own: process.cpuUsage(), store: cpuOf(pid) };
  while (await work());
  const { user, system } = process.cpuUsage(before.own);
  const ticks = (cpuOf(pid) ?? Number.NaN) - (before.store ?? Number.NaN);
  return { node: (user + system) / MESSAGES, store: (ticks * 10_000) / MESSAGES };
}

const counted = async () =>
  (
    await books.client.query(
      `select g.account, g.sender, u.messages, u.segments, u.charged from usage_day u join traffic_group g on g.id = u.grp
       order by 1, 2`,
    )
  ).rows;

describe('Counter', () => {
  it('adds up messages whose group accept knew at a fraction of what reading their content takes', async () => {
    await traffic(() => 0);
    const read = await costOf(() => counter.countMessages(books.client));
    const ends = await costOf(() => counter.countEnds(books.client));
    const byContent = await counted();
    // That nothing more can come for an hour was the test's word only.
    await books.client.query(
      `update job set value = case name when 'books-messages' then (select max(id) from message)
         else (extract(epoch from clock_timestamp()) * 1000000)::bigint end where name in ('books-messages', 'books-ends')`,
    );
    await books.client.query('delete from usage_day');
    const { rows } = await books.client.query<{ id: number; account: AccountId; sender: string }>(
      'select id, account, sender from traffic_group',
    );
    const ids = new Map(rows.map(({ id, account, sender }) => [`${account}/${sender}`, id]));
    await traffic((account, sender) => ids.get(`${account}/${sender}`) ?? 0);
    const added = await costOf(() => counter.countMessages(books.client));
    const addedEnds = await costOf(() => counter.countEnds(books.client));
    console.log('us a message', { read, ends, added, addedEnds });
    expect(await counted()).toEqual(byContent);
    // A thirtieth mostly; one collection of garbage is a fifth.
    expect(added.node).toBeLessThan(read.node / 3);
    // Ticks of 10 ms: too coarse for a ratio.
    if (Number.isFinite(added.store)) expect(added.store).toBeLessThan(read.store);
  });
});

describe('GroupIds', () => {
  it('finds a known group in less than a microsecond, on a machine whose Maps find a word in a thirtieth of that', async () => {
    const groups = new GroupIds();
    const wanted = Array.from({ length: 1_000 }, (_, n) => ({
      ...{ account: 1, class: 'transactional', sender: `Shop${n}`, prefix: '9665', network: '' },
    }));
    const made = await groups.of(books.client, wanted);
    const senders = wanted.map(({ sender }) => sender);
    const rounds = 300_000;
    const round = () => {
      let sum = 0;
      for (let n = 0; n < rounds; n++)
        sum += groups.find(1, 'transactional', senders[n % 1_000] ?? '', '9665', '') ?? 0;
      return sum;
    };
    const words = new Map(senders.map((sender, n) => [sender, made[n] ?? 0]));
    const ofWords = () => {
      let sum = 0;
      for (let n = 0; n < rounds; n++) sum += words.get(senders[n % 1_000] ?? '') ?? 0;
      return sum;
    };
    const costOfRound = (measured: () => number) => {
      const start = process.cpuUsage();
      expect(measured()).toBe(made.reduce((a, b) => a + b, 0) * (rounds / 1_000));
      const { user, system } = process.cpuUsage(start);
      return (user + system) / rounds;
    };
    costOfRound(round);
    costOfRound(ofWords);
    const [found, word] = [costOfRound(round), costOfRound(ofWords)];
    console.log('us a look-up', found, 'of a word', word);
    expect(found).toBeLessThan(30 * word);
  });
});
