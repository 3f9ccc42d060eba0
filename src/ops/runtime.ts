import type { AccountId, MessageId } from '../domain/ids.ts';
import type { Converted } from '../gateway/conversions.ts';
import type { ParkedReceipts, ParkedReceiptView } from '../gateway/parked-receipts.ts';
import type { ReplayAnswer, ReplayQuestion } from '../gateway/policy-replay.ts';
import type { ProbeRequest } from '../gateway/probe-plan.ts';
import type { CarrierQuality } from '../gateway/quality.ts';
import type { AskedReceipt, ReceiptExplanation } from '../gateway/receipt-explain.ts';
import type { CarrierBindState } from '../session/carrier-bind.ts';
import type { HeldMessage } from '../store/moderation.ts';
import type { RequeueRequest } from '../store/requeue-requests.ts';
import type { ProbeView } from './carrier-probe.ts';

/** Which unmatched receipts are wanted. */
export interface ParkedReceiptsQuery {
  /** Name of a carrier; undefined: of any. */
  readonly carrier: string | undefined;
  /** Only those before this one. */
  readonly before: bigint | undefined;
  readonly limit: number;
}

/** Where a carrier's link stands: `up` every bind is there, `partial` some, `down` none, `paused` by an operator. */
export type CarrierState = 'up' | 'partial' | 'down' | 'paused';

/** One carrier as it is now. `reason` says in words why it is not up; undefined when it is. */
export interface CarrierView {
  readonly name: string;
  readonly state: CarrierState;
  readonly reason: string | undefined;
  readonly host: string;
  readonly port: number;
  readonly systemId: string;
  readonly bindAs: 'transceiver' | 'transmitter+receiver';
  /** Sessions bound now, and how many the resource asks for. */
  readonly binds: number;
  readonly bindsWanted: number;
  /** submit_sm without an answer over all sessions, and the most there may be. */
  readonly windowInUse: number;
  readonly windowMax: number;
  /** Messages that wait for this carrier. */
  readonly queued: number;
  /** Segments a second over the last whole second or more. */
  readonly segmentsPerSecond: number;
  readonly demo: boolean;
  readonly tls: boolean;
  readonly rate: CarrierRateView;
  readonly sessions: readonly CarrierSessionView[];
}

/** How fast a carrier is sent to. */
export interface CarrierRateView {
  /** Segments a second in force: the least of its resource's and of what its answers allow; Infinity: no limit. */
  readonly perSecond: number;
  /** Of its resource; 0: unlimited. */
  readonly configured: number;
  /** Why it is less than configured; undefined when it is not. */
  readonly reason: string | undefined;
  /** When it was slowed last. */
  readonly slowedAtMs: number | undefined;
}

/** One bind to a carrier as it is now, bound or not. */
export interface CarrierSessionView {
  readonly type: 'transmitter' | 'receiver' | 'transceiver';
  /** `outbind`: the carrier made the connection. */
  readonly madeBy: 'us' | 'outbind';
  readonly state: CarrierBindState;
  /** Unix ms. */
  readonly sinceMs: number;
  /** In use, or tried last; undefined before the first attempt. */
  readonly address: { readonly host: string; readonly port: number } | undefined;
  /** Such as TLSv1.3; undefined without TLS, and while it is not connected. */
  readonly tlsProtocol: string | undefined;
  /** sc_interface_version of the bind's answer; undefined: it had none, or is not bound. */
  readonly carrierVersion: number | undefined;
  /** In a row. */
  readonly failures: number;
  /** Why the last session or attempt ended, in words; undefined if none did. */
  readonly lastReason: string | undefined;
  /** Until it is tried again; undefined while nothing is waited for. */
  readonly nextAttemptSeconds: number | undefined;
  readonly windowInUse: number;
}

/** One bound session, of a customer or to a carrier. */
export interface BindView {
  readonly side: 'customer' | 'carrier';
  /** system_id of the customer's bind, or the carrier's name. */
  readonly peer: string;
  /** Account of a customer's bind; undefined for a carrier's. */
  readonly account: string | undefined;
  /** Counts within the process. */
  readonly session: number;
  /** Of the ESME: the customer's, or ours at the carrier. */
  readonly systemId: string;
  readonly type: 'transmitter' | 'receiver' | 'transceiver';
  readonly interfaceVersion: number;
  readonly tls: boolean;
  readonly address: string;
  readonly port: number;
  readonly boundAtMs: number;
  /** Submits without an answer, and the most there may be. */
  readonly windowInUse: number;
  readonly windowMax: number;
  /** deliver_sm without an answer, and the most there may be. */
  readonly deliversInUse: number;
  readonly deliversMax: number;
  /** Octets that wait for the peer to read. */
  readonly outboundOctets: number;
  /** Carried since it was bound. */
  readonly submits: number;
  readonly delivers: number;
}

/** An (address, system_id) pair that this node refuses for a while, after failures to bind. */
export interface BanView {
  readonly address: string;
  /** As it came: it need not be a customer's. */
  readonly systemId: string;
  readonly failures: number;
  readonly bannedAtMs: number;
  readonly untilMs: number;
}

/** How many binds a peer may have. */
export interface BindsLimitView {
  readonly side: 'customer' | 'carrier';
  readonly peer: string;
  readonly limit: number;
}

/** One queue: what waits for a carrier in a traffic class. */
export interface QueueView {
  readonly carrier: string;
  readonly class: string;
  readonly messages: number;
  /** Age of its oldest message in seconds, 0 when empty. */
  readonly oldestSeconds: number;
}

/** One carrier's traffic to one prefix. */
export interface CarrierQualityView extends CarrierQuality {
  readonly carrier: string;
}

/** Rates over the last seconds, messages and segments a second. */
export interface ThroughputView {
  readonly submitsPerSecond: number;
  readonly segmentsPerSecond: number;
  readonly receiptsPerSecond: number;
}

/** Whether the daemon should get traffic; `reasons` says in words what is missing. */
export interface Readiness {
  readonly ok: boolean;
  readonly reasons: readonly string[];
  /** What somebody has to see to, while traffic goes on. */
  readonly warnings: readonly string[];
}

/** Where the resources come from and who this node is: fixed while the daemon runs. */
export interface DaemonFacts {
  readonly version: string;
  readonly node: string;
  readonly startedAtMs: number;
  /** RESOURCES_FILE when set: PUT /v1/resources then answers 409. */
  readonly resourcesFile: string | undefined;
}

/** A message whose route is asked for; it need not exist. */
export interface RouteQuestionView {
  /** E.164 digits. */
  readonly destination: string;
  /** Undefined: routes of accounts and prices are left out. */
  readonly account: string | undefined;
  /** "": none. */
  readonly sender: string;
  /** Undefined: the account's. */
  readonly trafficClass: string | undefined;
  readonly atMs: number;
}

/** How a message would be routed. Money in decimals. */
export interface RouteExplanation {
  readonly destination: string;
  readonly at: string;
  readonly account: string | null;
  readonly sender: string;
  readonly class: string | null;
  /** Null: nobody knows it. `number`: from the table of numbers; `prefix`: from the resources' networks. */
  readonly network: {
    readonly code: string;
    readonly operator: string | null;
    readonly from: 'number' | 'prefix' | 'country';
  } | null;
  /** Null: no account was named, or it has no price. */
  readonly unitPrice: string | null;
  /** Every route that fits, most exact first; closed ones are outside their hours. */
  readonly routes: readonly { readonly name: string; readonly open: boolean }[];
  /** The route taken, and why it comes before the next; null: there is none. */
  readonly route: string | null;
  readonly prefix: string | null;
  readonly why: string | null;
  readonly select: 'priority' | 'leastCost' | null;
  /** By priority. */
  readonly candidates: readonly {
    readonly carrier: string;
    readonly priority: number;
    readonly weight: number;
    readonly allowLoss: boolean;
    readonly usable: boolean;
    /** Why it is not usable. */
    readonly reason: string | null;
    readonly cost: string | null;
    /** Price less cost. */
    readonly margin: string | null;
    /** Of such messages, from 0 to 1. */
    readonly share: number;
  }[];
  /** No candidate is usable: it would wait for the one with the share. */
  readonly waits: boolean;
  /** Why it would be refused (noRoute); null: it would not. */
  readonly refused: string | null;
}

/** What a held message says. */
export interface HeldContent {
  /** source_addr as the customer gave it. */
  readonly from: string;
  /** E.164 digits. */
  readonly to: string;
  readonly text: string;
}

/** Which past traffic is judged; `account` by name. */
export interface ReplayQuestionView extends Omit<ReplayQuestion, 'account'> {
  readonly account: string | undefined;
}

/** How far this node is with a requeue. */
export interface RequeueView {
  /** Messages that go to another carrier now. */
  readonly moved: number;
  /** Looked at, and left where they were. */
  readonly kept: number;
  /** False: it goes on behind. */
  readonly done: boolean;
}

/**
 * The living daemon as the HTTP API sees it. Everything that is only a row is read and written by the API itself
 * through the store; here stands what only the running process knows or can do. Views are snapshots; each call may
 * walk every session, so they are asked for on request and on scrape, never on a hot path.
 */
export interface OpsRuntime {
  readonly facts: DaemonFacts;
  /** Store reachable, listeners open, migrations current, not draining. Never throws: what fails is a reason. */
  ready(): Promise<Readiness>;
  /** Whether RESOURCES_FILE came into force when it was last applied; undefined: none is set. */
  isResourcesFileInForce(): boolean | undefined;
  carriers(): readonly CarrierView[];
  binds(): readonly BindView[];
  /** Entries that the history of binds lacks because it could not be written in time. */
  bindHistoryLost(): number;
  /** What a customer means by the default alphabet, by his system_id. */
  alphabetOf(systemId: string): 'gsm7' | 'gsm7-packed' | 'latin1';
  /** Traces under way. */
  traces(): number;
  bindLimits(): readonly BindsLimitView[];
  bans(): readonly BanView[];
  /** False: the pair is not banned. */
  liftBan(address: string, systemId: string): boolean;
  queues(): readonly QueueView[];
  throughput(): ThroughputView;
  /** What passed to each carrier by prefix, and what of it is unusual. */
  quality(): readonly CarrierQualityView[];
  /** Numbers (E.164 digits) of messages whose content is there, to compare them with: never to be shown. */
  destinationsOf(ids: readonly MessageId[]): Promise<ReadonlyMap<MessageId, string>>;
  /** Receipts that wait to be returned to a customer, by account name. */
  receiptsWaiting(): ReadonlyMap<string, number>;
  explainRoute(
    question: RouteQuestionView,
  ): RouteExplanation | { noSuchAccount: string } | { notRunning: true };
  /** What is done with a receipt of this text, and why; undefined: there is no such carrier. @throws while starting */
  explainReceipt(carrier: string, receipt: AskedReceipt): Promise<ReceiptExplanation | undefined>;
  /** Receipts that are matched to nothing, newest first; `carrier` by name. @throws while starting */
  parkedReceipts(query: ParkedReceiptsQuery): Promise<readonly ParkedReceiptView[] | undefined>;
  /** One of them and what would be done with it now; undefined: there is none of this id. @throws while starting */
  explainParked(id: bigint): ReturnType<ParkedReceipts['explain']>;
  /**
   * Probes a carrier over a bind of its own (gateway/carrier-probe.ts): minutes, one probe of a carrier at a time.
   * `notRunning`: this node has no link to it.
   */
  probeCarrier(
    name: string,
    request: ProbeRequest,
  ): Promise<ProbeView | { readonly failed: string } | 'busy' | 'notRunning'>;
  /** Whether what is queued here is being routed anew; undefined: this node has no queues now. */
  isRequeuing(): boolean | undefined;
  /** Routes anew what is queued here, as the stored request says; answers when that is done, or after a while. */
  requeue(request: RequeueRequest): Promise<RequeueView>;
  /**
   * The configuration of the database changed and is committed (resources, an account's status, a carrier paused):
   * reads it again and settles when it is in force here. Other nodes hear of it by NOTIFY.
   */
  catalogChanged(): Promise<void>;
  /**
   * A list of numbers, senders or destinations changed and is committed: settles when this node goes by it. False: it does
   * not yet, after seconds. Other nodes hear of it by NOTIFY.
   * @param channel of the list
   */
  listChanged(channel: string): Promise<boolean>;
  /**
   * An account was suspended or terminated and the catalog says so already: its queued messages end by
   * terms.onRefusal. Settles when the work is begun; it goes on behind.
   */
  accountStopped(account: string, reason: string): Promise<void>;
  /** What held messages say, by id; one whose content is gone is missing. Empty while this node is starting. */
  heldContent(
    held: readonly Pick<HeldMessage, 'id' | 'parts'>[],
  ): Promise<ReadonlyMap<bigint, HeldContent>>;
  /** Ends a message whose refusal is committed; a node that cannot leaves it to the next look. Never rejects. */
  refuseHeld(id: bigint): Promise<void>;
  /** Counts messages of an account whose codes were entered; undefined while this node is starting. */
  confirm(account: AccountId, names: readonly string[]): Promise<Converted | undefined>;
  /** Judges past traffic by policies that are tried; undefined while this node is starting; `busy`: one at a time. */
  replayPolicy(question: ReplayQuestionView): Promise<ReplayAnswer | 'busy' | undefined>;
  /** Stops taking traffic, waits for what is in flight, ends the process. Returns at once. */
  drain(actor: string): void;
}
