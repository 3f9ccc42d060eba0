import type { Client, QueryArrayConfig } from 'pg';

/** A named statement: parsed once a connection. */
export interface LaneStatement {
  readonly name: string;
  readonly text: string;
}

/**
 * Calls one of the functions of sql/ that write a batch. Buffers go out in binary format, everything else as text.
 * @returns its verdicts, one octet an item.
 */
export async function callLane(
  client: Client,
  statement: LaneStatement,
  values: unknown[],
): Promise<Buffer> {
  return (await callFunction<Buffer>(client, statement, values)) ?? NOTHING;
}

/** Calls a function of sql/ and returns its one value (null: undefined). */
export async function callFunction<T>(
  client: Client,
  statement: LaneStatement,
  values: unknown[],
): Promise<T | undefined> {
  const query: QueryArrayConfig = {
    name: statement.name,
    text: statement.text,
    values,
    rowMode: 'array',
  };
  const { rows } = await client.query<[T | null]>(query);
  return rows[0]?.[0] ?? undefined;
}

/**
 * Something to have once per connection, such as column buffers: a connection has one batch in flight, so they are
 * free again when it takes the next.
 */
export function perClient<T>(make: () => T): (client: Client) => T {
  const held = new WeakMap<Client, T>();
  return (client) => {
    let one = held.get(client);
    if (one === undefined) {
      one = make();
      held.set(client, one);
    }
    return one;
  };
}

const NOTHING = Buffer.alloc(0);
