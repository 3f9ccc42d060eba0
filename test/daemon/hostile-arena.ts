import { expect } from 'vitest';
import type { SimulatedCustomer } from '../../src/simulator/customer-options.ts';
import { assemble, bindDraft, cstring, type Draft } from '../fuzz/drafts.ts';
import { type SeenPdu, WirePeer } from '../fuzz/wire-peer.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import { figures, PASSWORD, Stage } from './stage.ts';

/** Longest wait for an answer of the daemon. */
const ANSWER_MS = 40_000;

/** An answer or request of the daemon, kept. */
export type Kept = Omit<SeenPdu, 'octets'> & { readonly hex: string };

/** A daemon with a good customer who works all the while, and peers of octets that attack it. */
export class Arena {
  readonly stage: Stage;
  readonly daemon: TestDaemon;
  readonly #database: TestDatabase;
  readonly #good: SimulatedCustomer;
  readonly #peers: HostilePeer[] = [];
  #goodEnds = 0;

  /** Accounts `good`, `bad` (whose bind is given), and `rejects`, which hears of its refusals by receipts. */
  static async open(bind: Readonly<Record<string, unknown>> = {}): Promise<Arena> {
    const database = await createDatabase();
    const stage = await Stage.open(database.url);
    await stage.startCarrier({ receipts: { delayMs: 20 } });
    const accounts = ['good', 'bad', 'rejects'];
    const base = stage.resources({ accounts, bindOf: { bad: bind } }) as {
      readonly accounts: readonly { readonly name: string }[];
    };
    const resources = {
      ...base,
      accounts: base.accounts.map((account) =>
        account.name === 'rejects' ? { ...account, refusals: 'receipt' } : account,
      ),
    };
    return new Arena(database, stage, await stage.startDaemon({ resources }));
  }

  private constructor(database: TestDatabase, stage: Stage, daemon: TestDaemon) {
    this.#database = database;
    this.stage = stage;
    this.daemon = daemon;
    this.#good = stage.startCustomer(daemon.smppPort, 'good', {
      messages: 1_000_000,
      ratePerSecond: 100,
      windowMax: 50,
      onEvent: ({ event }) => {
        if (event === 'end') this.#goodEnds++;
      },
    });
  }

  /** A connection from an address of loopback. */
  async connect(address = '127.0.8.1'): Promise<HostilePeer> {
    const peer = new HostilePeer(await WirePeer.connect(this.daemon.smppPort, address));
    this.#peers.push(peer);
    return peer;
  }

  /** The same, bound as `bad`. */
  async bound(
    how: Parameters<typeof bindDraft>[0] = 'bind_transceiver',
    version = 0x34,
    systemId = 'bad',
  ): Promise<HostilePeer> {
    const peer = await this.connect();
    const answer = await peer.ask(bindDraft(how, systemId, PASSWORD, version));
    expect(answer.status).toBe(0);
    return peer;
  }

  protocolErrors(error: string): Promise<number> {
    return this.daemon.metric('smppgate_protocol_errors_total', { side: 'customer', error });
  }

  /** The good customer noticed nothing, the daemon lives and its books are right. */
  async expectUnharmed(): Promise<void> {
    const ends = this.#goodEnds;
    const summary = await this.#good.drain();
    const { accepted, answerP50Ms, answerP99Ms } = summary;
    figures('the good customer', { accepted, p50Ms: answerP50Ms, p99Ms: answerP99Ms });
    expect(ends).toBe(0);
    expect(summary).toMatchObject({
      refused: {},
      unanswered: 0,
      withoutReceipt: 0,
      repeatedReceipts: 0,
    });
    expect(accepted).toBe(summary.submitted);
    expect(accepted).toBeGreaterThan(0);
    expect(this.daemon.isRunning).toBe(true);
    expect(await this.daemon.get('/v1/reconciliation')).toMatchObject({ ok: true, mismatches: [] });
  }

  async cutPeers(): Promise<void> {
    await Promise.all(this.#peers.splice(0).map((peer) => peer.cut()));
  }

  async close(): Promise<void> {
    await this.cutPeers();
    await this.stage.close();
    await this.#database.drop();
  }
}

/** A peer that keeps what it gets. */
export class HostilePeer {
  readonly wire: WirePeer;
  /** Answers of the daemon. */
  readonly answers: Kept[] = [];
  /** Its requests, which are not answered unless `answering`. */
  readonly requests: Kept[] = [];
  answering = true;

  constructor(wire: WirePeer) {
    this.wire = wire;
    wire.onPdu = ({ octets, ...header }) => {
      const kept = { ...header, hex: octets.toString('hex') };
      if (header.id >= RESPONSE) this.answers.push(kept);
      else this.#onRequest(kept);
    };
  }

  send(...drafts: Draft[]): void {
    this.wire.write(Buffer.concat(drafts.map(assemble)));
  }

  /** Sends one request and gives the next answer. */
  async ask(draft: Draft): Promise<Kept> {
    const before = this.answers.length;
    this.send(draft);
    await this.untilAnswers(before + 1);
    const answer = this.answers[before];
    if (answer === undefined) throw new Error('closed without an answer');
    return answer;
  }

  async untilAnswers(count: number, timeoutMs = ANSWER_MS): Promise<void> {
    await this.#until(() => this.answers.length >= count, timeoutMs, `${count} answers`);
    expect(this.answers.length).toBeGreaterThanOrEqual(count);
  }

  /** Waits until the daemon has ended its side. */
  async untilEnded(timeoutMs = ANSWER_MS): Promise<void> {
    await this.#until(() => this.wire.isOver, timeoutMs, 'the end');
  }

  async untilRequests(count: number, timeoutMs = ANSWER_MS): Promise<void> {
    await this.#until(() => this.requests.length >= count, timeoutMs, `${count} requests`);
  }

  async cut(): Promise<void> {
    this.wire.socket.destroy();
    await this.wire.gone();
  }

  async #until(condition: () => boolean, timeoutMs: number, what: string): Promise<void> {
    const held = await this.wire.until(condition, timeoutMs);
    if (!held)
      throw new Error(`not within ${timeoutMs} ms: ${what}; answers ${this.answers.length}`);
  }

  #onRequest(pdu: Kept): void {
    this.requests.push(pdu);
    if (!this.answering) return;
    const fields = pdu.id === DELIVER_SM ? [cstring('')] : [];
    this.send({ ...header(pdu.id + RESPONSE, pdu.sequence), fields });
  }
}

const RESPONSE = 0x80000000;
const DELIVER_SM = 0x05;

/** A PDU without a body. */
export function header(commandId: number, sequence: number, status = 0): Draft {
  return { commandId, status, sequence, fields: [], tlvs: [] };
}

let destinations = 0;

/** A submit_sm as an application sends it, each to another number: SMPP 3.4 §4.4.1. */
export function submitDraft(sequence: number, text = 'hello', registeredDelivery = 1): Draft {
  const destination = `96651${String(destinations++).padStart(7, '0')}`;
  const middle = Buffer.of(registeredDelivery, 0, 0, 0, text.length);
  return {
    ...header(0x04, sequence),
    fields: [
      ...[cstring(''), Buffer.of(5, 0), cstring('Shop'), Buffer.of(1, 1), cstring(destination)],
      ...[Buffer.of(0, 0, 0), cstring(''), cstring(''), middle, Buffer.from(text, 'latin1')],
    ],
  };
}
