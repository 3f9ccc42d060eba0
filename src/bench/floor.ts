import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import {
  byteaArray,
  int2Array,
  int4Array,
  int8Array,
  textArray,
  timestampArray,
} from './binary-arrays.ts';
import { Pipe } from './pipe.ts';

/** Settings of a floor run. */
export interface FloorOptions {
  /** Folder of the server's unix socket, or a host name. */
  host: string;
  port?: number;
  user: string;
  password?: string;
  messages: number;
  accounts: number;
}

/** What it came to. */
export interface FloorResult {
  messages: number;
  elapsedMs: number;
  /** Whole lifecycles a second: accepted, leased, sent, settled and returned. */
  perSecond: number;
}

/** The gateway's lanes close a batch at so many messages (design.md). */
const batchSize = 500;
/** Batches that may wait between two lanes: accept holds while the next is that far behind. */
const batchesBetween = 2;
/** Octets of a sealed content: number, sender, 60 octets of text, and what AES-GCM adds. */
const contentOctets = 120;
const unitPrice = 50_000n;
/** Message ids count milliseconds from here (design.md, Identity). */
const idEpochMs = 1_735_689_600_000;

/**
 * The same batches of the same rows through the same SQL functions into the
 * same PostgreSQL server, with no SMPP and next to no work in between: what
 * the database alone allows on this machine at this moment. In a database of
 * its own, dropped afterwards, so that the ledger under test stays clean.
 */
export async function measureFloor(options: FloorOptions): Promise<FloorResult> {
  const name = `smppgate_floor_${process.pid}`;
  const admin = await connect(options, 'postgres');
  try {
    await admin.query(`create database ${name}`);
    try {
      return await runFloor(options, name);
    } finally {
      await admin.query(`drop database ${name} with (force)`);
    }
  } finally {
    await admin.end();
  }
}

/** One batch on its way through the lanes, its arrays made once. */
interface Batch {
  ids: Buffer;
  accounts: Buffer;
  lease: bigint;
}

async function runFloor(options: FloorOptions, database: string): Promise<FloorResult> {
  const clients = await Promise.all(Array.from({ length: 5 }, () => connect(options, database)));
  const [accept, lease, sent, settle, returned] = clients;
  if (!accept || !lease || !sent || !settle || !returned) throw new Error('five connections');
  try {
    await migrate(accept);
    const floor = new Floor(await prepare(accept, options.accounts));
    const [leasing, sending, settling, returning] = [0, 1, 2, 3].map(
      () => new Pipe<Batch>(batchesBetween),
    );
    if (!leasing || !sending || !settling || !returning) throw new Error('four pipes');
    const startedAt = performance.now();
    await Promise.all([
      floor.accept(accept, options.messages, leasing),
      floor.lane(leasing, (batch) => floor.lease(lease, batch), sending),
      floor.lane(sending, (batch) => floor.sent(sent, batch), settling),
      floor.lane(settling, (batch) => floor.settle(settle, batch), returning),
      floor.lane(returning, (batch) => floor.returned(returned, batch)),
    ]);
    const elapsedMs = performance.now() - startedAt;
    const messages = Math.ceil(options.messages / batchSize) * batchSize;
    return { messages, elapsedMs, perSecond: Math.round((messages / elapsedMs) * 1000) };
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
}

/** Who the floor's rows belong to. */
interface FloorWorld {
  epoch: number;
  accounts: number[];
}

class Floor {
  readonly #world: FloorWorld;
  #nextBatch = 1n;
  #lastMs = 0;
  // The columns that are the same in every batch are encoded once.
  readonly #ones = int2Array(filled(1));
  readonly #zeros = int2Array(filled(0));
  readonly #int4Ones = int4Array(filled(1));
  readonly #int4Zeros = int4Array(filled(0));
  readonly #parts = int4Array(filled(1 * 256 + 1)); // attempt 1, segment 1
  readonly #noMoney = int8Array(filled(0n));
  readonly #prices = int8Array(filled(unitPrice));
  readonly #delivered = int2Array(filled(2)); // message_state DELIVERED
  readonly #causes = textArray(filled('receipt'));
  readonly #noIds = textArray(filled(null));
  readonly #validUntil = timestampArray(filled(Date.now() + 48 * 3_600_000));

  constructor(world: FloorWorld) {
    this.#world = world;
  }

  async accept(client: Client, messages: number, next: Pipe<Batch>): Promise<void> {
    const { epoch, accounts } = this.#world;
    for (let done = 0; done < messages; done += batchSize) {
      const batch: Batch = {
        ids: int8Array(this.#ids()),
        accounts: int4Array(filledBy((index) => accounts[index % accounts.length] ?? 0)),
        lease: 0n,
      };
      const random = randomBytes(batchSize * (16 + contentOctets));
      const hashes = filledBy((index) => random.subarray(index * 16, index * 16 + 16));
      const contents = filledBy((index) => {
        const from = batchSize * 16 + index * contentOctets;
        return random.subarray(from, from + contentOctets);
      });
      await client.query({
        name: 'accept',
        text: `select accept_messages($1, $2, $3::int8[], $4::int4[], $5::int4[], $6::text[], $7::int4[], $8::int2[],
          $9::int2[], $10::int8[], $11::int4[], $12::int4[], $13::int4[], $14::int2[], $15::int2[],
          $16::timestamptz[], $17::bytea[], $18::int4[], $19::bytea[], $20::int4[])`,
        values: [
          epoch,
          this.#nextBatch++,
          batch.ids,
          batch.accounts,
          this.#int4Ones, // bind
          this.#noIds,
          this.#int4Ones, // carrier
          this.#ones, // lane
          this.#ones, // segments
          this.#prices,
          this.#int4Ones, // versions of tariff, policy, terms
          this.#int4Ones,
          this.#int4Ones,
          this.#zeros, // charged on submit
          this.#ones, // registered_delivery
          this.#validUntil,
          byteaArray(hashes),
          this.#int4Ones, // content key
          byteaArray(contents),
          this.#int4Ones, // what usage counts it by
        ],
      });
      await next.put(batch);
    }
    next.close();
  }

  /** Runs `work` on one batch after the other and hands each on; ends when the one before has ended. */
  async lane(
    from: Pipe<Batch>,
    work: (batch: Batch) => Promise<void>,
    to?: Pipe<Batch>,
  ): Promise<void> {
    for (let batch = await from.take(); batch !== undefined; batch = await from.take()) {
      await work(batch);
      await to?.put(batch);
    }
    to?.close();
  }

  async lease(client: Client, batch: Batch): Promise<void> {
    batch.lease = this.#nextBatch++;
    await client.query({
      name: 'lease',
      text: 'select take_lease($1, $2, $3, $4::int8[], $5::int4[], null)',
      values: [this.#world.epoch, batch.lease, 1, batch.ids, this.#parts],
    });
  }

  async sent(client: Client, batch: Batch): Promise<void> {
    const first = BigInt(Date.now()) * 1000n;
    await client.query({
      name: 'sent',
      text: `select write_sent($1, $2, $3::int8[], $4::int2[], $5::int2[], $6::int4[], $7::text[], $8::int4[],
        $9::timestamptz[], $10::int8[])`,
      values: [
        this.#world.epoch,
        this.#nextBatch++,
        batch.ids,
        this.#ones,
        this.#ones,
        this.#int4Ones,
        textArray(filledBy((index) => String(first + BigInt(index)))),
        this.#int4Zeros,
        timestampArray(filled(Date.now())),
        int8Array([batch.lease]),
      ],
    });
  }

  async settle(client: Client, batch: Batch): Promise<void> {
    await client.query({
      name: 'settle',
      text: `select settle_messages($1, $2, $3::int8[], $4::int4[], $5::int4[], $6::int2[], $7::int2[], $8::int4[],
        $9::int8[], $10::int8[], $11::int8[], $12::timestamptz[], $13::text[])`,
      values: [
        this.#world.epoch,
        this.#nextBatch++,
        batch.ids,
        batch.accounts,
        this.#int4Ones,
        this.#delivered,
        this.#zeros,
        this.#int4Zeros,
        this.#noMoney,
        this.#noMoney,
        this.#noMoney,
        timestampArray(filled(Date.now())),
        this.#causes,
      ],
    });
  }

  async returned(client: Client, batch: Batch): Promise<void> {
    await client.query({
      name: 'returned',
      text: 'select write_returned($1, $2::int8[], $3::int4[], $4::timestamptz[])',
      values: [this.#nextBatch++, batch.ids, this.#int4Zeros, timestampArray(filled(Date.now()))],
    });
  }

  /** Ids as the gateway makes them: milliseconds, node 0, sequence. */
  #ids(): bigint[] {
    this.#lastMs = Math.max(this.#lastMs + 1, Date.now() - idEpochMs);
    const base = BigInt(this.#lastMs) << 22n;
    return filledBy((index) => base + BigInt(index));
  }
}

async function migrate(client: Client): Promise<void> {
  // sql/ lies beside src/ and beside dist/.
  const folder = fileURLToPath(new URL('../../sql/', import.meta.url));
  for (const file of readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .sort()) {
    await client.query(readFileSync(`${folder}${file}`, 'utf8'));
  }
}

async function prepare(client: Client, accounts: number): Promise<FloorWorld> {
  const made = await client.query<{ id: number }>(
    `insert into account (name, spec) select 'floor' || n, '{}' from generate_series(1, $1) n returning id`,
    [accounts],
  );
  const ids = made.rows.map(({ id }) => id);
  for (const id of ids) {
    await client.query(`select post_entry($1, 'top_up', $2, 0, 'floor')`, [id, '100000000000000']);
  }
  const { rows } = await client.query<{ epoch: number }>(
    `select epoch from take_epoch('floor', $1, interval '1 hour')`,
    [Date.now() + 3_600_000],
  );
  return { epoch: rows[0]?.epoch ?? 0, accounts: ids };
}

async function connect(options: FloorOptions, database: string): Promise<Client> {
  const { host, port, user, password } = options;
  const client = new Client({
    host,
    user,
    database,
    ...(port !== undefined && { port }),
    ...(password !== undefined && { password }),
  });
  client.on('error', () => {}); // the query under way rejects with it
  await client.connect();
  return client;
}

function filled<Value>(value: Value): Value[] {
  return new Array<Value>(batchSize).fill(value);
}

function filledBy<Value>(make: (index: number) => Value): Value[] {
  return Array.from({ length: batchSize }, (_, index) => make(index));
}
