import type { ClientBase } from 'pg';
import type { Catalog } from '../../domain/catalog.ts';
import type { CostHistory } from '../../domain/cost-history.ts';
import { type CarrierId, carrierId } from '../../domain/ids.ts';
import type { Credits } from '../../domain/money.ts';
import { kindOfShown, type TrafficGroup, UNKNOWN } from '../../domain/traffic-group.ts';
import { readCostHistories } from '../../store/cost-versions.ts';
import { GroupIds, groupsOf } from '../../store/traffic-groups.ts';
import {
  type EndedSum,
  type TakenSum,
  type UncountedReplacement,
  uncountedEnds,
  uncountedMessages,
} from '../../store/usage-count.ts';
import {
  type CarrierSums,
  carrierSums,
  type DeliverySums,
  deliverySums,
  storeCounted,
  type UsageSums,
  usageSums,
} from '../../store/usage-sums.ts';
import type { Traits } from './traits.ts';

/** Messages added up at once, some 10 ms; and of these read at once: were each of the longest, they would take 32 MiB. */
const PAGE = { messages: 5_000, ungrouped: 500 };
/** Groups in memory, some 300 octets each. Over it all are forgotten and looked up again. */
const CACHE_GROUPS = 50_000;
/** Ends of one step: as long a time as has about so many, found by doubling and halving. */
const ENDS_PAGE = 4_000;
const WINDOW_MIN_MS = 250;
const WINDOW_MAX_MS = 3_600_000;
/** Costs are read from so long before the first message on: the next ones, which ended later, may be older. */
const COSTS_BEFORE_MS = 86_400_000;

/**
 * Counts messages and their ends behind the traffic, each once: by day, country, class and sender.
 *
 * 1. messages – in the order of ids, some 25 s after accept: added up by their group, to the day of the ledger entry. Of
 *    those that were accepted without one the content is opened for it, which is kept (`message_group`).
 * 2. ends – in the order of time, of messages counted before: refunds, charges on delivery, how it went, what it cost.
 */
export class Counter {
  readonly #traits: Traits;
  readonly #catalog: () => Catalog;
  readonly #ids = new GroupIds();
  readonly #groups = new Map<number, TrafficGroup>();
  #windowMs = 1_000;
  #costs: ReadonlyMap<CarrierId, CostHistory> = new Map();
  /** What #costs were read by: the version of the configuration, and since when. */
  #costsOf: { readonly version: number; readonly sinceMs: number } | undefined;

  constructor(traits: Traits, catalog: () => Catalog) {
    this.#traits = traits;
    this.#catalog = catalog;
  }

  /** One page of accepted messages. @returns whether there is more to do at once */
  async countMessages(client: ClientBase): Promise<boolean> {
    const page = await uncountedMessages(client, PAGE);
    if (page === undefined) return false;
    const { after, upTo, ungrouped } = page;
    const usage = usageSums();
    for (const one of page.sums) {
      const sum = usage.of([one.day, one.group]);
      sum.messages += one.messages;
      sum.segments += one.segments;
      sum.charged += one.charged;
      sum.reserved += one.reserved;
    }
    const groups = await this.#ids.of(client, await this.#traits.groupsOf(ungrouped));
    for (const [n, message] of ungrouped.entries()) {
      const sum = usage.of([message.day, groups[n] ?? 0]);
      sum.messages += 1;
      sum.segments += message.segments;
      if (message.isReserved) sum.reserved += message.price;
      else sum.charged += message.price;
    }
    await storeCounted(client, {
      span: { job: 'books-messages', after, upTo },
      groups: { ids: ungrouped.map(({ id }) => id), groups },
      usage,
    });
    return page.isFull;
  }

  /** One step of ends and replacements. @returns whether there is more to do at once */
  async countEnds(client: ClientBase): Promise<boolean> {
    const time = await uncountedEnds(client, this.#windowMs);
    if (time === undefined) return false;
    this.#adapt(time.ends.reduce((sum, { messages }) => sum + messages, 0));
    const [usage, deliveries, carriers] = [usageSums(), deliverySums(), carrierSums()];
    for (const end of time.ends)
      addEnd(usage, deliveries, end, end.group ?? (await this.#unknownGroup(client, end.account)));
    await this.#know(client, time.taken);
    await this.#knowCosts(client, time.taken);
    for (const taken of time.taken)
      this.#addCost(
        carriers,
        taken,
        taken.group ?? (await this.#unknownGroup(client, taken.account)),
      );
    for (const replaced of time.replacements) {
      const group = replaced.group ?? (await this.#unknownGroup(client, replaced.account));
      addReplacement(usage, replaced, group);
    }
    const span = { job: 'books-ends', after: time.after, upTo: time.upTo } as const;
    await storeCounted(client, { span, usage, deliveries, carriers });
    return time.isFull;
  }

  #adapt(ends: number): void {
    if (ends > ENDS_PAGE) this.#windowMs = Math.max(WINDOW_MIN_MS, this.#windowMs / 2);
    else if (ends < ENDS_PAGE / 4) this.#windowMs = Math.min(WINDOW_MAX_MS, this.#windowMs * 2);
  }

  /** The group of what has none: its message was never counted. */
  async #unknownGroup(client: ClientBase, account: number): Promise<number> {
    const group = { account, class: UNKNOWN, sender: UNKNOWN, prefix: UNKNOWN, network: '' };
    const [id = 0] = await this.#ids.of(client, [group]);
    return id;
  }

  /** Reads the groups that are not in memory: costs depend on them. */
  async #know(client: ClientBase, taken: readonly TakenSum[]): Promise<void> {
    if (this.#groups.size > CACHE_GROUPS) this.#groups.clear();
    const missing = new Set<number>();
    for (const { group } of taken)
      if (group !== null && !this.#groups.has(group)) missing.add(group);
    if (missing.size === 0) return;
    for (const [id, group] of await groupsOf(client, [...missing])) this.#groups.set(id, group);
  }

  /** Reads what carriers took since the first of these, where it may have changed. */
  async #knowCosts(client: ClientBase, taken: readonly TakenSum[]): Promise<void> {
    const { version } = this.#catalog();
    const firstMs = taken.reduce(
      (first, { atMs }) => Math.min(first, atMs),
      Number.POSITIVE_INFINITY,
    );
    if (firstMs === Number.POSITIVE_INFINITY) return;
    const known = this.#costsOf;
    if (known !== undefined && known.version === version && known.sinceMs <= firstMs) return;
    const sinceMs = firstMs - COSTS_BEFORE_MS;
    this.#costs = await readCostHistories(client, new Date(sinceMs));
    this.#costsOf = { version, sinceMs };
  }

  #addCost(carriers: CarrierSums, { day, atMs, carrier, segments }: TakenSum, group: number): void {
    const sum = carriers.of([day, group, carrier]);
    const cost = this.#costOf(carrierId(carrier), this.#groups.get(group), atMs);
    sum.segments += segments;
    if (cost === undefined) sum.uncosted += segments;
    else sum.cost += cost * BigInt(segments);
  }

  #costOf(carrier: CarrierId, group: TrafficGroup | undefined, atMs: number): Credits | undefined {
    const costs = this.#costs.get(carrier);
    return costs && group && costOfGroup(costs, group, atMs);
  }
}

/** What a carrier takes for a segment of a group; undefined: it has no price for it. */
export function costOfGroup(
  costs: Pick<CostHistory, 'priceFor'>,
  group: Pick<TrafficGroup, 'class' | 'sender' | 'prefix' | 'network'>,
  atMs: number,
): Credits | undefined {
  const { prefix, network, sender } = group;
  return costs.priceFor(prefix === UNKNOWN ? '' : prefix, {
    network: network === '' ? undefined : network,
    trafficClass: group.class,
    sender: kindOfShown(sender),
    atMs,
  });
}

function addEnd(usage: UsageSums, deliveries: DeliverySums, end: EndedSum, group: number): void {
  const { day, carrier, state, fault } = end;
  if (end.refund !== 0n || end.charge !== 0n || end.release !== 0n) {
    const money = usage.of([day, group]);
    money.charged += end.charge;
    money.refunded += end.refund;
    money.released += end.release;
  }
  const sum = deliveries.of([day, group, carrier, state, fault]);
  sum.messages += end.messages;
  sum.segments += end.segments;
  sum.income += end.income;
  sum.timed += end.timed;
  sum.sumMs += end.sumMs;
  if (end.maxMs > sum.maxMs) sum.maxMs = end.maxMs;
  sum.within1s += end.within1s;
  sum.within10s += end.within10s;
  sum.within60s += end.within60s;
}

function addReplacement(usage: UsageSums, replaced: UncountedReplacement, group: number): void {
  const sum = usage.of([replaced.day, group]);
  sum.segments += replaced.segments;
  if (replaced.kind === 'charge') sum.charged -= replaced.amount;
  else sum.reserved += replaced.reserved;
}
