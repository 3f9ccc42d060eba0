import type { FailoverBook, UnknownBook } from './failover-book.ts';

/** What is judged. Times in unix milliseconds. */
export interface FailoverCase {
  /** The carrier that died and came back, and the one that took over. */
  died: FailoverBook;
  other: FailoverBook;
  ledger: UnknownBook;
  killedAt: number;
  waitSeconds: number;
}

/** The judgement. */
export interface FailoverVerdict {
  /** From the kill to the first submit_sm at the other carrier; undefined: none came. */
  firstMs: number | undefined;
  /** From the kill until the gateway was bound to the first carrier again; undefined: never. */
  reboundMs: number | undefined;
  /** Messages that carriers took more than once. */
  duplicates: number;
  /** Of these: the receipt of the first submit was taken, at the latest within the wait after the rebind. */
  needless: number;
  /** Of these: not listed as unknown, and resolved as resent, before the second submit. */
  unlisted: number;
  unknown: number;
}

/** Clocks of two processes on one machine, and of the database. */
const slackMs = 50;

/** Judges a failover by both carriers' books and by what the store lists as unknown. Each message has its own destination. */
export function judgeFailover(books: FailoverCase): FailoverVerdict {
  const { died, other, killedAt, ledger } = books;
  const first = other.submits.find(({ at }) => at >= killedAt)?.at;
  const reboundAt = died.binds.find((at) => at > killedAt);
  const verdict: FailoverVerdict = {
    firstMs: first === undefined ? undefined : first - killedAt,
    reboundMs: reboundAt === undefined ? undefined : reboundAt - killedAt,
    duplicates: 0,
    needless: 0,
    unlisted: 0,
    unknown: [...ledger.unknown.values()].reduce((sum, listed) => sum + listed.length, 0),
  };
  for (const submits of repeatedSubmits(died, other))
    judgeRepeats(submits, books, reboundAt, verdict);
  return verdict;
}

type Submit = FailoverBook['submits'][number];

/** The submits of each message that was taken more than once, in order of time. */
function repeatedSubmits(died: FailoverBook, other: FailoverBook): Submit[][] {
  const byDestination = Map.groupBy(
    [...died.submits, ...other.submits],
    ({ destination }) => destination,
  );
  return [...byDestination.values()]
    .filter((submits) => submits.length > 1)
    .map((submits) => submits.sort((a, b) => a.at - b.at));
}

function judgeRepeats(
  submits: readonly Submit[],
  { died, ledger, waitSeconds }: FailoverCase,
  reboundAt: number | undefined,
  verdict: FailoverVerdict,
): void {
  const message = submits
    .map(({ id }) => ledger.messageByUpstreamId.get(id))
    .find((id) => id !== undefined);
  const listed = (ledger.unknown.get(message ?? '') ?? []).filter(
    ({ resolution }) => resolution === 'resent',
  );
  const receiptAt = died.receipts.get(submits[0]?.id ?? '');
  const isInTime = reboundAt !== undefined && (receiptAt ?? 0) <= reboundAt + waitSeconds * 1000;
  if (receiptAt !== undefined && isInTime) verdict.needless += 1;
  for (const { at } of submits.slice(1)) {
    verdict.duplicates += 1;
    const index = listed.findIndex(
      ({ since, resolvedAt }) => since <= at && resolvedAt !== null && resolvedAt <= at + slackMs,
    );
    if (index < 0) verdict.unlisted += 1;
    else listed.splice(index, 1);
  }
}
