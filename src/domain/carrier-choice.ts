import type { CarrierId } from './ids.ts';
import type { Credits } from './money.ts';
import type { Route, RouteCandidate, RouteQuery } from './routing.ts';
import { senderKindOf } from './sender-kind.ts';
import type { CompiledTariff, PricedTraffic } from './tariff.ts';

/**
 * Whether a route's candidate can take a message, and why not: it takes none (`weightZero`), it was tried before, its
 * tariff has no cost for the number, it costs more than the price, or it is down or paused (`notUp`).
 */
export type Verdict = 'usable' | 'weightZero' | 'tried' | 'noCost' | 'overCost' | 'notUp';

/** What a message brings to the choice. */
export interface Priced extends Pick<RouteQuery, 'network' | 'sender' | 'trafficClass' | 'atMs'> {
  /** E.164 digits. */
  readonly msisdn: string;
  /** Of a segment; undefined (an explanation without an account): costs are compared with nothing. */
  readonly unitPrice: Credits | undefined;
}

/** One candidate as it was weighed. */
export interface WeighedCandidate {
  readonly candidate: RouteCandidate;
  readonly verdict: Verdict;
  /** Of a segment; undefined: not known. */
  readonly cost: Credits | undefined;
  /** Of the traffic, from 0 to 1. */
  readonly share: number;
}

/**
 * Chooses among a route's candidates. Usable is one that takes traffic, was not tried before, does not cost more than
 * the message's price (unless it may) and is up. Of those the lowest priority number, under `leastCost` first the lowest
 * cost, then by weight. Reuses its own memory: not for two choices at once.
 */
export class CarrierChoice {
  readonly #isUp: (carrier: CarrierId) => boolean;
  readonly #verdicts: Verdict[] = [];
  readonly #costs: (Credits | undefined)[] = [];
  readonly #traffic: { -readonly [K in keyof PricedTraffic]: PricedTraffic[K] } = {
    network: undefined,
    trafficClass: '',
    sender: undefined,
    atMs: 0,
  };

  constructor(isUp: (carrier: CarrierId) => boolean) {
    this.#isUp = isUp;
  }

  /** Undefined when none is usable. @param random in [0, 1) */
  choose(
    route: Route,
    priced: Priced,
    tried: ReadonlySet<CarrierId> | undefined,
    random: number,
  ): CarrierId | undefined {
    this.#weigh(route, priced, tried);
    return this.#draw(route, this.#best(route, 'usable'), random);
  }

  /**
   * After `choose` found none: the first one that could take the message were it up, which then waits for it.
   * Undefined: none ever can, by what it costs or takes.
   */
  waitFor(route: Route): CarrierId | undefined {
    return route.candidates[this.#best(route, 'notUp')]?.carrier;
  }

  /** After `choose` found none: whether it was for want of one that costs no more than the price. */
  isOverCost(route: Route): boolean {
    for (let i = 0; i < route.candidates.length; i++)
      if (this.#verdicts[i] === 'overCost' || this.#verdicts[i] === 'noCost') return true;
    return false;
  }

  /** The same weighing to look at: each candidate with the share of such messages that `choose` and `waitFor` give it. */
  explain(route: Route, priced: Priced): WeighedCandidate[] {
    this.#weigh(route, priced, undefined);
    const best = this.#best(route, 'usable');
    const waits = best < 0 ? this.#best(route, 'notUp') : -1;
    const total = best < 0 ? 1 : this.#weightBeside(route, best);
    return route.candidates.map((candidate, i) => ({
      candidate,
      verdict: this.#verdicts[i] ?? 'notUp',
      cost: this.#costs[i],
      share:
        i === waits
          ? 1
          : best >= 0 && this.#isBeside(route, best, i)
            ? candidate.weight / total
            : 0,
    }));
  }

  #weigh(route: Route, priced: Priced, tried: ReadonlySet<CarrierId> | undefined): void {
    for (let i = 0; i < route.candidates.length; i++) {
      const candidate = route.candidates[i];
      if (candidate === undefined) continue;
      const cost = candidate.cost && this.#costOf(candidate.cost, priced);
      this.#costs[i] = cost;
      this.#verdicts[i] = this.#verdictOf(candidate, cost, priced.unitPrice, tried);
    }
  }

  #costOf(tariff: CompiledTariff, priced: Priced): Credits | undefined {
    if (!tariff.isConditional) return tariff.priceFor(priced.msisdn);
    this.#traffic.network = priced.network;
    this.#traffic.trafficClass = priced.trafficClass;
    this.#traffic.sender = senderKindOf(priced.sender);
    this.#traffic.atMs = priced.atMs;
    return tariff.priceFor(priced.msisdn, this.#traffic);
  }

  #verdictOf(
    { carrier, weight, cost: tariff, allowLoss }: RouteCandidate,
    cost: Credits | undefined,
    unitPrice: Credits | undefined,
    tried: ReadonlySet<CarrierId> | undefined,
  ): Verdict {
    if (weight === 0) return 'weightZero';
    if (tried?.has(carrier) === true) return 'tried';
    if (tariff !== undefined && !allowLoss) {
      if (cost === undefined) return 'noCost';
      if (unitPrice !== undefined && cost > unitPrice) return 'overCost';
    }
    return this.#isUp(carrier) ? 'usable' : 'notUp';
  }

  /** The first of the best candidates with a verdict; -1: there is none. */
  #best({ candidates, select }: Route, verdict: Verdict): number {
    let best = -1;
    for (let i = 0; i < candidates.length; i++) {
      if (this.#verdicts[i] !== verdict) continue;
      // Sorted by priority: what comes later is better only by its cost.
      if (best < 0 || (select === 'leastCost' && isCheaper(this.#costs[i], this.#costs[best])))
        best = i;
    }
    return best;
  }

  /** Whether a candidate shares the traffic with the best one. */
  #isBeside({ candidates, select }: Route, best: number, i: number): boolean {
    return (
      this.#verdicts[i] === 'usable' &&
      candidates[i]?.priority === candidates[best]?.priority &&
      (select !== 'leastCost' || this.#costs[i] === this.#costs[best])
    );
  }

  #weightBeside(route: Route, best: number): number {
    let total = 0;
    for (let i = best; i < route.candidates.length; i++)
      if (this.#isBeside(route, best, i)) total += route.candidates[i]?.weight ?? 0;
    return total;
  }

  #draw(route: Route, best: number, random: number): CarrierId | undefined {
    if (best < 0) return undefined;
    let left = random * this.#weightBeside(route, best);
    let drawn: CarrierId | undefined;
    for (let i = best; i < route.candidates.length; i++) {
      const candidate = route.candidates[i];
      if (candidate === undefined || !this.#isBeside(route, best, i)) continue;
      drawn = candidate.carrier;
      left -= candidate.weight;
      if (left < 0) break;
    }
    return drawn;
  }
}

/** What is not known is dearer than anything. */
function isCheaper(cost: Credits | undefined, than: Credits | undefined): boolean {
  return cost !== undefined && (than === undefined || cost < than);
}
