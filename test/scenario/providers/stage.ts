import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import type { PduInput } from 'smpp';
import { expect } from 'vitest';
import { parse } from 'yaml';
import { runCli } from '../../../src/ops/cli/program.ts';
import { Esme, type TakenReceipt } from '../../gateway/esme.ts';
import { PASSWORD } from '../../gateway/resources.ts';
import { type ReceiptWords, ScriptedCarrier } from '../../gateway/scripted-carrier.ts';
import { ADMIN_TOKEN, TestDaemon } from '../../support/daemon.ts';
import { eventually } from '../../support/gateway.ts';
import { type GuardedFolder, guardedFolder } from '../../support/guard.ts';
import { createDatabase, type TestDatabase } from '../../support/postgres.ts';

/*
 * The stage of the rows of providers: the daemon with a provider's file of `config/providers`, applied by the command,
 * and what its customers, its carriers and its books then say. A row's test is mostly one `twin`: the same input under
 * two providers, each with how it ends there.
 */

const FOLDER = new URL('../../../config/providers/', import.meta.url);

/** A provider's file as data: what a test exchanges of it is a wait, an hour, an address; never what its row is about. */
export interface ProviderFile {
  terms: Record<string, Record<string, unknown>>;
  policies: Record<string, { rules: Record<string, unknown>[] }>;
  accounts: (Record<string, unknown> & { name: string; binds: Record<string, unknown>[] })[];
  carriers: (Record<string, unknown> & { name: string })[];
  [kind: string]: unknown;
}

/** The file of a provider by its kind, as it stands in `config/providers`. */
export function readProvider(kind: string): ProviderFile {
  return parse(readFileSync(new URL(`${kind}.yaml`, FOLDER), 'utf8'));
}

/** Fields of an account that differ from those of the file's account that it is made like. */
export interface Like {
  /** Opening credit; default "100". */
  readonly credit?: string;
  /** Fields of its one bind. */
  readonly bind?: Readonly<Record<string, unknown>>;
  /** Senders that are registered for it; consents of these numbers (all classes). */
  readonly senders?: readonly string[];
  readonly consents?: readonly string[];
  readonly [field: string]: unknown;
}

/** A running provider: a daemon of its own on a database of its own, and a scripted carrier for each of its carriers. */
export class Provider {
  readonly carriers = new Map<string, ScriptedCarrier>();
  readonly kind: string;
  #daemon: TestDaemon | undefined;
  readonly #file: ProviderFile;
  readonly #folder: GuardedFolder = guardedFolder();
  readonly #database: TestDatabase;
  readonly #esmes: Esme[] = [];
  readonly #others: TestDaemon[] = [];
  #customers = 0;

  /** @param exchange changes single values of the file before it is applied */
  static async start(kind: string, exchange: (file: ProviderFile) => void = () => {}) {
    const file = readProvider(kind);
    exchange(file);
    const provider = new Provider(kind, file, await createDatabase());
    try {
      await provider.#up();
    } catch (error) {
      await provider.close();
      throw error;
    }
    return provider;
  }

  private constructor(kind: string, file: ProviderFile, database: TestDatabase) {
    this.kind = kind;
    this.#file = file;
    this.#database = database;
  }

  get daemon(): TestDaemon {
    if (this.#daemon === undefined) throw new Error('the daemon is not up');
    return this.#daemon;
  }

  /** The carrier of this name, or the file's first. */
  carrier(name = this.#file.carriers[0]?.name): ScriptedCarrier {
    const carrier = this.carriers.get(name ?? '');
    if (carrier === undefined) throw new Error(`no carrier ${name}`);
    return carrier;
  }

  /**
   * A new account like one of the file, with its tariff, terms, policy and class, one bind of the account's name, and an
   * opening credit of 100, so that no test sees the money of another. It is not bound yet.
   */
  async customer(like: string, { bind, senders, consents, ...fields }: Like = {}) {
    const model = this.#file.accounts.find(({ name }) => name === like);
    if (model === undefined) throw new Error(`${this.kind} has no account ${like}`);
    const name = `${like.slice(0, 10)}-${++this.#customers}`;
    const [modelBind] = model.binds;
    const own = { ...modelBind, allowFrom: undefined, systemId: name, password: PASSWORD, ...bind };
    const account = { ...model, credit: '100', ...fields, name, binds: [own] };
    await this.http('POST', '/v1/accounts', account);
    if (senders !== undefined) await this.registerSenders(name, senders);
    if (consents !== undefined) await this.giveConsents(name, consents);
    return new Customer(this, name);
  }

  async registerSenders(account: string, senders: readonly string[]): Promise<void> {
    const list = senders.map((sender) => ({ sender, status: 'approved' }));
    await this.http('PUT', '/v1/senders', { account, senders: list });
  }

  async giveConsents(account: string, numbers: readonly string[]): Promise<void> {
    const evidence = { textVersion: '1', source: 'order form', at: new Date().toISOString() };
    const consents = numbers.map((number) => ({ number, ...evidence }));
    await this.http('PUT', '/v1/consents', { account, consents });
  }

  /** An account of the file itself, whose passwords `exchange` made {@link PASSWORD}. */
  own(name: string, systemId?: string): Customer {
    return new Customer(this, name, systemId);
  }

  /** Another node on the same database, until the stage ends. */
  async beside(): Promise<TestDaemon> {
    const folder = join(this.#folder.path, `node${this.#others.length + 2}`);
    const daemon = await TestDaemon.start({ folder, databaseUrl: this.#database.url });
    this.#others.push(daemon);
    return daemon;
  }

  /** The HTTP API with the administrator's token; parsed. @throws with status and answer when it is an error */
  async http<T = Record<string, unknown>>(method: string, path: string, body?: object): Promise<T> {
    const answer = await fetch(`${this.daemon.httpUrl}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${ADMIN_TOKEN}`,
        ...(body && { 'content-type': 'application/json' }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return (text === '' ? {} : JSON.parse(text)) as T;
  }

  /** A command of `smppgate`, with what it printed and its exit code. */
  async cli(...words: string[]): Promise<{ code: number; out: string }> {
    let out = '';
    const add = (text: string): void => {
      out += text;
    };
    const code = await runCli(words, {
      io: { out: add, err: add },
      env: { SMPPGATE_URL: this.daemon.httpUrl, ADMIN_TOKEN },
      serve: async () => {},
      addSimulateCommands: async () => {},
      addBenchCommand: async () => {},
    });
    return { code, out };
  }

  /** Writes a file of this test's folder; its path. */
  write(name: string, text: string): string {
    const path = join(this.#folder.path, name);
    mkdirSync(this.#folder.path, { recursive: true });
    writeFileSync(path, text);
    return path;
  }

  async sql<Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> {
    const client = new Client({ connectionString: this.#database.url });
    await client.connect();
    try {
      return (await client.query<Row>(text, values)).rows;
    } finally {
      await client.end();
    }
  }

  /** Waits until `smppgate reconcile` finds every book in agreement. */
  async reconciled(): Promise<void> {
    await eventually(async () => expect(await this.cli('reconcile')).toMatchObject({ code: 0 }));
  }

  /** A session of a customer, which ends with the stage. */
  async bind(
    systemId: string,
    as: 'transceiver' | 'transmitter' | 'receiver' = 'transceiver',
    daemon = this.daemon,
  ) {
    const esme = await Esme.bind(daemon.smppPort, { systemId, as });
    this.#esmes.push(esme);
    return esme;
  }

  async close(): Promise<void> {
    for (const esme of this.#esmes) await esme.cut();
    await Promise.all([...this.#others, this.#daemon].map((daemon) => daemon?.stop()));
    for (const carrier of this.carriers.values()) await carrier.down();
    await this.#database.drop();
    await this.#folder.release();
  }

  async #up(): Promise<void> {
    for (const carrier of this.#file.carriers) {
      const scripted = await ScriptedCarrier.listen();
      this.carriers.set(carrier.name, scripted);
      for (const address of ['hosts', 'tls', 'outbind']) delete carrier[address];
      Object.assign(carrier, { host: '127.0.0.1', port: scripted.port });
    }
    this.#daemon = await TestDaemon.start({
      folder: this.#folder.path,
      databaseUrl: this.#database.url,
    });
    const path = this.write(`${this.kind}.json`, JSON.stringify(this.#file));
    expect(await this.cli('apply', path)).toMatchObject({ code: 0 });
    await eventually(() => {
      for (const carrier of this.carriers.values())
        expect(carrier.sessions.size).toBeGreaterThan(0);
    });
  }
}

/** What is sent, and what its carrier then says of it. */
export interface Given extends PduInput {
  /** Its receipt, DELIVRD by default; null: none comes. */
  readonly receipt?: ReceiptWords | null;
  /** command_status of the carrier's submit_sm_resp. */
  readonly carrierStatus?: number;
}

/** How a submit ended: for its customer, and in his books. */
export interface Ending {
  readonly status: number;
  /** The state that his receipt says. */
  readonly receipt?: string;
  /** New entries of his ledger, such as "charge -0.05", "reserve +0.05r". */
  readonly entries: readonly string[];
  /** `credits` of GET /v1/accounts/{name}/balance. */
  readonly balance: string;
}

/** An account of a provider, bound when it first sends. */
export class Customer {
  readonly provider: Provider;
  readonly name: string;
  readonly #systemId: string;
  #esme: Esme | undefined;

  constructor(provider: Provider, name: string, systemId = name) {
    this.provider = provider;
    this.name = name;
    this.#systemId = systemId;
  }

  /** Its session; a new one when the last was closed. */
  async esme(): Promise<Esme> {
    if (this.#esme === undefined || this.#esme.closed)
      this.#esme = await this.provider.bind(this.#systemId);
    return this.#esme;
  }

  /** Submits, lets the carrier that gets it answer, awaits the receipt, and looks what that did to the money. */
  async send({ receipt = {}, carrierStatus = 0, ...fields }: Given): Promise<Ending> {
    const before = (await this.entries()).length;
    const esme = await this.esme();
    const { provider } = this;
    for (const carrier of provider.carriers.values())
      carrier.onSubmit = (submit) => {
        if (carrierStatus !== 0) return carrier.refuse(submit, carrierStatus);
        carrier.accept(submit);
        if (receipt !== null) void carrier.receipt(submit, receipt).catch(() => {});
      };
    const { command_status: status, message_id: id } = await esme.submit(fields);
    let taken: TakenReceipt | undefined;
    if (status === 0 && receipt !== null) taken = await esme.receiptOf(id ?? '');
    return {
      status,
      ...(taken && { receipt: taken.state }),
      entries: (await this.entries()).slice(before),
      balance: (await this.balance()).credits,
    };
  }

  balance(): Promise<{ credits: string; reserved: string; available: string; expiresAt: string }> {
    return this.provider.http('GET', `/v1/accounts/${this.name}/balance`);
  }

  /** Its statement, an entry a line: kind, amount, and with `r` what it reserves or frees; without entries of nothing. */
  async entries(): Promise<string[]> {
    const { entries } = await this.provider.http<{ entries: StatementEntry[] }>(
      'GET',
      `/v1/accounts/${this.name}/statement?limit=1000`,
    );
    return entries
      .map(({ kind, amount, reserved }) => [kind, ...signed(amount), ...signed(reserved, 'r')])
      .filter((words) => words.length > 1)
      .map((words) => words.join(' '));
  }

  topUp(credits: string, reference: string): Promise<object> {
    const path = `/v1/accounts/${this.name}/top-ups`;
    return this.provider.http('POST', path, { credits, reference });
  }
}

interface StatementEntry {
  readonly kind: string;
  readonly amount: string;
  readonly reserved: string;
}

function signed(amount: string, unit = ''): string[] {
  if (amount === '0') return [];
  return [`${amount.startsWith('-') ? '' : '+'}${amount}${unit}`];
}

/** Who sends, and how it must end for him. */
export type Side = readonly [customer: Customer, ending: Ending];

/**
 * The same input of two customers, each of another provider: it ends for each as said, and not for both alike.
 * Balances differ by prices anyway, so what must differ is the status, the receipt or the kinds of entries.
 */
export async function twin(given: Given, ...sides: readonly [Side, Side]): Promise<void> {
  const [one, other] = sides.map(([, { status, receipt, entries }]) =>
    JSON.stringify([status, receipt, entries.map((entry) => entry.split(' ')[0])]),
  );
  expect(one).not.toBe(other);
  for (const [customer, ending] of sides)
    expect(await customer.send(given), `${customer.provider.kind}`).toEqual(ending);
}
