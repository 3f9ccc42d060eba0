import type { Pool } from 'pg';
import { type EpochId, type MessageId, messageIdMs } from '../domain/ids.ts';
import type { Refused } from '../domain/policy.ts';
import { deferredUntil } from '../domain/policy-notes.ts';
import { notePolicy } from '../store/policy-notes.ts';
import { withClient } from '../store/pool.ts';
import { type DeferredMessage, deferMessages } from '../store/scheduled.ts';
import type { SettleVerdict } from '../store/settle.ts';
import type { Message } from './message.ts';
import type { GatewayObserver } from './observer.ts';
import type { DeferredAgain } from './policy-step.ts';

/**
 * What waited so long in a carrier's queue is asked again before it is leased: a queue that moves is through in a tenth of
 * it, so that nothing is asked twice there.
 */
export const ASK_AGAIN_MS = 2_000;
/** What cannot be decided yet (the store is away, its last attempt is not stored) is asked again after this. */
export const ASK_LATER_MS = 1_000;

/** Since its accept, or since the time that it was to be sent at. */
export function waitedMs(
  { id, releaseAtMs }: Pick<Message, 'id' | 'releaseAtMs'>,
  nowMs: number,
): number {
  return Math.max(nowMs - Math.max(messageIdMs(id), releaseAtMs), 0);
}

/**
 * What came of a message that may not go: it has ended; it waits in the table `scheduled`; it was replaced since, and is
 * to be read again; or nothing yet (the store is away, or its last attempt is not stored), and it is asked later.
 */
export type Came = 'ended' | 'deferred' | 'replaced' | 'notYet';

export interface AskedAgainDeps {
  readonly pool: Pool;
  readonly epoch: EpochId;
  readonly observer: Pick<GatewayObserver, 'note'>;
  /** What its account's policy says now; undefined: it may go. */
  judge(message: Message): Refused | DeferredAgain | undefined;
  /** Ends it REJECTD by its terms, if no carrier can have it. */
  stop(message: Message, told: (verdict: SettleVerdict) => void): void;
  /** The message as it stands now, if it was replaced since this copy. */
  newer(copy: Message): Promise<Message | undefined>;
}

interface Deferring extends DeferredMessage {
  told(came: Came): void;
}

/**
 * What waited (for its time, its parts, a person, or long for a carrier) is judged again when it goes, by the rules
 * whose answer may have changed since:
 *
 * ```
 *   its turn has come ──> asked ──┬── goes
 *           ^                     ├── refused ──> noted ──> REJECTD, by its terms
 *           │                     └── outside its hours, which defer ──> table `scheduled`, at the next open minute
 *           └── its time has come ─────────────────────────────────────────────┘       (or at the end of its validity)
 * ```
 */
export class AskedAgain {
  readonly #deps: AskedAgainDeps;
  /** Those of this turn of the event loop: one statement for all. */
  #deferring = new Map<MessageId, Deferring>();

  constructor(deps: AskedAgainDeps) {
    this.#deps = deps;
  }

  /**
   * Whether it may go now. If not, `told` hears once what came of it, later; until then the message is its caller's to
   * keep.
   */
  mayGo(message: Message, told: (came: Came) => void): boolean {
    const answer = this.#deps.judge(message);
    if (answer === undefined) return true;
    if ('refusal' in answer) void this.#end(message, answer, told);
    else this.#defer(message, answer, told);
    return false;
  }

  async #end(
    message: Message,
    { rule, refusal }: Refused,
    told: (came: Came) => void,
  ): Promise<void> {
    const { pool, observer, stop, newer } = this.#deps;
    // The note first: what has ended is not judged again, so that after a crash its reason would be missing for good.
    await notePolicy(pool, message.id, rule, refusal.detail).catch((error) =>
      observer.note('warn', 'policyNoteNotStored', { reason: String(error) }),
    );
    stop(message, (verdict) => {
      if (verdict !== 2) return told('ended');
      newer(message).then(
        (found) => told(found === undefined ? 'notYet' : 'replaced'),
        () => told('notYet'),
      );
    });
  }

  #defer(
    { id, validUntilMs }: Message,
    { rule, notBeforeMs }: DeferredAgain,
    told: (came: Came) => void,
  ): void {
    if (this.#deferring.size === 0) queueMicrotask(() => void this.#store());
    // At the end of its validity at the latest, when it ends.
    const atMs = Math.min(notBeforeMs, validUntilMs);
    this.#deferring.set(id, { id, atMs, rule, reason: deferredUntil(notBeforeMs), told });
  }

  async #store(): Promise<void> {
    const { pool, epoch, observer } = this.#deps;
    const deferring = [...this.#deferring.values()];
    this.#deferring = new Map();
    const came = await withClient(pool, (client) => deferMessages(client, epoch, deferring)).then(
      () => 'deferred' as const,
      (error) => {
        observer.note('warn', 'deferredMessagesWait', { reason: String(error) });
        return 'notYet' as const;
      },
    );
    for (const { told } of deferring) told(came);
  }
}
