import type { ClientBase } from 'pg';
import type { Catalog } from '../../domain/catalog.ts';
import { type CarrierId, carrierId, messageIdMs } from '../../domain/ids.ts';
import type { Credits } from '../../domain/money.ts';
import {
  countGroups,
  groupIds,
  groupsOf,
  type TrafficGroup,
  type UncountedEnd,
  type UncountedReplacement,
  type UncountedTime,
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
import { kindOfShown, OTHER, type Traits, UNKNOWN } from './traits.ts';

/** Messages read at once: were each of the longest, their content would take 32 MiB. */
const PAGE = 500;
/** Groups of an account told apart by sender: a customer who makes up senders must not fill the tables. */
const GROUPS_MAX = 10_000;
/** Groups in memory, some 300 octets each. Over it all are forgotten and looked up again. */
const CACHE_GROUPS = 50_000;
/** Ends of one step: as long a time as has about so many, found by doubling and halving. */
const ENDS_PAGE = 4_000;
const WINDOW_MIN_MS = 250;
const WINDOW_MAX_MS = 3_600_000;

/**
 * Counts messages and their ends behind the traffic, each once: by day, country, class and sender.
 *
 * 1. messages – in the order of ids, some 25 s after accept: the content is opened for the number's prefix and the sender,
 *    kept as a group; the sums go to the day of the ledger entry.
 * 2. ends – in the order of time, of messages counted before: refunds, charges on delivery, how it went, what it cost.
 */
export class Counter {
  readonly #traits: Traits;
  readonly #catalog: () => Catalog;
  readonly #ids = new Map<string, number>();
  readonly #groups = new Map<number, TrafficGroup>();
  readonly #groupCounts = new Map<number, number>();
  #windowMs = 1_000;

  constructor(traits: Traits, catalog: () => Catalog) {
    this.#traits = traits;
    this.#catalog = catalog;
  }

  /** One page of accepted messages. @returns whether there is more to do at once */
  async countMessages(client: ClientBase): Promise<boolean> {
    const page = await uncountedMessages(client, PAGE);
    if (page === undefined) return false;
    const groups = await this.#idsOf(client, await this.#traits.groupsOf(page.rows));
    const usage = usageSums();
    for (const [n, message] of page.rows.entries()) {
      const sum = usage.of([message.day, groups[n] ?? 0]);
      sum.messages += 1;
      sum.segments += message.segments;
      if (message.isReserved) sum.reserved += message.price;
      else sum.charged += message.price;
    }
    const { after, upTo } = page;
    await storeCounted(client, {
      span: { job: 'books-messages', after, upTo },
      groups: { ids: page.rows.map(({ id }) => id), groups },
      usage,
    });
    return page.isFull;
  }

  /** One step of ends and replacements. @returns whether there is more to do at once */
  async countEnds(client: ClientBase): Promise<boolean> {
    const time = await uncountedEnds(client, this.#windowMs);
    if (time === undefined) return false;
    this.#adapt(time.ends.length);
    const [usage, deliveries, carriers] = [usageSums(), deliverySums(), carrierSums()];
    await this.#know(client, time);
    for (const end of time.ends) {
      const group = end.group ?? (await this.#unknownGroup(client, end.account));
      addEnd(usage, deliveries, end, group);
      this.#addCost(carriers, end, group);
    }
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

  async #idsOf(client: ClientBase, wanted: readonly TrafficGroup[]): Promise<number[]> {
    if (this.#ids.size > CACHE_GROUPS) this.#forget();
    const fresh = new Map<string, TrafficGroup>();
    const keys: string[] = [];
    for (const each of wanted) {
      const group = this.#ids.has(keyOf(each)) ? each : await this.#bounded(client, each);
      const key = keyOf(group);
      keys.push(key);
      if (!this.#ids.has(key)) fresh.set(key, group);
    }
    const groups = [...fresh.values()];
    const ids = groups.length === 0 ? [] : await groupIds(client, groups);
    for (const [n, group] of groups.entries()) {
      const id = ids[n];
      if (id === undefined) continue;
      this.#ids.set(keyOf(group), id);
      this.#groups.set(id, group);
      this.#groupCounts.set(group.account, (this.#groupCounts.get(group.account) ?? 0) + 1);
    }
    return keys.map((key) => this.#ids.get(key) ?? 0);
  }

  /** An account that has very many groups gets no new senders. */
  async #bounded(client: ClientBase, group: TrafficGroup): Promise<TrafficGroup> {
    const { account } = group;
    const count = this.#groupCounts.get(account) ?? (await countGroups(client, account));
    this.#groupCounts.set(account, count);
    return count < GROUPS_MAX ? group : { ...group, sender: OTHER };
  }

  /** The group of what has none: its message was never counted. */
  async #unknownGroup(client: ClientBase, account: number): Promise<number> {
    const group = { account, class: UNKNOWN, sender: UNKNOWN, prefix: UNKNOWN, network: '' };
    const [id = 0] = await this.#idsOf(client, [group]);
    return id;
  }

  /** Reads the groups of ends that are not in memory: their costs depend on them. */
  async #know(client: ClientBase, { ends }: UncountedTime): Promise<void> {
    if (this.#groups.size > CACHE_GROUPS) this.#forget();
    const missing = new Set<number>();
    for (const { group } of ends)
      if (group !== undefined && !this.#groups.has(group)) missing.add(group);
    if (missing.size === 0) return;
    for (const [id, group] of await groupsOf(client, [...missing])) this.#groups.set(id, group);
  }

  #forget(): void {
    this.#ids.clear();
    this.#groups.clear();
    this.#groupCounts.clear();
  }

  #addCost(carriers: CarrierSums, end: UncountedEnd, group: number): void {
    for (const carrier of end.takenBy) {
      const sum = carriers.of([end.day, group, carrier]);
      const cost = this.#costOf(carrierId(carrier), this.#groups.get(group), Date.parse(end.day));
      sum.segments += 1;
      if (cost === undefined) sum.uncosted += 1;
      else sum.cost += cost;
    }
  }

  #costOf(carrier: CarrierId, group: TrafficGroup | undefined, atMs: number): Credits | undefined {
    const tariff = this.#catalog().costs.get(carrier);
    return tariff && group && costOfGroup(tariff, group, atMs);
  }
}

/** What a tariff takes for a segment of a group; undefined: it has no price for it. */
export function costOfGroup(
  tariff: Pick<import('../../domain/tariff.ts').CompiledTariff, 'priceFor'>,
  group: Pick<TrafficGroup, 'class' | 'sender' | 'prefix' | 'network'>,
  atMs: number,
): Credits | undefined {
  const { prefix, network, sender } = group;
  return tariff.priceFor(prefix === UNKNOWN ? '' : prefix, {
    network: network === '' ? undefined : network,
    trafficClass: group.class,
    sender: kindOfShown(sender),
    atMs,
  });
}

function addEnd(
  usage: UsageSums,
  deliveries: DeliverySums,
  end: UncountedEnd,
  group: number,
): void {
  const { day, carrier, state, fault } = end;
  if (end.refund !== 0n || end.charge !== 0n || end.release !== 0n) {
    const money = usage.of([day, group]);
    money.charged += end.charge;
    money.refunded += end.refund;
    money.released += end.release;
  }
  const sum = deliveries.of([day, group, carrier, state, fault]);
  sum.messages += 1;
  sum.segments += end.segments;
  sum.income += end.income;
  if (end.takenAtMs === undefined) return;
  // The answer's time is a node's clock, the id's may be another's.
  const ms = Math.max(0, Math.round(end.takenAtMs - messageIdMs(end.id)));
  sum.timed += 1;
  sum.sumMs += BigInt(ms);
  if (BigInt(ms) > sum.maxMs) sum.maxMs = BigInt(ms);
  if (ms <= 1_000) sum.within1s += 1;
  if (ms <= 10_000) sum.within10s += 1;
  if (ms <= 60_000) sum.within60s += 1;
}

function addReplacement(usage: UsageSums, replaced: UncountedReplacement, group: number): void {
  const sum = usage.of([replaced.day, group]);
  sum.segments += replaced.segments;
  if (replaced.kind === 'charge') sum.charged -= replaced.amount;
  else sum.reserved += replaced.reserved;
}

function keyOf({ account, class: trafficClass, sender, prefix, network }: TrafficGroup): string {
  return `${account}/${trafficClass}/${prefix}/${network}/${sender}`;
}
