import type { Client } from 'pg';
import { bookLines } from './book-lines.ts';

/** What one carrier's book says, as far as a failover is judged by it. Times in unix milliseconds. */
export interface FailoverBook {
  /** Its binds, accepted ones. */
  binds: number[];
  /** Every submit_sm that it took, answered or not. */
  submits: { destination: string; id: string; at: number }[];
  /** A submit's id to when the gateway took its receipt. */
  receipts: Map<string, number>;
}

/** An unknown outcome as the store lists it, with the ids under which its message was answered later. */
export interface ListedUnknown {
  message: string;
  since: number;
  resolvedAt: number | null;
  resolution: string | null;
}

/** What the store knows of submits without an answer. */
export interface UnknownBook {
  /** By message. */
  unknown: Map<string, ListedUnknown[]>;
  /** A carrier's id to its message, of the messages in `unknown`. */
  messageByUpstreamId: Map<string, string>;
}

/** Reads a carrier's book. */
export async function readFailoverBook(file: string): Promise<FailoverBook> {
  const book: FailoverBook = { binds: [], submits: [], receipts: new Map() };
  for await (const line of bookLines(file)) {
    const at = Number(line.at);
    if (line.event === 'bind' && line.status === 0) book.binds.push(at);
    else if (line.event === 'submit' && (line.status === 0 || line.status === null))
      book.submits.push({ destination: String(line.destination), id: String(line.id), at });
    else if (line.event === 'receiptAnswer' && line.status === 0)
      book.receipts.set(String(line.answerId), at);
  }
  return book;
}

/** Reads what the store lists as unknown. */
export async function readUnknownBook(client: Client): Promise<UnknownBook> {
  const { rows } = await client.query<[string, Date, Date | null, string | null]>({
    rowMode: 'array',
    text: 'select id::text, since, resolved_at, resolution from unknown_outcome order by since',
  });
  const unknown = new Map<string, ListedUnknown[]>();
  for (const [message, since, resolvedAt, resolution] of rows) {
    const listed = unknown.get(message) ?? [];
    const resolved = resolvedAt?.getTime() ?? null;
    listed.push({ message, since: since.getTime(), resolvedAt: resolved, resolution });
    unknown.set(message, listed);
  }
  const dispatches = await client.query<[string, string]>({
    rowMode: 'array',
    text: `select d.id::text, d.upstream_id from dispatch d
      where d.upstream_id is not null and d.id in (select id from unknown_outcome)`,
  });
  return {
    unknown,
    messageByUpstreamId: new Map(dispatches.rows.map(([id, upstreamId]) => [upstreamId, id])),
  };
}
