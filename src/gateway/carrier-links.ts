import type { CatalogCarrier } from '../domain/catalog.ts';
import { CarrierLink, type CarrierLinkHandler } from '../session/carrier-link.ts';
import { sessionOptions } from '../session/session-types.ts';
import type { PduTap, Taps } from '../session/tap.ts';
import { carrierLinkOptions } from './carrier-options.ts';
import type { LinkLog } from './link-log.ts';
import type { GatewayObserver } from './observer.ts';
import { protocolWatch } from './protocol-errors.ts';

/** A carrier's own requests (receipts) that may be unanswered on one session; beyond it we stop reading. */
const PEER_WINDOW = 10_000;

export interface CarrierLinksDeps {
  readonly observer: GatewayObserver;
  readonly log: Pick<LinkLog, 'bound' | 'ended'>;
  readonly taps: Taps | undefined;
  readonly random: () => number;
  /** ms of a clock that does not go back. */
  readonly monotonic: () => number;
  readonly maxPduOctets: number;
  /** Opens a sealed secret of a carrier. */
  openSecret(sealed: string): string;
  /** The carrier as it is now: a link outlives changes of its resource that it need not know. */
  current(carrier: CatalogCarrier): CatalogCarrier;
}

/** Makes the links of carriers as their resources say, and sees them out. */
export class CarrierLinks {
  readonly #deps: CarrierLinksDeps;
  readonly #made = new Set<CarrierLink>();
  readonly #leaving = new Set<Promise<void>>();
  #held = false;

  constructor(deps: CarrierLinksDeps) {
    this.#deps = deps;
  }

  /**
   * A link that is yet to be started.
   * @param tap what sees its PDUs; by default the traces that are asked for
   * @throws Error when a sealed secret does not open, or a certificate is not usable
   */
  make(
    carrier: CatalogCarrier,
    handler: CarrierLinkHandler,
    tap: PduTap | undefined = this.#deps.taps?.carrier(carrier.name),
  ): CarrierLink {
    const { observer, log, monotonic, maxPduOctets, random, current } = this.#deps;
    const session = sessionOptions({
      side: 'esme',
      now: monotonic,
      windowMax: carrier.windowMax,
      peerWindowMax: PEER_WINDOW,
      maxPduOctets,
      observer: protocolWatch(observer, 'carrier', {
        bound: (session) => log.bound(carrier.name, session),
        ended: (session, reason) => log.ended(carrier.name, session, reason),
      }),
      tap,
    });
    if (carrier.connection.tls?.verify === false)
      observer.note('warn', 'carrierCertificateNotVerified', { carrier: carrier.name });
    const link = new CarrierLink(
      {
        ...carrierLinkOptions(carrier, session, (sealed) => this.#deps.openSecret(sealed)),
        random,
        slowsDown: (commandStatus) => current(carrier).faults.slowsDown(commandStatus),
      },
      handler,
    );
    this.#made.add(link);
    if (this.#held) link.pauseReading('storeBehind');
    return link;
  }

  /** Stops or goes on reading from all links, and from those that are made while it lasts. */
  holdReading(hold: boolean): void {
    this.#held = hold;
    for (const link of this.#made) {
      if (hold) link.pauseReading('storeBehind');
      else link.resumeReading('storeBehind');
    }
  }

  /** Unbinds a link; what it has in flight comes back through its answers or onReturned. */
  leave(link: CarrierLink): Promise<void> {
    this.#made.delete(link);
    const leaving: Promise<void> = link.stop().finally(() => this.#leaving.delete(leaving));
    this.#leaving.add(leaving);
    return leaving;
  }

  /** Unbinds all links; settles when their sockets are gone. */
  async stop(): Promise<void> {
    for (const link of this.#made) void this.leave(link);
    await Promise.all(this.#leaving);
  }
}
