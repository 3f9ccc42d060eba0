import type { Client, Pool } from 'pg';
import {
  accountId,
  batchId,
  bindId,
  carrierId,
  type EpochId,
  type MessageId,
  MessageIdSequence,
} from '../../src/domain/ids.ts';
import { type EndCause, FAULT_CLASS, MESSAGE_STATE } from '../../src/domain/message-state.ts';
import { type Credits, credits, parseCredits } from '../../src/domain/money.ts';
import { parseResources } from '../../src/domain/resource-file.ts';
import { writeAccept } from '../../src/store/accept.ts';
import { takeEpoch } from '../../src/store/epoch.ts';
import { takeLease } from '../../src/store/lease.ts';
import { connectStore, createStorePool } from '../../src/store/pool.ts';
import { writeReplace } from '../../src/store/replace.ts';
import { applyResources } from '../../src/store/resources.ts';
import { writeReturned } from '../../src/store/returned.ts';
import { writeSent } from '../../src/store/sent.ts';
import { writeSettle } from '../../src/store/settle.ts';
import { testHash, testSecrets } from '../ops/ops-bench.ts';
import { createDatabase } from '../support/postgres.ts';

/** Two accounts, one charged at submit and one on delivery, a carrier and a route. */
export const RESOURCES = `
tariffs: {standard: {"*": "0.05"}}
terms:
  submit: {chargeOn: submit}
  delivery: {chargeOn: delivered}
accounts:
  - {name: acme, tariff: standard, terms: submit, credit: "10", binds: [{systemId: acme, password: secret}]}
  - {name: pays-later, tariff: standard, terms: delivery, credit: "10", binds: [{systemId: later, password: secret}]}
carriers:
  - {name: sim, host: 127.0.0.1, port: 2785, systemId: gw, password: gw}
routes: [{prefix: "", carriers: [{name: sim}]}]
`;

/** What of a message a test says; the rest is the same for all. */
export interface Sample {
  readonly account: 'acme' | 'pays-later';
  readonly segments?: number;
  readonly customerId?: string;
  readonly destination?: string;
}

export interface Accepted {
  readonly id: MessageId;
  readonly sample: Sample;
}

/** Traffic through the lanes' own statements, as the gateway writes it. */
export class LedgerTraffic {
  readonly pool: Pool;
  readonly #client: Client;
  readonly #epoch: EpochId;
  readonly #ids: MessageIdSequence;
  readonly #drop: () => Promise<void>;
  #batch = 1n;
  #lease = 1n;

  private constructor(
    pool: Pool,
    client: Client,
    epoch: EpochId,
    ids: MessageIdSequence,
    drop: () => Promise<void>,
  ) {
    this.pool = pool;
    this.#client = client;
    this.#epoch = epoch;
    this.#ids = ids;
    this.#drop = drop;
  }

  /** A database of its own with RESOURCES applied and an epoch taken. */
  static async start(): Promise<LedgerTraffic> {
    const database = await createDatabase();
    const pool = createStorePool({ url: database.url, applicationName: 'test' });
    const parsed = parseResources(RESOURCES);
    if ('errors' in parsed) throw new Error(JSON.stringify(parsed.errors));
    await applyResources(pool, testSecrets(), {
      next: () => ({ ok: parsed.ok }),
      actor: 'test',
      dryRun: false,
    });
    const client = await connectStore({ url: database.url, applicationName: 'test lane' });
    const taken = await takeEpoch(client, { name: 'test', nowMs: Date.now() });
    const ids = new MessageIdSequence(taken.number, taken.idFloorMs);
    return new LedgerTraffic(pool, client, taken.epoch, ids, database.drop);
  }

  /** One accept batch; unit price 0.05. */
  async accept(...samples: Sample[]): Promise<Accepted[]> {
    const rows = await Promise.all(
      samples.map(async (sample) => ({
        id: this.#ids.next(Date.now()),
        ...(await this.#rowIds(sample.account)),
        customerId: sample.customerId ?? null,
        carrier: carrierId(1),
        lane: 1,
        segments: sample.segments ?? 1,
        unitPrice: parseCredits('0.05') as Credits,
        tariffVersion: 1,
        policyVersion: 0,
        group: 0,
        termsVersion: 2,
        chargeOnDelivery: sample.account === 'pays-later',
        registeredDelivery: 1,
        validUntilMs: Date.now() + 3_600_000,
        destinationHash: testHash(sample.destination ?? '966500000001'),
        contentKey: 1,
        content: Buffer.from('sealed'),
        releaseAtMs: 0,
        held: undefined,
        part: undefined,
        submitKey: undefined,
        knownUntilMs: 0,
      })),
    );
    const verdicts = await writeAccept(this.#client, this.#epoch, batchId(this.#batch++), rows);
    return rows.flatMap((row, n) => {
      const sample = samples[n];
      return verdicts[n] === 0 && sample !== undefined ? [{ id: row.id, sample }] : [];
    });
  }

  /** A lease of all segments, left open. */
  async lease(...messages: Accepted[]): Promise<void> {
    const keys = messages.map(({ id }) => ({ id, segment: 1, attempt: 1 }));
    await takeLease(this.#client, this.#epoch, carrierId(1), keys, this.#lease++);
  }

  /** The carrier's answers to every segment; status 0 with an upstream id, or a refusal. */
  async sent(messages: readonly Accepted[], status = 0): Promise<void> {
    const rows = messages.flatMap(({ id, sample }) =>
      Array.from({ length: sample.segments ?? 1 }, (_, n) => ({
        id,
        segment: n + 1,
        attempt: 1,
        carrier: carrierId(1),
        upstreamId: status === 0 ? `up-${id}-${n + 1}` : null,
        status,
        atMs: Date.now(),
      })),
    );
    await writeSent(this.#client, this.#epoch, batchId(this.#batch++), rows, []);
  }

  /** One settle batch: delivered or failed, with the money that the terms of these tests give. */
  async settle(
    messages: readonly Accepted[],
    end: 'DELIVRD' | 'UNDELIV' | 'EXPIRED',
  ): Promise<void> {
    const cause: EndCause = end === 'EXPIRED' ? 'neverSent' : 'receipt';
    const rows = await Promise.all(
      messages.map(async ({ id, sample }) => {
        const price = 50_000n * BigInt(sample.segments ?? 1);
        const reserved = sample.account === 'pays-later';
        return {
          id,
          account: (await this.#rowIds(sample.account)).account,
          carrier: end === 'EXPIRED' ? null : carrierId(1),
          state: MESSAGE_STATE[end],
          fault: end === 'DELIVRD' ? FAULT_CLASS.none : FAULT_CLASS.platform,
          err: 0,
          refund: credits(!reserved && end !== 'DELIVRD' ? price : 0n),
          charge: credits(reserved && end === 'DELIVRD' ? price : 0n),
          release: credits(reserved && end !== 'DELIVRD' ? price : 0n),
          doneAtMs: Date.now(),
          cause,
        };
      }),
    );
    await writeSettle(this.#client, this.#epoch, batchId(this.#batch++), rows);
  }

  /** A new version of a message, with these segments. */
  async replace({ id, sample }: Accepted, version: number, segments: number): Promise<void> {
    const { account } = await this.#rowIds(sample.account);
    const row = {
      id,
      account,
      version,
      segments,
      policyVersion: 0,
      registeredDelivery: 1,
      validUntilMs: Date.now() + 3_600_000,
      contentKey: 1,
      content: Buffer.from('sealed anew'),
      releaseAtMs: undefined,
      held: undefined,
      part: undefined,
    };
    await writeReplace(this.#client, this.#epoch, batchId(this.#batch++), [row]);
  }

  async returned(...messages: Accepted[]): Promise<void> {
    const rows = messages.map(({ id }) => ({ id, status: 0, atMs: Date.now() }));
    await writeReturned(this.#client, batchId(this.#batch++), rows);
  }

  /** A statement of a test against everything that guards the tables. */
  async tamper(sql: string): Promise<void> {
    await this.#client.query('begin');
    await this.#client.query('set local session_replication_role = replica');
    await this.#client.query(sql);
    await this.#client.query('commit');
  }

  async stop(): Promise<void> {
    await this.#client.end();
    await this.pool.end();
    await this.#drop();
  }

  async #rowIds(
    account: string,
  ): Promise<{ account: ReturnType<typeof accountId>; bind: ReturnType<typeof bindId> }> {
    const { rows } = await this.pool.query<{ account: number; bind: number }>(
      'select a.id as account, b.id as bind from account a join bind b on b.account = a.id where a.name = $1',
      [account],
    );
    if (rows[0] === undefined) throw new Error(`no account ${account}`);
    return { account: accountId(rows[0].account), bind: bindId(rows[0].bind) };
  }
}
