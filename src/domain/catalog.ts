import type { CarrierConnection } from './carrier-connection.ts';
import type { CarrierLimits, CarrierQuirks } from './carrier-quirks.ts';
import type { CidrList } from './cidr.ts';
import type { AccountId, BindId, CarrierId } from './ids.ts';
import type { InboundTable } from './inbound.ts';
import type { FaultClass, MessageState } from './message-state.ts';
import type { Credits } from './money.ts';
import type { Networks } from './networks.ts';
import type { CompiledPolicy } from './policy.ts';
import type { ReceiptDialect } from './receipt-dialect.ts';
import type { StatusFor } from './refusal.ts';
import type { RouteTable } from './routing.ts';
import type { CompiledTariff } from './tariff.ts';
import type { CompiledTerms } from './terms.ts';
import type { ClassBy } from './traffic-class.ts';
import type { TrafficPrefixes } from './traffic-prefix.ts';

/** The configuration that the gateway reads: compiled from the stored resources, immutable, replaced as a whole. */
export interface Catalog {
  readonly version: number;
  /** By system_id, over all accounts. */
  readonly binds: ReadonlyMap<string, CatalogBind>;
  readonly accounts: ReadonlyMap<AccountId, CatalogAccount>;
  readonly accountsByName: ReadonlyMap<string, CatalogAccount>;
  readonly carriers: ReadonlyMap<CarrierId, CatalogCarrier>;
  readonly routes: RouteTable;
  /** By what numbers traffic is counted. */
  readonly prefixes: TrafficPrefixes;
  /** What carriers take for a segment, where that is known. */
  readonly costs: ReadonlyMap<CarrierId, CompiledTariff>;
  /** By what numbers usage is counted: every prefix that has a price somewhere. */
  readonly pricePrefixes: TrafficPrefixes;
  /** Whose a number is by its prefix. */
  readonly networks: Networks;
  /** The traffic classes of binds that have one of their own; the others have their account's. */
  readonly bindClasses: ReadonlyMap<BindId, string>;
  /** Of each traffic class. */
  readonly lanes: ReadonlyMap<string, QueueLane>;
  /** Whose what subscribers send is. */
  readonly inbound: InboundTable;
}

/** The carrier of a name; undefined: there is none. Walks the carriers: for what operators ask. */
export function carrierNamed(catalog: Catalog, name: string): CatalogCarrier | undefined {
  for (const carrier of catalog.carriers.values()) if (carrier.name === name) return carrier;
  return undefined;
}

/** One system_id of a customer. */
export interface CatalogBind {
  readonly id: BindId;
  readonly systemId: string;
  readonly account: CatalogAccount;
  readonly passwordHash: string;
  /** The password before, which is good until then (Unix ms), so that a customer changes his at leisure. */
  readonly former: { readonly passwordHash: string; readonly untilMs: number } | undefined;
  /** SHA-256 fingerprints (64 lower hex digits) one of which the client must show over TLS; undefined: none is asked for. */
  readonly certificates: ReadonlySet<string> | undefined;
  /** Undefined: any address; an empty list: none. */
  readonly allowFrom: CidrList | undefined;
  /** Sessions at once. */
  readonly bindsMax: number;
  /** Outstanding requests of one session. */
  readonly windowMax: number;
  /** Over all its sessions; 0: unlimited. */
  readonly segmentsPerSecond: number;
  /** Segments at once after a rest; 0 when the rate is unlimited. */
  readonly burst: number;
  /** Longest PDU, in octets; the daemon's `smpp.maxPduOctets` where that is less. */
  readonly maxPduOctets: number;
  /** Without a word for so long, an enquire_link is sent. */
  readonly enquireLinkIntervalMs: number;
  /** Without a transaction for so long, the session ends; 0: never. */
  readonly inactivityMs: number;
  /** Of its traffic class: its own or the account's. */
  readonly lane: QueueLane;
  /** Accepted messages that may wait for a carrier; undefined: no limit but the disk. */
  readonly queuedMax: number | undefined;
}

/** Which queue a message waits in: 0 fast, 1 normal, 2 bulk. */
export type QueueLane = 0 | 1 | 2;

/** Whether an account may send. */
export type AccountStatus = 'active' | 'suspended' | 'terminated';

/** A customer. */
export interface CatalogAccount {
  readonly id: AccountId;
  readonly name: string;
  readonly status: AccountStatus;
  /** It may have no sessions: a suspension that ended them, such as a violation's. */
  readonly bindsDropped: boolean;
  /** Unix ms. */
  readonly madeMs: number;
  /** Whether a number is of its allowedPrefixes or allowedCountries; undefined: it has none. */
  readonly allows: ((destination: string) => boolean) | undefined;
  /** Made by the demo. */
  readonly demo: boolean;
  readonly tariff: CompiledTariff;
  readonly terms: CompiledTerms;
  readonly policy: CompiledPolicy;
  /** Of its messages, unless their system_id or they themselves say another: traffic-class.ts. */
  readonly trafficClass: string;
  /** Undefined: its messages say nothing of their class. */
  readonly classBy: ClassBy | undefined;
  /** The classes that it may send; undefined: all. */
  readonly classes: ReadonlySet<string> | undefined;
  readonly lane: QueueLane;
  readonly validityDefaultMs: number;
  readonly validityMaxMs: number;
  /** Over all system_ids; undefined: no limit beyond theirs. */
  readonly segmentsPerSecond: number | undefined;
  readonly receipts: ReceiptFormat;
  /** `receipt`: a refused message is accepted and ends REJECTD. */
  readonly refusals: 'submit' | 'receipt';
  readonly statusFor: StatusFor;
  /** What the customer means by data_coding 0. */
  readonly defaultAlphabet: 'gsm7' | 'gsm7-packed' | 'latin1';
  /** Undefined: a submit_sm that is repeated is a new message. */
  readonly dedupe: Dedupe | undefined;
  /** Its own data, which a carrier's TLVs may be taken from. */
  readonly profile: Readonly<Record<string, string | number | boolean>>;
  /** It has its opening credit only. */
  readonly trial: boolean;
  /** Undefined: nobody is told of its credit. */
  readonly warnings: CreditWarnings | undefined;
  readonly webhook: Webhook | undefined;
}

/** When a customer is told of his credit. */
export interface CreditWarnings {
  /** Days before credit expires, longest first. */
  readonly expiryDays: readonly number[];
  /** When what is available falls below it; undefined: never. */
  readonly balanceBelow: Credits | undefined;
}

/** Where a customer's systems are told of events. */
export interface Webhook {
  /** https, or http to a loopback address. */
  readonly url: string;
  /** The key that signs what is sent, sealed. */
  readonly sealedSecret: string;
}

/** When a submit_sm is a repetition of an earlier one: these fields are the same, and it comes within `seconds`. */
export interface Dedupe {
  readonly by: readonly ('user_message_reference' | 'source' | 'destination' | 'text')[];
  readonly seconds: number;
}

/** How a customer wants his receipts. */
export interface ReceiptFormat {
  readonly text: boolean;
  readonly tlv: boolean;
  /** Base of the id in the text field; the TLV always repeats the response's string. */
  readonly idBase: 'decimal' | 'hex';
  /** Offset of the dates in the text from UTC, in minutes. */
  readonly utcOffsetMinutes: number;
  /** How long what he has not taken is kept. */
  readonly keepMs: number;
  /** Of what waited, returned a second when he is back; what comes new is not counted. */
  readonly replayPerSecond: number;
}

/** How a carrier writes a message id: `auto` is learnt. */
export type UpstreamIdForm = 'text' | 'decimal' | 'hex' | 'auto';

/** An upstream SMSC. */
export interface CatalogCarrier {
  readonly id: CarrierId;
  readonly name: string;
  readonly host: string;
  /** 0: filled in by the demo with the simulator's port. */
  readonly port: number;
  readonly systemId: string;
  readonly sealedPassword: string;
  readonly bindAs: 'transceiver' | 'transmitter+receiver';
  readonly binds: number;
  readonly windowMax: number;
  /** 0: unlimited. */
  readonly segmentsPerSecond: number;
  /** Segments at once after a rest; undefined: one second's worth. */
  readonly burst: number | undefined;
  readonly connection: CarrierConnection;
  readonly ids: { readonly response: UpstreamIdForm; readonly receipt: UpstreamIdForm };
  readonly longMessages: 'udh' | 'udh16' | 'sar' | 'payload';
  /** What its submit_sm has other than ours; undefined: nothing. */
  readonly quirks: CarrierQuirks | undefined;
  /** TLVs that no rule names go only to a carrier that says that it speaks 3.4 (SMPP 3.4 §3.4). */
  readonly tlvsByVersion: boolean;
  /** What it cannot take; undefined: it takes all. */
  readonly limits: CarrierLimits | undefined;
  /** How its receipts are read; undefined: as SMPP 3.4 appendix B has them. */
  readonly receiptDialect: ReceiptDialect | undefined;
  /** False: this carrier sends no receipts, its submit_sm_resp is the last word. */
  readonly receipts: boolean;
  readonly receiptGraceMs: number;
  readonly onUnknownOutcome: {
    readonly waitMs: number;
    readonly then: 'resend' | 'expire';
    /** What is unknown for so long at a carrier that is not back is resolved without it; undefined: it waits. */
    readonly giveUpMs: number | undefined;
  };
  /** Its link is down for so long before what it has queued goes to other carriers of the route. */
  readonly failoverAfterMs: number;
  /** Non-final states that end a message at this carrier (ENROUTE or ACCEPTD). */
  readonly finalStates: readonly MessageState[];
  /** Whether a receipt must agree with its message in the last 7 digits of the destination. */
  readonly matchDestination: boolean;
  /** Whether receipts echo user_message_reference. */
  readonly echoesUserMessageReference: boolean;
  /** Where a receipt has the addresses of its message: exchanged, as SMPP has it, or as they were sent. */
  readonly receiptAddresses: 'swapped' | 'asSent';
  /** Of a message of several segments it sends a receipt for one only, whichever: it counts for all. */
  readonly oneReceipt: boolean;
  /** So long after its first segment ended a message ends by those that have; undefined: only when its time is over. */
  readonly segmentsWaitMs: number | undefined;
  /** Other carriers of the same SMSC account: a receipt of theirs may come over this one's sessions. */
  readonly receiptsWith: readonly CarrierId[];
  readonly faults: CarrierFaults;
  /** DELIVRD within fewer seconds of the submit_sm_resp is implausible; 0: never. */
  readonly quality: { readonly quickReceiptSeconds: number };
  readonly paused: boolean;
  readonly demo: boolean;
}

/** On whose side a failure at this carrier is, and what is tried before it counts. */
export interface CarrierFaults {
  /** By a failed receipt: its `err:` first, then its state (default recipient / carrier / recipient). */
  ofReceipt(state: MessageState, err: string | undefined): FaultClass;
  /** By a permanent command_status of its submit_sm_resp (default carrier). */
  ofStatus(commandStatus: number): FaultClass;
  /** Whether the next carrier is to be tried upon such a receipt, before it ends anything. */
  nextAfter(state: MessageState, err: string | undefined): boolean;
  /** What to do upon a command_status that is not ESME_ROK. */
  onStatus(commandStatus: number): StatusAction;
  /** Whether the carrier says by it that it gets too much: the link goes slower. */
  slowsDown(commandStatus: number): boolean;
}

/** What a command_status other than ESME_ROK brings about. */
export type StatusAction =
  /** The segment ends REJECTD. */
  | { readonly kind: 'fault' }
  /** The next carrier is tried; REJECTD where there is none. */
  | { readonly kind: 'next' }
  /**
   * The same carrier is tried again, `retries` times at most (undefined: as long as it is valid), then the next one;
   * where there is none, the same again. `afterMs` undefined: a second, doubled each time up to a minute.
   */
  | {
      readonly kind: 'retry';
      readonly afterMs: number | undefined;
      readonly retries: number | undefined;
    };
