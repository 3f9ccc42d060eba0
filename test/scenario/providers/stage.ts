import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { expect } from 'vitest';
import { runCli } from '../../../src/ops/cli/program.ts';
import { Esme } from '../../gateway/esme.ts';
import { PASSWORD } from '../../gateway/resources.ts';
import { ScriptedCarrier } from '../../gateway/scripted-carrier.ts';
import { ADMIN_TOKEN, TestDaemon } from '../../support/daemon.ts';
import { eventually } from '../../support/gateway.ts';
import { type GuardedFolder, guardedFolder } from '../../support/guard.ts';
import { createDatabase, type TestDatabase } from '../../support/postgres.ts';
import { Customer } from './customer.ts';
import { type ProviderFile, readProvider } from './provider-file.ts';

/*
 * The stage of the rows of providers: the daemon with a provider's file of `config/providers`, applied by the command,
 * and what its customers, its carriers and its books then say. A row's test is mostly one `twin`: the same input under
 * two providers, each with how it ends there.
 */

/** Fields of an account that differ from those of the file's account that it is made like. */
export interface Like {
  /** Opening credit; default "100", or the least that the terms take. */
  readonly credit?: string;
  /** Fields of its one bind. */
  readonly bind?: Readonly<Record<string, unknown>> | undefined;
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
  /** As it was applied. */
  readonly file: ProviderFile;
  readonly #folder: GuardedFolder = guardedFolder();
  readonly #database: TestDatabase;
  readonly #esmes: Esme[] = [];
  readonly #others: TestDaemon[] = [];
  #customers = 0;
  /** Names of accounts that `customer` has not given out yet, by the account that they are like. */
  readonly #spare = new Map<string, string[]>();

  /**
   * @param exchange changes single values of the file before it is applied
   * @param spare so many accounts like one of the file are made with it, which is quicker than one by one
   */
  static async start(
    kind: string,
    exchange: (file: ProviderFile) => void = () => {},
    spare: Readonly<Record<string, number>> = {},
  ) {
    const file = readProvider(kind);
    exchange(file);
    const provider = new Provider(kind, file, await createDatabase());
    try {
      for (const [like, count] of Object.entries(spare)) provider.#makeSpare(like, count);
      await provider.#up();
    } catch (error) {
      await provider.close();
      throw error;
    }
    return provider;
  }

  private constructor(kind: string, file: ProviderFile, database: TestDatabase) {
    this.kind = kind;
    this.file = file;
    this.#database = database;
  }

  get daemon(): TestDaemon {
    if (this.#daemon === undefined) throw new Error('the daemon is not up');
    return this.#daemon;
  }

  /** The carrier of this name, or the file's first. */
  carrier(name = this.file.carriers[0]?.name): ScriptedCarrier {
    const carrier = this.carriers.get(name ?? '');
    if (carrier === undefined) throw new Error(`no carrier ${name}`);
    return carrier;
  }

  /**
   * A new account like one of the file, with its tariff, terms, policy and class, one bind of the account's name, and an
   * opening credit of 100 (or the least that its terms take), so that no test sees the money of another. It is not bound yet.
   */
  async customer(like: string, { bind, senders, consents, ...fields }: Like = {}) {
    const ready = Object.keys(fields).length === 0 && bind === undefined;
    let name = ready ? this.#spare.get(like)?.shift() : undefined;
    if (name === undefined) {
      const account = this.#accountLike(like, { bind, ...fields });
      await this.http('POST', '/v1/accounts', account);
      name = account.name;
    }
    if (senders !== undefined) await this.registerSenders(name, senders);
    if (consents !== undefined) await this.giveConsents(name, consents);
    return new Customer(this, name);
  }

  /** An account of the file itself, by one of its system_ids. */
  own(account: string, systemId = account): Customer {
    return new Customer(this, account, systemId);
  }

  /** Applies the file again, changed as `exchange` says; the next change starts from what this one left. */
  async change(exchange: (file: ProviderFile) => void): Promise<void> {
    exchange(this.file);
    const path = this.write(`${this.kind}.json`, JSON.stringify(this.file));
    expect(await this.cli('apply', path)).toMatchObject({ code: 0 });
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

  /** Another node on the same database, until the stage ends. */
  async beside(): Promise<TestDaemon> {
    const folder = join(this.#folder.path, `node${this.#others.length + 2}`);
    const daemon = await TestDaemon.start({ folder, databaseUrl: this.#database.url });
    this.#others.push(daemon);
    await this.#carriersBound(daemon);
    return daemon;
  }

  /** Stops the daemon and starts it anew: a new leader, which does at once what is otherwise due once a minute. */
  async restart(): Promise<void> {
    await this.daemon.stop();
    await this.#serve();
    await this.#carriersBound();
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

  #makeSpare(like: string, count: number): void {
    const accounts = Array.from({ length: count }, () => this.#accountLike(like));
    this.#spare.set(
      like,
      accounts.map(({ name }) => name),
    );
    this.file.accounts.push(...accounts);
  }

  #accountLike(like: string, { bind, ...fields }: Like = {}): ProviderFile['accounts'][number] {
    const model = this.file.accounts.find(({ name }) => name === like);
    if (model === undefined) throw new Error(`${this.kind} has no account ${like}`);
    const name = `${like.slice(0, 10)}-${++this.#customers}`;
    const binds = [{ ...model.binds[0], password: PASSWORD, systemId: name, ...bind }];
    const { topUpMinimum } = this.file.terms[String(model.terms)] ?? {};
    const credit = Number(topUpMinimum ?? 0) > 100 ? topUpMinimum : '100';
    return { ...model, credit, ...fields, name, binds };
  }

  async #up(): Promise<void> {
    for (const carrier of this.file.carriers) {
      const scripted = await ScriptedCarrier.listen();
      this.carriers.set(carrier.name, scripted);
      for (const address of ['hosts', 'tls', 'outbind']) delete carrier[address];
      Object.assign(carrier, { host: '127.0.0.1', port: scripted.port });
    }
    for (const bind of this.file.accounts.flatMap(({ binds }) => binds)) {
      delete bind.allowFrom;
      bind.password = PASSWORD;
    }
    await this.#serve();
    await this.change(() => {});
    await this.#carriersBound();
  }

  async #serve(): Promise<void> {
    this.#daemon = await TestDaemon.start({
      folder: this.#folder.path,
      databaseUrl: this.#database.url,
    });
  }

  /** By the gateway's word: what waits for a carrier that it has no bind with may go to another. */
  #carriersBound(daemon = this.daemon): Promise<void> {
    return eventually(async () => {
      for (const peer of this.carriers.keys())
        expect(
          await daemon.metric('smppgate_binds', { side: 'carrier', peer }),
          peer,
        ).toBeGreaterThan(0);
    });
  }
}
