import type { Catalog, CatalogCarrier } from '../domain/catalog.ts';
import type { CarrierId, MessageId } from '../domain/ids.ts';
import type { CarrierBindStatus } from '../session/carrier-bind.ts';
import type { CarrierLink, CarrierLinkHandler } from '../session/carrier-link.ts';
import type { OutbindResult } from '../session/outbind-listener.ts';
import type { Session } from '../session/session.ts';
import type { InFlight } from '../session/session-types.ts';
import type { RequestPdu, ResponsePdu } from '../smpp/pdu.ts';
import * as status from '../smpp/status.ts';
import type { BindBook } from './bind-book.ts';
import { CarrierLinks, type CarrierLinksDeps } from './carrier-links.ts';
import { isSamePlace, needsNewLink } from './carrier-options.ts';
import { CarrierProbe, type ProbeDeps } from './carrier-probe.ts';
import { DeadLinks } from './dead-links.ts';
import { Dispatcher } from './dispatch.ts';
import type { DispatchDeps, Link } from './dispatch-spec.ts';
import type { InboundPath } from './inbound.ts';
import { LinkLog } from './link-log.ts';
import type { Message } from './message.ts';
import type { FailoverReason } from './observer.ts';
import type { ProbeRequest } from './probe-plan.ts';
import { smaller } from './queue.ts';
import type { ReceiptPath } from './receipt.ts';
import {
  type Destination,
  type RecordMoves,
  Reroute,
  type Rerouted,
  type Waiting,
} from './reroute.ts';
import type { Job, Sending } from './sending.ts';

/** One carrier as it runs. */
export interface RunningCarrier {
  carrier: CatalogCarrier;
  link: CarrierLink;
  readonly dispatcher: Dispatcher;
  /** Unix ms since which the link is up; undefined while it is down. */
  upSinceMs: number | undefined;
  /** Unix ms since which it is down, while it is. */
  downSinceMs: number;
  /** Whether it was ever up. */
  wasUp: boolean;
}

export interface CarriersDeps
  extends Omit<DispatchDeps, 'carrier' | 'link'>,
    Omit<CarrierLinksDeps, 'log' | 'current'> {
  catalog(): Catalog;
  readonly bindBook: BindBook;
  readonly receipts: () => ReceiptPath;
  readonly inbound: InboundPath;
  /** A carrier's link came up or went down: the waits of its unknown outcomes begin or end. */
  onUp(carrier: CatalogCarrier): void;
  onDown(carrier: CatalogCarrier): void;
  /** A usable carrier of the message's route as it now stands that is not among those tried. */
  readonly next: Destination;
  /** Carriers that each of these was tried at. */
  tried(ids: readonly MessageId[]): Promise<ReadonlyMap<MessageId, ReadonlySet<CarrierId>>>;
}

/** All carriers of the catalog: a link and a dispatcher each, kept in step with the catalog. */
export class Carriers implements CarrierLinkHandler {
  readonly #deps: CarriersDeps;
  readonly #running = new Map<CarrierId, RunningCarrier>();
  readonly #links: CarrierLinks;
  readonly #log: LinkLog;
  readonly #rerouting: Reroute;
  readonly #deadLinks: DeadLinks;
  /** Whether messages were ever moved: then one need not wait where it was first queued. */
  #moves = false;
  /** Probes under way, which are shown what their carrier delivers; see ProbeDeps.watch. */
  readonly #watches = new Map<CarrierId, Parameters<ProbeDeps['watch']>[0]>();

  constructor(deps: CarriersDeps) {
    this.#deps = deps;
    this.#log = new LinkLog(deps);
    this.#links = new CarrierLinks({
      ...deps,
      log: this.#log,
      current: (carrier) => this.#running.get(carrier.id)?.carrier ?? carrier,
    });
    this.#rerouting = new Reroute({
      dispatcherOf: (id) => this.#running.get(id)?.dispatcher,
      styleOf: (id) => this.#running.get(id)?.carrier.longMessages,
      load: deps.load,
      tried: deps.tried,
      left: (message) => deps.queued.remove(message.bind),
    });
    this.#deadLinks = new DeadLinks({
      now: deps.now,
      running: () => this.#running,
      isUsable: this.isUsable,
      next: deps.next,
      reroute: (from, waiting, to) => this.#rerouting.run(from, waiting, to),
      moved: (from, rerouted, reason) => this.#noteMoved(from, rerouted, reason),
    });
  }

  get running(): ReadonlyMap<CarrierId, RunningCarrier> {
    return this.#running;
  }

  /** Whether a carrier can take messages now. */
  readonly isUsable = (id: CarrierId): boolean => {
    const running = this.#running.get(id);
    return running !== undefined && running.upSinceMs !== undefined && !running.carrier.paused;
  };

  /** Queues accepted messages with their carriers. */
  enqueue(messages: readonly Message[]): void {
    for (const message of messages) {
      const running = this.#running.get(message.carrier);
      if (running !== undefined) running.dispatcher.enqueue(message);
      else {
        // Its carrier was removed since it was routed: it goes to another of its route.
        this.#deadLinks.strayOf(message.carrier).queue.push(message);
        this.#deps.queued.add(message.bind);
      }
    }
    this.pump();
  }

  /**
   * Takes what waits for a carrier where `to` says (undefined: it stays). Leased and unanswered submits are left alone.
   * In the background: it settles when all that waited was looked at, a second for each 10,000 or so.
   * @param record stores moves before they are made
   */
  async reroute(from: CarrierId, to: Destination, record: RecordMoves): Promise<Rerouted> {
    const waiting = this.#running.get(from)?.dispatcher ?? this.#deadLinks.strayOf(from);
    const rerouted = await this.#rerouting.run(from, waiting, to, record);
    if (rerouted.moved.size > 0) this.#noteMoved(from, rerouted, 'requeue');
    return rerouted;
  }

  /** A message of which only the id is at hand: at the end of its lane. */
  queueId(carrier: CarrierId, lane: number, id: MessageId): void {
    this.#waitingFor(carrier).queue.pushId(lane, id);
  }

  /** A queued message has ended. */
  forget(message: Message): void {
    if (this.#running.get(message.carrier)?.dispatcher.forget(message) || !this.#moves) return;
    for (const { dispatcher } of this.#running.values()) if (dispatcher.forget(message)) return;
  }

  /** Some messages wait elsewhere than at the carrier that their row names. */
  messagesMoved(): void {
    this.#moves = true;
  }

  /** Segments to be sent before the queue. */
  enqueueJobs(carrier: CarrierId, jobs: readonly Job[]): void {
    const waiting = this.#waitingFor(carrier);
    for (const job of jobs) waiting.jobs.push(job);
  }

  /** The next attempt at the same carrier, in a while (see Jobs.retry). */
  retryJob(carrier: CarrierId, job: Job, afterMs: number | undefined): void {
    this.#waitingFor(carrier).jobs.retry(job, this.#deps.now(), afterMs);
  }

  pump(): void {
    for (const { dispatcher } of this.#running.values()) dispatcher.pump();
  }

  tick(nowMs: number): void {
    for (const { dispatcher } of this.#running.values()) dispatcher.tick(nowMs);
    this.#deadLinks.tick(nowMs);
  }

  /** An id not above any that waits here without a lease. */
  floor(): MessageId | undefined {
    let floor = smaller(this.#rerouting.floor(), this.#deadLinks.floor());
    for (const { dispatcher } of this.#running.values()) floor = smaller(floor, dispatcher.floor());
    return floor;
  }

  /** Stops or goes on reading from all carriers: their receipts wait with them. */
  holdReading(hold: boolean): void {
    this.#links.holdReading(hold);
  }

  /** Brings links and dispatchers in step with the catalog. */
  onCatalog(): void {
    const { carriers } = this.#deps.catalog();
    for (const [id, running] of this.#running) {
      if (carriers.has(id)) continue;
      this.#running.delete(id);
      running.dispatcher.setPaused(true);
      this.#deadLinks.onRemoved(id, running.dispatcher);
      void this.#links.leave(running.link);
    }
    this.#deadLinks.onChange();
    for (const carrier of carriers.values()) {
      const running = this.#running.get(carrier.id);
      if (running === undefined) this.#start(carrier);
      else this.#reconfigure(running, carrier);
    }
  }

  /** Probes a carrier over a bind of its own; undefined when it does not run here. */
  probe(id: CarrierId, request: ProbeRequest): CarrierProbe | undefined {
    const carrier = this.#running.get(id)?.carrier;
    if (carrier === undefined) return undefined;
    return new CarrierProbe(
      {
        newLink: (handler, tap) => this.#links.make({ ...carrier, binds: 1 }, handler, tap),
        leave: (link) => this.#links.leave(link),
        watch: (watch) => {
          this.#watches.set(id, watch);
          return () => void this.#watches.delete(id);
        },
        forward: (session, pdu) => this.#deps.receipts().onDeliver(session, carrier, pdu),
        now: this.#deps.now,
      },
      carrier,
      request,
    );
  }

  /** Stops sending on all links (drain): what is in flight may finish. */
  pauseAll(): void {
    this.#deadLinks.stop();
    this.#rerouting.stop();
    for (const { dispatcher } of this.#running.values()) dispatcher.setPaused(true);
  }

  /** Lets go of what is leased and was never written: it stays queued and is no unknown outcome. */
  giveBackLeased(): void {
    for (const { dispatcher } of this.#running.values()) dispatcher.giveBackLeased();
  }

  /** Submits that wait for their answer, over all carriers. */
  inFlight(): number {
    let inFlight = 0;
    for (const { link } of this.#running.values()) inFlight += link.windowInUse;
    return inFlight;
  }

  /** Unbinds every link; settles when the last socket is gone. */
  stop(): Promise<void> {
    return this.#links.stop();
  }

  onResponse(link: CarrierLink, pdu: ResponsePdu, context: unknown): void {
    const upstreamId = pdu.command === 'submit_sm_resp' ? pdu.message_id : '';
    runningOf(link).dispatcher.onAnswer(pdu.command_status, upstreamId, context as Sending);
  }

  onRequest(link: CarrierLink, session: Session, pdu: RequestPdu): void {
    if (pdu.command === 'deliver_sm' || pdu.command === 'data_sm') {
      const { carrier } = runningOf(link);
      if (this.#watches.size > 0 && this.#watches.get(carrier.id)?.(session, pdu)) return;
      this.#deps.receipts().onDeliver(session, carrier, pdu);
    } else if (pdu.command === 'alert_notification')
      this.#deps.inbound.onAlert(runningOf(link).carrier, pdu);
    else session.refuse(pdu, status.ESME_RINVCMDID);
  }

  onUp(link: CarrierLink): void {
    const running = runningOf(link);
    if (running.link !== link) return; // a former link, on its way out
    running.upSinceMs = this.#deps.now();
    running.wasUp = true;
    this.#deadLinks.onChange();
    this.#deps.onUp(running.carrier);
    running.dispatcher.pump();
  }

  onDown(link: CarrierLink, reason: { readonly kind: string; readonly detail: string }): void {
    const running = runningOf(link);
    if (running.link !== link) return;
    running.upSinceMs = undefined;
    running.downSinceMs = this.#deps.now();
    this.#log.down(running.carrier, reason);
    this.#deps.onDown(running.carrier);
  }

  onReturned(link: CarrierLink, requests: InFlight[]): void {
    const returned = requests.map(({ context, written }) => ({
      sending: context as Sending,
      written,
    }));
    runningOf(link).dispatcher.onReturned(returned);
  }

  onWindowOpen(link: CarrierLink): void {
    runningOf(link).dispatcher.pump();
  }

  onBindChange(link: CarrierLink, bind: CarrierBindStatus): void {
    this.#log.bindChange(runningOf(link).carrier, bind);
  }

  onOutbind(link: CarrierLink, result: OutbindResult, address: string): void {
    this.#log.outbind(runningOf(link).carrier, result, address);
  }

  onOutbindUnavailable(link: CarrierLink, code: string): void {
    this.#log.outbindUnavailable(runningOf(link).carrier, code);
  }

  /** Where what goes to a carrier waits. */
  #waitingFor(carrier: CarrierId): Waiting {
    return this.#running.get(carrier)?.dispatcher ?? this.#deadLinks.strayOf(carrier);
  }

  #noteMoved(from: CarrierId, { moved, stayed }: Rerouted, reason: FailoverReason): void {
    this.#moves = true;
    // One that was removed has no name any more.
    const nameOf = (id: CarrierId) => this.#running.get(id)?.carrier.name ?? '-';
    for (const [to, count] of moved) {
      const fields = { from: nameOf(from), to: nameOf(to), reason, count, stayed };
      this.#deps.observer.failover(fields.from, fields.to, reason, count);
      this.#deps.observer.note('warn', 'failedOver', fields);
    }
  }

  #start(carrier: CatalogCarrier): void {
    const link = this.#links.make(carrier, this);
    const dispatcher = new Dispatcher({ ...this.#deps, carrier, link: boundedLink(link, carrier) });
    const downSinceMs = this.#deps.now();
    const upSinceMs = undefined;
    const running = { carrier, link, dispatcher, upSinceMs, downSinceMs, wasUp: false };
    link.attachment = running;
    this.#running.set(carrier.id, running);
    if (carrier.paused) dispatcher.setPaused(true);
    link.start();
  }

  #reconfigure(running: RunningCarrier, carrier: CatalogCarrier): void {
    const former = running.carrier;
    if (former === carrier) return;
    running.carrier = carrier;
    if (needsNewLink(former, carrier)) {
      const gone = this.#links.leave(running.link);
      running.upSinceMs = undefined;
      running.downSinceMs = this.#deps.now();
      const link = this.#links.make(carrier, this);
      running.link = link;
      link.attachment = running;
      // A carrier counts binds: those of the former link are gone before the new ones come.
      if (!isSamePlace(former, carrier)) link.start();
      else
        void gone.then(() => {
          if (running.link === link && this.#running.get(carrier.id) === running) link.start();
        });
    } else
      running.link.reshape({
        segmentsPerSecond: carrier.segmentsPerSecond,
        ...(carrier.burst !== undefined && { burst: carrier.burst }),
        windowMax: carrier.windowMax,
      });
    running.dispatcher.reconfigure(carrier, boundedLink(running.link, carrier));
    if (carrier.paused !== former.paused) running.dispatcher.setPaused(carrier.paused);
  }
}

/** The link as its dispatcher sees it. */
function boundedLink(link: CarrierLink, carrier: CatalogCarrier): Link {
  return {
    send: (pdu, sending) => link.send(pdu, sending),
    windowFree: () => link.windowFree(),
    isUp: () => link.state === 'up',
    takesTlvs: () => link.takesTlvs,
    windowTotal: carrier.binds * carrier.windowMax,
  };
}

function runningOf(link: CarrierLink): RunningCarrier {
  return link.attachment as RunningCarrier;
}
