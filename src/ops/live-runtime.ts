import type { Pool } from 'pg';
import { type Catalog, type CatalogAccount, carrierNamed } from '../domain/catalog.ts';
import { type AccountId, type MessageId, messageId } from '../domain/ids.ts';
import type { Bans } from '../gateway/bans.ts';
import type { CatalogSource } from '../gateway/catalog-source.ts';
import type { Converted } from '../gateway/conversions.ts';
import type { Dispatcher } from '../gateway/dispatch.ts';
import type { Gateway } from '../gateway/gateway.ts';
import type { ParkedReceipts, ParkedReceiptView } from '../gateway/parked-receipts.ts';
import type { ReplayAnswer } from '../gateway/policy-replay.ts';
import type { ProbeRequest } from '../gateway/probe-plan.ts';
import type { AskedReceipt, ReceiptExplanation } from '../gateway/receipt-explain.ts';
import { findKnownCarrier } from '../store/known-carriers.ts';
import { pendingMigrations } from '../store/migrate.ts';
import type { HeldMessage } from '../store/moderation.ts';
import { withClient } from '../store/pool.ts';
import type { RequeueRequest } from '../store/requeue-requests.ts';
import { countWaiting } from '../store/waiting.ts';
import { bindView } from './bind-view.ts';
import { type ProbeView, probeView } from './carrier-probe.ts';
import { carrierView, sessionsOf } from './carrier-view.ts';
import type { LiveCounts } from './live-counts.ts';
import { explainRoute } from './route-explanation.ts';
import type {
  BanView,
  BindsLimitView,
  BindView,
  CarrierQualityView,
  CarrierView,
  DaemonFacts,
  HeldContent,
  OpsRuntime,
  ParkedReceiptsQuery,
  QueueView,
  Readiness,
  ReplayQuestionView,
  RequeueView,
  RouteQuestionView,
  ThroughputView,
} from './runtime.ts';

/** A store that does not answer in this time is not reachable. */
const STORE_ANSWER_MS = 2_000;
/** Who asked for a requeue is answered after this at the latest: some million messages. */
const REQUEUE_ANSWER_MS = 120_000;
/** The waiting receipts are counted this often: it reads the whole list. */
const COUNT_WAITING_MS = 15_000;
/** Views of the carriers' quality are good for so long. */
const QUALITY_KEPT_MS = 1_000;
/** Names of the lanes as traffic classes have them. */
const LANE_NAMES = ['fast', 'normal', 'bulk'] as const;

export interface LiveRuntimeOptions {
  readonly facts: DaemonFacts;
  readonly pool: Pool;
  readonly catalog: CatalogSource;
  readonly counts: LiveCounts;
  readonly bans: Bans;
  /** The node's pipeline; undefined while it is starting or has lost its epoch. */
  gateway(): Gateway | undefined;
  listening(): boolean;
  traces(): number;
  /** See OpsRuntime. */
  resourcesFileInForce(): boolean | undefined;
  draining(): boolean;
  drain(actor: string): void;
}

/** The running daemon as the HTTP API and the metrics see it. */
export class LiveRuntime implements OpsRuntime {
  readonly facts: DaemonFacts;
  readonly #options: LiveRuntimeOptions;
  #waiting: ReadonlyMap<string, number> = new Map();
  #waitingAtMs = 0;
  #quality: readonly CarrierQualityView[] = [];
  #qualityAtMs = 0;
  /** Carriers that are being probed. */
  readonly #probing = new Set<string>();

  constructor(options: LiveRuntimeOptions) {
    this.facts = options.facts;
    this.#options = options;
  }

  async ready(): Promise<Readiness> {
    const reasons: string[] = [];
    if (this.#options.draining()) reasons.push('draining');
    if (!this.#options.listening()) reasons.push('the SMPP listener is not open');
    if (this.#options.gateway() === undefined) reasons.push('this node has no epoch');
    reasons.push(...(await this.#storeReasons()));
    const warnings =
      this.isResourcesFileInForce() === false
        ? ['RESOURCES_FILE is not in force: the log says why']
        : [];
    return { ok: reasons.length === 0, reasons, warnings };
  }

  isResourcesFileInForce(): boolean | undefined {
    return this.#options.resourcesFileInForce();
  }

  carriers(): readonly CarrierView[] {
    const running = this.#options.gateway()?.carriers.running;
    return [...this.#catalog.carriers.values()].map((carrier) =>
      carrierView(
        carrier,
        running?.get(carrier.id),
        this.#options.counts.segmentsPerSecondOf(carrier.name),
      ),
    );
  }

  binds(): readonly BindView[] {
    const gateway = this.#options.gateway();
    if (gateway === undefined) return [];
    return Array.from(gateway.bindBook.live, (bind) => bindView(bind, this.#catalog));
  }

  bindHistoryLost(): number {
    return this.#options.gateway()?.bindBook.lost ?? 0;
  }

  alphabetOf(systemId: string): CatalogAccount['defaultAlphabet'] {
    return this.#catalog.binds.get(systemId)?.account.defaultAlphabet ?? 'gsm7';
  }

  traces(): number {
    return this.#options.traces();
  }

  bindLimits(): readonly BindsLimitView[] {
    const customers = [...this.#catalog.binds.values()].map((bind) => ({
      side: 'customer' as const,
      peer: bind.systemId,
      limit: bind.bindsMax,
    }));
    const carriers = [...this.#catalog.carriers.values()].map((carrier) => ({
      side: 'carrier' as const,
      peer: carrier.name,
      limit: sessionsOf(carrier),
    }));
    return [...customers, ...carriers];
  }

  bans(): readonly BanView[] {
    return this.#options.bans.list();
  }

  liftBan(address: string, systemId: string): boolean {
    return this.#options.bans.lift(address, systemId);
  }

  queues(): readonly QueueView[] {
    const nowMs = Date.now();
    const views: QueueView[] = [];
    for (const { carrier, dispatcher } of this.#options.gateway()?.carriers.running.values() ??
      []) {
      for (const queue of queuesOf(dispatcher, nowMs))
        views.push({ carrier: carrier.name, ...queue });
    }
    return views;
  }

  throughput(): ThroughputView {
    return this.#options.counts.perSecond();
  }

  /** Made once a second at most: a scrape asks for each of its metrics. */
  quality(): readonly CarrierQualityView[] {
    const nowMs = Date.now();
    if (nowMs - this.#qualityAtMs >= QUALITY_KEPT_MS) {
      this.#qualityAtMs = nowMs;
      this.#quality = this.#newQuality();
    }
    return this.#quality;
  }

  #newQuality(): readonly CarrierQualityView[] {
    const { quality } = this.#options.counts;
    return quality.carriers.flatMap((carrier) =>
      quality.of(carrier).map((view) => ({ ...view, carrier })),
    );
  }

  receiptsWaiting(): ReadonlyMap<string, number> {
    const nowMs = Date.now();
    if (nowMs - this.#waitingAtMs > COUNT_WAITING_MS) {
      this.#waitingAtMs = nowMs;
      countWaiting(this.#options.pool).then(
        (waiting) => {
          this.#waiting = waiting;
        },
        () => {}, // the gauge keeps its last value while the store is away
      );
    }
    return this.#waiting;
  }

  destinationsOf(ids: readonly MessageId[]): Promise<ReadonlyMap<MessageId, string>> {
    return this.#running().destinationsOf(ids);
  }

  explainRoute(question: RouteQuestionView): ReturnType<OpsRuntime['explainRoute']> {
    const router = this.#options.gateway()?.router;
    if (router === undefined) return { notRunning: true };
    return explainRoute({ router, catalog: this.#catalog, carriers: this.carriers() }, question);
  }

  async explainReceipt(
    name: string,
    receipt: AskedReceipt,
  ): Promise<ReceiptExplanation | undefined> {
    const carrier = carrierNamed(this.#catalog, name);
    return carrier && this.#running().explainer.text(carrier, receipt);
  }

  async parkedReceipts(
    query: ParkedReceiptsQuery,
  ): Promise<readonly ParkedReceiptView[] | undefined> {
    const { carrier: name, before, limit } = query;
    const carrier = name === undefined ? name : await findKnownCarrier(this.#options.pool, name);
    if (name !== undefined && carrier === undefined) return undefined;
    return this.#running().parked.list(carrier?.id, before, limit);
  }

  async explainParked(id: bigint): ReturnType<ParkedReceipts['explain']> {
    return this.#running().parked.explain(id);
  }

  async probeCarrier(
    name: string,
    request: ProbeRequest,
  ): Promise<ProbeView | { readonly failed: string } | 'busy' | 'notRunning'> {
    if (this.#probing.has(name)) return 'busy';
    const carrier = carrierNamed(this.#catalog, name);
    const probe = carrier && this.#options.gateway()?.carriers.probe(carrier.id, request);
    if (probe === undefined) return 'notRunning';
    this.#probing.add(name);
    try {
      const seen = await probe.run();
      return 'failed' in seen ? seen : probeView(name, seen);
    } finally {
      this.#probing.delete(name);
    }
  }

  isRequeuing(): boolean | undefined {
    return this.#options.gateway()?.requeues.isBusy;
  }

  async requeue(request: RequeueRequest): Promise<RequeueView> {
    const run = this.#options.gateway()?.requeues.run(request);
    if (run === undefined) return { moved: 0, kept: 0, done: false };
    await within(REQUEUE_ANSWER_MS, run.done).catch(() => {});
    return { moved: run.moved, kept: run.kept, done: run.isDone };
  }

  catalogChanged(): Promise<void> {
    return this.#options.catalog.reload();
  }

  async listChanged(channel: string): Promise<boolean> {
    return (await this.#options.gateway()?.listChanged(channel)) ?? false;
  }

  async accountStopped(name: string): Promise<void> {
    const account = this.#catalog.accountsByName.get(name);
    if (account !== undefined) void this.#options.gateway()?.endQueuedOf(account.id);
  }

  async heldContent(
    asked: readonly Pick<HeldMessage, 'id' | 'parts'>[],
  ): Promise<ReadonlyMap<bigint, HeldContent>> {
    const held = this.#options.gateway()?.held;
    return held === undefined ? new Map() : held.contents(asked);
  }

  async refuseHeld(id: bigint): Promise<void> {
    await this.#options.gateway()?.held.refused(messageId(id));
  }

  async confirm(account: AccountId, names: readonly string[]): Promise<Converted | undefined> {
    return this.#options.gateway()?.conversions.confirm(account, names);
  }

  async replayPolicy(question: ReplayQuestionView): Promise<ReplayAnswer | 'busy' | undefined> {
    const { account: name } = question;
    const account = name === undefined ? undefined : this.#catalog.accountsByName.get(name)?.id;
    if (name !== undefined && account === undefined) return undefined;
    return this.#options.gateway()?.replay.run({ ...question, account });
  }

  drain(actor: string): void {
    this.#options.drain(actor);
  }

  #running(): Gateway {
    const gateway = this.#options.gateway();
    if (gateway === undefined) throw new Error('this node is starting');
    return gateway;
  }

  get #catalog(): Catalog {
    return this.#options.catalog.current;
  }

  async #storeReasons(): Promise<string[]> {
    try {
      const pending = await within(
        STORE_ANSWER_MS,
        withClient(this.#options.pool, pendingMigrations),
      );
      return pending.length === 0 ? [] : [`migrations are pending: ${pending.join(', ')}`];
    } catch (error) {
      return [
        `the database does not answer: ${error instanceof Error ? error.message : String(error)}`,
      ];
    }
  }
}

/** What waits in each lane, with its age. */
function queuesOf(dispatcher: Dispatcher, nowMs: number): Omit<QueueView, 'carrier'>[] {
  const waiting = dispatcher.waiting();
  return LANE_NAMES.map((name, lane) => {
    const { messages = 0, oldestMs = nowMs } = waiting[lane] ?? {};
    return { class: name, messages, oldestSeconds: Math.max(0, nowMs - oldestMs) / 1_000 };
  });
}

function within<T>(ms: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer in ${ms} ms`)), ms);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
