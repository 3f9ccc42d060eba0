import type { ClientBase } from 'pg';
import { OTHER, type TrafficGroup } from '../domain/traffic-group.ts';

/** Groups of an account told apart by sender: a customer who makes up senders must not fill the tables. */
const GROUPS_MAX = 10_000;
/** Groups in memory, some 300 octets each. Over it all are forgotten and looked up again. */
const CACHE_GROUPS = 50_000;

/** The ids of traffic groups, remembered: they are the same on every node, and never change. */
export class GroupIds {
  readonly #ids = new Map<string, number>();
  /** How many an account has. */
  readonly #counts = new Map<number, number>();

  /** The id of a group from memory; of one that is not told apart from others theirs. Undefined: ask the store. */
  find(
    account: number,
    trafficClass: string,
    sender: string,
    prefix: string,
    network: string,
  ): number | undefined {
    const rest = `/${account}/${trafficClass}/${prefix}/${network}`;
    const found = this.#ids.get(sender + rest);
    if (found !== undefined || (this.#counts.get(account) ?? 0) < GROUPS_MAX) return found;
    return this.#ids.get(OTHER + rest);
  }

  /** The ids of groups in their order, those that are new made. An account that has very many gets no new senders. */
  async of(client: ClientBase, wanted: readonly TrafficGroup[]): Promise<number[]> {
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
      this.#counts.set(group.account, (this.#counts.get(group.account) ?? 0) + 1);
    }
    return keys.map((key) => this.#ids.get(key) ?? 0);
  }

  async #bounded(client: ClientBase, group: TrafficGroup): Promise<TrafficGroup> {
    const { account } = group;
    const count = this.#counts.get(account) ?? (await countGroups(client, account));
    this.#counts.set(account, count);
    return count < GROUPS_MAX ? group : { ...group, sender: OTHER };
  }

  #forget(): void {
    this.#ids.clear();
    this.#counts.clear();
  }
}

function keyOf({ account, class: trafficClass, sender, prefix, network }: TrafficGroup): string {
  return `${sender}/${account}/${trafficClass}/${prefix}/${network}`;
}

/** Groups by id. */
export async function groupsOf(
  client: ClientBase,
  ids: readonly number[],
): Promise<Map<number, TrafficGroup>> {
  const { rows } = await client.query<TrafficGroup & { id: number }>(
    'select id, account, class, sender, prefix, network from traffic_group where id = any ($1)',
    [ids],
  );
  return new Map(rows.map(({ id, ...group }) => [id, group]));
}

/** Finds the ids of groups, making those that are new. In the order of `groups`. */
async function groupIds(client: ClientBase, groups: readonly TrafficGroup[]): Promise<number[]> {
  const columns = [
    groups.map((group) => group.account),
    groups.map((group) => group.class),
    groups.map((group) => group.sender),
    groups.map((group) => group.prefix),
    groups.map((group) => group.network),
  ];
  const given = `unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::text[]) with ordinality
    as g (account, class, sender, prefix, network, nth)`;
  await client.query(
    `insert into traffic_group (account, class, sender, prefix, network)
       select distinct account, class, sender, prefix, network from ${given} on conflict do nothing`,
    columns,
  );
  const { rows } = await client.query<{ id: number }>(
    `select t.id from ${given} join traffic_group t using (account, class, sender, prefix, network) order by g.nth`,
    columns,
  );
  return rows.map(({ id }) => id);
}

async function countGroups(client: ClientBase, account: number): Promise<number> {
  const { rows } = await client.query<{ n: number }>(
    'select count(*)::int as n from traffic_group where account = $1',
    [account],
  );
  return rows[0]?.n ?? 0;
}
