import type { Client } from 'pg';
import type { BatchId, CarrierId, EpochId } from '../domain/ids.ts';
import { type AcceptAnswer, writeAccept } from '../store/accept.ts';
import { noteDue } from '../store/due.ts';
import type { DependencyError } from '../store/errors.ts';
import { type GiveUpVerdict, writeGiveUp } from '../store/give-up.ts';
import { type InboundVerdict, writeInbound } from '../store/inbound.ts';
import { Lane, type LaneSpec } from '../store/lane.ts';
import { type TakenLease, takeLease } from '../store/lease.ts';
import { writeNotes } from '../store/parked.ts';
import { type ReplaceAnswer, writeReplace } from '../store/replace.ts';
import { writeReturned } from '../store/returned.ts';
import { writeSegmentReceipts } from '../store/segment-receipts.ts';
import { writeSent } from '../store/sent.ts';
import { type SettleVerdict, writeEndUnsent, writeSettle } from '../store/settle.ts';
import { strikeOff, writeDeferred } from '../store/waiting.ts';
import { type Deferral, type Delivery, FINAL_RECEIPT } from './delivery.ts';
import type { GiveUp } from './failover.ts';
import type { InboundItem } from './inbound.ts';
import type { LeaseBook } from './lease-book.ts';
import type { GatewayObserver } from './observer.ts';
import type { ReceiptNote, SegmentEnd } from './receipt.ts';
import type { Replacement } from './replace.ts';
import type { Sending } from './sending.ts';
import type { Settlement } from './settlement.ts';
import type { Submission } from './submit-verdicts.ts';

/** Items of one batch (docs/performance.md: what a message costs falls up to about here). */
const BATCH_MAX = 500;
/** Sent, settle and returned wait this long for company: a quarter of the machine saved at 5,000/s, p99 no worse. */
const LINGER_MS = 10;

/** One request for a lease; its own batch. */
export interface LeaseRequest {
  readonly lease: bigint;
  readonly carrier: CarrierId;
  readonly keys: readonly Sending[];
  readonly done: (taken: TakenLease) => void;
  readonly failed: (error: DependencyError) => void;
}

/** What the lanes tell. */
export interface LaneHandlers {
  onAccepted(items: Submission[], verdicts: AcceptAnswer[]): void;
  onNotAccepted(items: Submission[]): void;
  onAcceptInDoubt(items: Submission[]): void;
  onSent(items: Sending[]): void;
  onSettled(items: Settlement[], verdicts: SettleVerdict[]): void;
  onEndedUnsent(items: Settlement[], verdicts: SettleVerdict[]): void;
  onSegments(items: SegmentEnd[], verdicts: (0 | 1)[]): void;
  onNotes(items: ReceiptNote[]): void;
  onGivenUp(items: GiveUp[], verdicts: GiveUpVerdict[]): void;
  onInbound(items: InboundItem[], verdicts: InboundVerdict[]): void;
  onReturned(items: readonly Delivery[]): void;
  onDeferred(items: readonly Deferral[]): void;
}

export interface LanesSpec {
  readonly epoch: EpochId;
  connect(lane: string): Promise<Client>;
  newBatchId(): BatchId;
  readonly now: () => number;
  readonly observer: GatewayObserver;
  readonly leases: LeaseBook;
  /** A customer waits this long for an answer whose commit is in doubt. */
  readonly doubtMaxMs: number;
  /** The key under which a recipient stands on the waiting list. */
  recipientKey(recipient: string | bigint): bigint;
  readonly handlers: LaneHandlers;
}

/** Every stream of writes of the pipeline, a connection each. */
export interface Lanes {
  readonly accept: Lane<Submission, AcceptAnswer>;
  readonly lease: Lane<LeaseRequest, TakenLease>;
  readonly sent: Lane<Sending, never>;
  readonly settle: Lane<Settlement, SettleVerdict>;
  readonly endUnsent: Lane<Settlement, SettleVerdict>;
  readonly replace: Lane<Replacement, ReplaceAnswer>;
  readonly segments: Lane<SegmentEnd, 0 | 1>;
  readonly notes: Lane<ReceiptNote, never>;
  readonly giveUp: Lane<GiveUp, GiveUpVerdict>;
  readonly inbound: Lane<InboundItem, InboundVerdict>;
  readonly returned: Lane<Delivery, never>;
  readonly deferred: Lane<Deferral, never>;
}

/** Opens the lanes. Only accept and lease hand items back when the store is away; the others keep them until it answers. */
export function openLanes(spec: LanesSpec): Lanes {
  return { ...submitLanes(spec), ...receiptLanes(spec) };
}

function submitLanes(spec: LanesSpec): Pick<Lanes, 'accept' | 'lease' | 'sent'> {
  const { epoch, handlers, leases } = spec;
  return {
    accept: open(spec, 'accept', {
      lingerMs: 0,
      whileDown: 'refuse',
      write: (client, batch, items) => {
        const messages = items.map((item) => item.message);
        return writeAccept(client, epoch, batch, messages);
      },
      onCommitted: handlers.onAccepted,
      onNotCommitted: handlers.onNotAccepted,
      onLongDoubt: handlers.onAcceptInDoubt,
      doubtMaxMs: spec.doubtMaxMs,
    }),
    lease: open<LeaseRequest, TakenLease>(spec, 'lease', {
      maxBatch: 1,
      lingerMs: 0,
      whileDown: 'refuse',
      write: async (client, _batch, [request]) => {
        if (request === undefined) return [];
        const { carrier, keys, lease } = request;
        return [await takeLease(client, epoch, carrier, keys, lease, versionsOf(keys))];
      },
      onCommitted: ([request], [taken]) => {
        if (taken !== undefined) request?.done(taken);
      },
      onNotCommitted: ([request], error) => request?.failed(error),
    }),
    sent: open<Sending, never>(spec, 'sent', {
      write: (client, batch, items) => {
        const done = leases.takeDone();
        return writeSent(client, epoch, batch, items, done).catch((error) => {
          leases.putBack(done);
          throw error;
        });
      },
      onCommitted: handlers.onSent,
    }),
  };
}

function receiptLanes(spec: LanesSpec): Omit<Lanes, 'accept' | 'lease' | 'sent'> {
  const { epoch, handlers } = spec;
  return {
    settle: open(spec, 'settle', {
      write: (client, batch, items) => writeSettle(client, epoch, batch, items),
      onCommitted: handlers.onSettled,
    }),
    endUnsent: open(spec, 'endUnsent', {
      write: (client, batch, items) => writeEndUnsent(client, epoch, batch, items),
      onCommitted: handlers.onEndedUnsent,
    }),
    replace: open<Replacement, ReplaceAnswer>(spec, 'replace', {
      lingerMs: 0,
      whileDown: 'refuse',
      write: (client, batch, items) => writeReplace(client, epoch, batch, items),
      onCommitted: (items, answers) => {
        for (const [i, item] of items.entries()) item.told(answers[i] ?? 'notCommitted');
      },
      onNotCommitted: (items) => {
        for (const item of items) item.told('notCommitted');
      },
    }),
    segments: open(spec, 'segments', {
      write: (client, batch, items) => storeSegments(client, epoch, batch, items),
      onCommitted: handlers.onSegments,
    }),
    notes: open<ReceiptNote, never>(spec, 'notes', {
      write: (client, batch, items) => writeNotes(client, epoch, batch, items),
      onCommitted: handlers.onNotes,
    }),
    giveUp: open<GiveUp, GiveUpVerdict>(spec, 'giveUp', {
      write: (client, batch, items) => writeGiveUp(client, epoch, batch, items),
      onCommitted: handlers.onGivenUp,
    }),
    inbound: open<InboundItem, InboundVerdict>(spec, 'inbound', {
      write: (client, batch, items) => writeInbound(client, epoch, batch, items),
      onCommitted: handlers.onInbound,
    }),
    returned: open<Delivery, never>(spec, 'returned', {
      write: (client, batch, items) => storeReturned(client, batch, items),
      onCommitted: handlers.onReturned,
    }),
    deferred: open<Deferral, never>(spec, 'deferred', {
      write: async (client, batch, items) => {
        const rows = items.map(({ id, account, kind, order, recipient, tries, retryAfterMs }) => {
          const key = spec.recipientKey(recipient);
          const dueAtMs = spec.now() + retryAfterMs;
          return { id, account, kind, order, recipient: key, tries, dueAtMs };
        });
        await writeDeferred(client, epoch, batch, rows);
        return [];
      },
      onCommitted: handlers.onDeferred,
    }),
  };
}

/** Before their carriers are answered: what has to be looked at again is on the list of the janitor. */
async function storeSegments(
  client: Client,
  epoch: EpochId,
  batch: BatchId,
  items: SegmentEnd[],
): Promise<(0 | 1)[]> {
  const verdicts = await writeSegmentReceipts(client, epoch, batch, items);
  const due = items.flatMap(({ id, lookAtMs: atMs }) => (atMs === undefined ? [] : [{ id, atMs }]));
  if (due.length > 0) await noteDue(client, due);
  return verdicts;
}

/** null, the usual case: each copy is as its message was accepted. */
function versionsOf(keys: readonly Sending[]): number[] | null {
  return keys.some(({ message }) => message.version > 0)
    ? keys.map(({ message }) => message.version)
    : null;
}

/** A lane with what all of them have in common. */
function open<Item, Verdict>(
  spec: LanesSpec,
  name: string,
  own: Pick<LaneSpec<Item, Verdict>, 'write' | 'onCommitted'> & Partial<LaneSpec<Item, Verdict>>,
): Lane<Item, Verdict> {
  const { observer } = spec;
  return new Lane<Item, Verdict>({
    name,
    connect: () => spec.connect(name),
    maxBatch: BATCH_MAX,
    lingerMs: LINGER_MS,
    now: spec.now,
    newBatchId: spec.newBatchId,
    onBatch: (size, tookMs) => observer.storeBatch(name, size, tookMs / 1_000),
    onConnection: (error) => noteConnection(observer, name, error),
    // A kept item is only given up when the epoch is lost or the row can never be stored.
    onNotCommitted: (items, { message }) =>
      observer.note('error', 'notStored', { lane: name, count: items.length, reason: message }),
    ...own,
  });
}

/**
 * Receipts are returned first, struck off the waiting list second: what dies in between is found returned by whoever
 * claims it. The other kinds have no row but those of inbound and the list, which change in one statement.
 */
async function storeReturned(
  client: Client,
  batch: BatchId,
  deliveries: Delivery[],
): Promise<never[]> {
  const waited = deliveries.filter((delivery) => delivery.waited);
  if (waited.length === 0) {
    await writeReturned(client, batch, deliveries);
    return [];
  }
  const others = waited.filter((delivery) => delivery.kind !== FINAL_RECEIPT);
  if (others.length > 0) await strikeOff(client, others);
  const receipts = deliveries.filter((delivery) => delivery.kind === FINAL_RECEIPT);
  await writeReturned(client, batch, receipts);
  const struck = receipts.filter((receipt) => receipt.waited);
  if (struck.length > 0) await strikeOff(client, struck);
  return [];
}

function noteConnection(
  observer: GatewayObserver,
  lane: string,
  error: DependencyError | undefined,
): void {
  if (error === undefined) observer.note('info', 'storeConnected', { lane });
  else observer.note('warn', 'storeLost', { lane, reason: error.message });
}
