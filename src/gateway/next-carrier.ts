import type { Catalog } from '../domain/catalog.ts';
import type { CarrierId } from '../domain/ids.ts';
import { type Attempt, answeredBy } from '../store/attempts.ts';
import type { Carriers } from './carriers.ts';
import { fitParts } from './failover.ts';
import type { Message } from './message.ts';
import type { GatewayObserver } from './observer.ts';
import type { Destination } from './reroute.ts';
import type { Router } from './router.ts';
import type { Job } from './sending.ts';
import { unfitFor } from './upstream-quirks.ts';

export interface NextCarrierDeps {
  readonly catalog: () => Catalog;
  readonly observer: GatewayObserver;
  readonly router: Pick<Router, 'next'>;
  readonly carriers: () => Pick<Carriers, 'isUsable' | 'enqueueJobs'>;
}

/**
 * Where a message goes after the carrier that it was routed to at its accept: by its route as it stands now, never to
 * a carrier that cannot take it, and with all its segments to carriers that send long messages the same way.
 */
export class NextCarrier {
  readonly #deps: NextCarrierDeps;

  constructor(deps: NextCarrierDeps) {
    this.#deps = deps;
  }

  /**
   * A usable carrier for a message, by the route as it stands now, that can take it and is not in `without`;
   * undefined: there is none.
   */
  readonly of: Destination = (message, without) => {
    for (let passed = without; ; ) {
      const carrier = this.#deps.router.next(message, passed);
      if (carrier === undefined || this.#takes(carrier, message)) return carrier;
      passed = new Set(passed).add(carrier);
    }
  };

  /**
   * Sends a submit_sm again whose outcome at `from` stayed unknown, by the route as it stands now: there or elsewhere,
   * but never at a carrier that answered an earlier attempt (it refused that, or its receipt failed it). Segments of
   * one message stay with one carrier, which puts them together, unless that is gone.
   */
  resend(job: Job, from: CarrierId, attempts: readonly Attempt[]): void {
    const { message } = job;
    const carriers = this.#deps.carriers();
    fitParts(message, this.styleOf(from));
    const stays = message.parts !== undefined && carriers.isUsable(from);
    const elsewhere = stays ? undefined : this.resendable(message, job.segment, from, attempts);
    message.carrier = elsewhere ?? from;
    if (message.carrier !== from) {
      const nameOf = (id: CarrierId) => this.#deps.catalog().carriers.get(id)?.name ?? '-';
      this.#deps.observer.failover(nameOf(from), nameOf(message.carrier), 'unknown', 1);
    }
    const segment = message.parts === undefined ? 0 : job.segment;
    carriers.enqueueJobs(message.carrier, [{ ...job, segment }]);
  }

  /**
   * A usable carrier for what was lost at `from`, which may be that again: none other that answered before, and for
   * segments one that sends long messages the same way.
   */
  resendable(
    message: Message,
    segment: number,
    from: CarrierId,
    attempts: readonly Attempt[],
  ): CarrierId | undefined {
    const style = this.styleOf(from);
    const without = answeredBy(attempts, message.parts === undefined ? undefined : segment);
    without.delete(from);
    for (;;) {
      const carrier = this.of(message, without);
      if (carrier === undefined || message.parts === undefined) return carrier;
      if (this.styleOf(carrier) === style) return carrier;
      without.add(carrier);
    }
  }

  /** How a carrier is sent long messages; undefined when it is in the catalog no more. */
  styleOf(carrier: CarrierId): string | undefined {
    return this.#deps.catalog().carriers.get(carrier)?.longMessages;
  }

  #takes(carrier: CarrierId, { submit, segments, owner }: Message): boolean {
    const limits = this.#deps.catalog().carriers.get(carrier)?.limits;
    if (limits === undefined || submit === undefined) return true;
    return unfitFor(limits, submit, segments, owner) === undefined;
  }
}
