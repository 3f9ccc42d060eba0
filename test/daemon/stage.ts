import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { type CustomerBook, readCarrierBook, readCustomerBook } from '../../src/bench/books.ts';
import { judge } from '../../src/bench/judge.ts';
import { readLedgerBook } from '../../src/bench/ledger-book.ts';
import { startSimulatedCarrier } from '../../src/simulator/carrier.ts';
import type {
  SimulatedCarrier,
  SimulatedCarrierOptions,
} from '../../src/simulator/carrier-options.ts';
import { startSimulatedCustomer } from '../../src/simulator/customer.ts';
import type {
  SimulatedCustomer,
  SimulatedCustomerOptions,
} from '../../src/simulator/customer-options.ts';
import { ScriptedCarrier } from '../gateway/scripted-carrier.ts';
import { type DaemonSpec, freePort, TestDaemon, until } from '../support/daemon.ts';
import { type GuardedFolder, guardedFolder } from '../support/guard.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';

/** Price of a segment and opening credit of every account on a stage, in micro-credits. */
export const UNIT_PRICE = 50_000n;
export const OPENING_CREDIT = 1_000_000_000n;
/** A deliver_sm_resp that came at most so long before a kill may be unstored: a batch, its linger, a slow machine. */
const UNSTORED_MS = 5_000;

/** What a test may change of the resources. */
export interface StageResources {
  /** One system_id each, of the same name; the password is {@link PASSWORD}. */
  readonly accounts?: readonly string[];
  /** Of every bind, and of the bind of one account. */
  readonly bind?: Readonly<Record<string, unknown>>;
  readonly bindOf?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly carrier?: Readonly<Record<string, unknown>>;
  readonly terms?: Readonly<Record<string, unknown>>;
  readonly price?: string;
}

export const PASSWORD = 'secret';

/** Daemons on one database, a simulated carrier and customers, and the books that they keep. */
export class Stage {
  readonly folder: string;
  readonly databaseUrl: string | undefined;
  /** Where the carrier listens, over every restart. */
  readonly carrierPort: number;
  /** The carrier that is up. */
  carrier: SimulatedCarrier | undefined;
  readonly #guard: GuardedFolder;
  readonly #customers: SimulatedCustomer[] = [];
  /** File of a customer's book to its account. */
  readonly #books = new Map<string, string>();
  #nodes = 0;
  readonly #daemons: TestDaemon[] = [];
  readonly #scripted: ScriptedCarrier[] = [];
  #database: TestDatabase | undefined;

  /** A stage on a database of its own, which goes with it. */
  static async onDatabase(): Promise<Stage> {
    const database = await createDatabase();
    const stage = await Stage.open(database.url);
    stage.#database = database;
    return stage;
  }

  static async open(databaseUrl?: string): Promise<Stage> {
    return new Stage(guardedFolder(), databaseUrl, await freePort());
  }

  private constructor(guard: GuardedFolder, databaseUrl: string | undefined, carrierPort: number) {
    this.#guard = guard;
    this.folder = guard.path;
    this.databaseUrl = databaseUrl;
    this.carrierPort = carrierPort;
  }

  /** A resources file: accounts that may send everywhere, over the one carrier. */
  resources(changes: StageResources = {}): object {
    const { accounts = ['acme'], bind, bindOf, carrier, terms, price = '0.05' } = changes;
    return {
      tariffs: { flat: { '*': price } },
      terms: { standard: { chargeOn: 'submit', refundAutomatic: ['platform'], ...terms } },
      policies: { open: { rules: [] } },
      accounts: accounts.map((name) => ({
        name,
        tariff: 'flat',
        terms: 'standard',
        policy: 'open',
        credit: '1000',
        binds: [
          {
            systemId: name,
            password: PASSWORD,
            bindsMax: 20,
            segmentsPerSecond: 100_000,
            ...bind,
            ...bindOf?.[name],
          },
        ],
      })),
      carriers: [
        {
          name: 'sim',
          host: '127.0.0.1',
          port: this.carrierPort,
          systemId: 'gw',
          password: 'gw',
          binds: 2,
          windowMax: 100,
          ids: { response: 'decimal', receipt: 'decimal' },
          onUnknownOutcome: { waitSeconds: 1, then: 'resend' },
          ...carrier,
        },
      ],
      routes: [{ prefix: '', carriers: [{ name: 'sim' }] }],
    };
  }

  /** Starts a daemon in a folder of its own (same name: the same folder). */
  async startDaemon(
    spec: Partial<DaemonSpec> & { readonly name?: string } = {},
  ): Promise<TestDaemon> {
    const name = spec.name ?? `node${this.#nodes++}`;
    const database = this.databaseUrl === undefined ? {} : { databaseUrl: this.databaseUrl };
    const daemon = await TestDaemon.start({
      folder: join(this.folder, name),
      ...database,
      ...spec,
    });
    this.#daemons.push(daemon);
    return daemon;
  }

  /** Starts the carrier, again after `carrier.close()`; all write one book. */
  async startCarrier(options: SimulatedCarrierOptions = {}): Promise<SimulatedCarrier> {
    this.carrier = await startSimulatedCarrier({
      port: this.carrierPort,
      log: this.carrierLog,
      destinationTable: false,
      ...options,
    });
    return this.carrier;
  }

  /** A carrier that does what the test says, at a port of its own; it goes down with the stage. */
  async scriptedCarrier(): Promise<ScriptedCarrier> {
    const carrier = await ScriptedCarrier.listen();
    this.#scripted.push(carrier);
    return carrier;
  }

  get carrierLog(): string {
    return join(this.folder, 'carrier.jsonl');
  }

  /**
   * Starts a customer of an account. Destinations must differ over the whole stage: give a pattern. Of those that
   * write one book only one may submit: give others of the account a `log` of their own.
   */
  startCustomer(
    port: number,
    account = 'acme',
    options: Partial<SimulatedCustomerOptions> = {},
  ): SimulatedCustomer {
    mkdirSync(this.folder, { recursive: true });
    const log = options.log ?? this.customerLog(account);
    this.#books.set(log, account);
    const customer = startSimulatedCustomer({
      host: '127.0.0.1',
      port,
      systemId: account,
      password: PASSWORD,
      log,
      receiptWaitMs: 60_000,
      answerTimeoutMs: 30_000,
      ...options,
    });
    this.#customers.push(customer);
    return customer;
  }

  customerLog(account: string): string {
    return join(this.folder, `customer-${account}.jsonl`);
  }

  /** Runs something on a connection to the database. */
  async sql<T>(use: (client: Client) => Promise<T>, url = this.databaseUrl): Promise<T> {
    const client = new Client({ connectionString: url });
    await client.connect();
    try {
      return await use(client);
    } finally {
      await client.end();
    }
  }

  /** The first column of the first row, as text. */
  async value(sql: string, values: unknown[] = [], url = this.databaseUrl): Promise<string> {
    const { rows } = await this.sql(
      (client) => client.query<unknown[]>({ text: sql, values, rowMode: 'array' }),
      url,
    );
    return String(rows[0]?.[0]);
  }

  /** Waits until every stored message has its final state and its receipt was taken, and nothing is in doubt. */
  async settled(timeoutMs = 100_000, url = this.databaseUrl): Promise<void> {
    let left = '';
    await this.sql(async (client) => {
      await until(
        'everything is settled and returned',
        async () => {
          const { rows } = await client.query<{ left: string }>(LEFT);
          left = rows[0]?.left ?? '';
          return left === '0/0/0';
        },
        timeoutMs,
      ).catch((error: Error) => {
        throw new Error(`${error.message}; left unsettled/unreturned/unknown: ${left}`);
      });
    }, url);
  }

  /** The three books' judgement. Call it when all is settled. */
  async verdict(
    kills: readonly number[] = [],
    url = this.databaseUrl,
  ): Promise<ReturnType<typeof judge>> {
    const ledger = await this.sql((client) => readLedgerBook(client), url);
    const books = await Promise.all(
      [...this.#books].map(([file, account]) => readCustomerBook(file, account)),
    );
    const customers = [...Map.groupBy(books, (book) => book.account).values()].map(bound);
    return judge(customers, await readCarrierBook(this.carrierLog), ledger, {
      unitPrice: UNIT_PRICE,
      openingCredit: OPENING_CREDIT,
      refundedFaults: new Set(['platform']),
      kills,
      unstoredMs: UNSTORED_MS,
    });
  }

  /** Ends customers, daemons (kill -9) and carriers, and removes the folder and the stage's own database. */
  async close(): Promise<void> {
    await Promise.all(this.#customers.map((customer) => customer.stop().catch(() => {})));
    await Promise.all(this.#daemons.map((daemon) => daemon.kill()));
    // DAEMON_LOGS=1 shows what they said.
    if (process.env.DAEMON_LOGS)
      for (const daemon of this.#daemons) console.error(daemon.stdout, daemon.stderr);
    await this.carrier?.close();
    await Promise.all(this.#scripted.map((carrier) => carrier.down()));
    await this.#guard.release();
    await this.#database?.drop();
  }
}

/** Waits until a daemon has so many binds with each of these carriers: it serves customers before that. */
export async function carriersBound(
  daemon: TestDaemon,
  binds: Readonly<Record<string, number>>,
): Promise<void> {
  for (const [peer, count] of Object.entries(binds))
    await until(
      `${peer} is bound`,
      async () => (await daemon.metric('smppgate_binds', { side: 'carrier', peer })) === count,
    );
}

/** Runs a test on a stage and a database of its own: most of its time is waiting, so that several run at once. */
export async function staged(test: (stage: Stage) => Promise<void>): Promise<void> {
  await onStage(await Stage.onDatabase(), test);
}

/** The same with the embedded PostgreSQL of its daemons. */
export async function stagedAlone(test: (stage: Stage) => Promise<void>): Promise<void> {
  await onStage(await Stage.open(), test);
}

async function onStage(stage: Stage, test: (stage: Stage) => Promise<void>): Promise<void> {
  try {
    await test(stage);
  } finally {
    await stage.close();
  }
}

/** The books of one account as one: any of its binds may get the receipts of another. */
function bound(books: readonly CustomerBook[]): CustomerBook {
  const one: CustomerBook = { account: '', submits: new Map(), receipts: new Map() };
  for (const [i, book] of books.entries()) {
    one.account = book.account;
    for (const [n, submit] of book.submits) one.submits.set(n + i * BOOK_NUMBERS, submit);
    for (const [id, receipts] of book.receipts)
      one.receipts.set(
        id,
        [...(one.receipts.get(id) ?? []), ...receipts].sort((a, b) => a.at - b.at),
      );
  }
  return one;
}

/** More than any book has. */
const BOOK_NUMBERS = 1_000_000;

const LEFT = `select concat_ws('/',
  (select count(*) from message m where not exists (select from outcome o where o.id = m.id)),
  (select count(*) from outcome o where not exists (select from returned r where r.id = o.id)),
  (select count(*) from unknown_outcome where resolved_at is null)) as left`;

/** A line of figures for whoever reads the run; nothing is asserted on times. */
export function figures(of: string, values: Readonly<Record<string, unknown>>): void {
  process.stderr.write(`${of}: ${JSON.stringify(values)}\n`);
}
