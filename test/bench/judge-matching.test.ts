import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { judgeMatching, type MatchingVerdict } from '../../src/bench/judge-matching.ts';
import { MatchingBook, type StoreRow } from '../../src/bench/matching-book.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'matching-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

type Line = Record<string, unknown>;
/** As the store gives them: id, customer's id, state, cause, err, segments, notes. */
type Row = StoreRow;

/** Message 0000042 (err 042) delivered; message 0000043, of two segments, failed in its second; all books agree. */
function honest() {
  const customer: Line[] = [
    { event: 'submit', n: 0, destination: '9665010000042' },
    { event: 'answer', n: 0, status: 0, id: '700' },
    { event: 'submit', n: 1, destination: '9665010000043' },
    { event: 'answer', n: 1, status: 0, id: '701' },
    { event: 'receipt', id: '700', destination: '9665010000042', state: 'DELIVRD', err: '042' },
    { event: 'receipt', id: '701', destination: '9665010000043', state: 'UNDELIV', err: '043' },
  ];
  const carrier: Line[] = [
    ...sent('9665010000042', 'a1', 'DELIVRD'),
    ...sent('9665010000043', 'a2', 'DELIVRD', { total: 2, number: 1 }),
    ...sent('9665010000043', 'a3', 'UNDELIV', { total: 2, number: 2 }),
    { event: 'end', at: 90_000, session: 1 },
  ];
  const store: Row[] = [
    ['700', '700', 2, 'receipt', 42, [], []],
    ['701', '701', 5, 'receipt', 43, [43, 43], []],
  ];
  return { customer, carrier, store };
}

/** A submit, its receipt, and that this was taken. */
function sent(destination: string, id: string, state: string, part?: object): Line[] {
  return [
    { event: 'submit', at: 1000, session: 1, id, destination, status: 0, ...(part && { part }) },
    ...receipt(destination, id, state),
  ];
}

function receipt(destination: string, answerId: string, state: string, unfit?: string): Line[] {
  const about = { id: 'x', answerId, destination, state, ...(unfit && { unfit }) };
  return [
    { event: 'receipt', at: 2000, attempt: 1, ...about },
    { event: 'receiptAnswer', at: 2001, status: 0, ...about },
  ];
}

async function judged(books: ReturnType<typeof honest>): Promise<MatchingVerdict> {
  const book = new MatchingBook(7, 100);
  const write = (name: string, lines: Line[]) => {
    const file = join(folder, name);
    writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    return file;
  };
  await book.readCustomer(write('customer', books.customer));
  await book.readCarrier(write('carrier', books.carrier));
  for (const row of books.store) book.addStored(row);
  return judgeMatching(book);
}

describe('judgeMatching', () => {
  it('finds nothing wrong in books that agree', async () => {
    expect(await judged(honest())).toMatchObject({
      messages: 2,
      named: 3,
      matched: 3,
      unmatched: 0,
      wrong: 0,
      untold: 0,
      doubtful: 0,
      examples: [],
    });
  });

  it('finds a receipt that left no trace, and one that is noted as repeated', async () => {
    const books = honest();
    books.carrier.push(...receipt('9665010000042', 'a1', 'DELIVRD'));
    expect(await judged(books)).toMatchObject({ named: 4, matched: 3, unmatched: 1 });
    books.store[0] = ['700', '700', 2, 'receipt', 42, [], [42]];
    expect(await judged(books)).toMatchObject({ named: 4, matched: 4, wrong: 0 });
  });

  it('finds a receipt that went to another message', async () => {
    const books = honest();
    // What was sent about 43 stands at 42, and 43 is one short.
    books.store[0] = ['700', '700', 2, 'receipt', 42, [], [43]];
    books.store[1] = ['701', '701', 5, 'receipt', 43, [43], []];
    expect(await judged(books)).toMatchObject({ matched: 2, unmatched: 1, wrong: 1 });
  });

  it('finds an end with the err of another message, or in a state that nobody said', async () => {
    const byErr = honest();
    byErr.store[0] = ['700', '700', 2, 'receipt', 43, [], []];
    expect(await judged(byErr)).toMatchObject({ wrong: 1 });
    const byState = honest();
    byState.store[0] = ['700', '700', 8, 'receipt', 42, [], []];
    expect((await judged(byState)).wrong).toBe(1);
  });

  it('finds a customer who was told nothing, two things, or another thing than was stored', async () => {
    const nothing = honest();
    nothing.customer.splice(4, 1);
    expect(await judged(nothing)).toMatchObject({ untold: 1, wrong: 0 });
    const other = honest();
    other.customer[4] = { ...other.customer[4], state: 'EXPIRED' };
    expect(await judged(other)).toMatchObject({ untold: 1 });
    const two = honest();
    two.customer.push({ ...two.customer[4], state: 'EXPIRED' });
    expect(await judged(two)).toMatchObject({ untold: 1 });
  });

  it('finds a message that ended DELIVRD though a segment failed', async () => {
    const books = honest();
    books.store[1] = ['701', '701', 2, 'receipt', 43, [43, 43], []];
    books.customer[5] = { ...books.customer[5], state: 'DELIVRD' };
    expect(await judged(books)).toMatchObject({ wrong: 0, untold: 1 });
  });

  it('asks nothing of receipts that nobody can read, or whose answer was lost with its session', async () => {
    const unreadable = honest();
    unreadable.carrier.push(...receipt('9665010000042', 'a1', 'DELIVRD', 'strange-id'));
    expect(await judged(unreadable)).toMatchObject({ named: 3, unfit: { 'strange-id': 1 } });
    const lost = honest();
    lost.carrier[lost.carrier.length - 1] = { event: 'end', at: 1500, session: 1 };
    lost.store = [];
    expect(await judged(lost)).toMatchObject({ named: 0, doubtful: 3, unmatched: 0 });
  });

  it('takes the state of a receipt with a strange id for said: it may settle a submit without an answer', async () => {
    const books = honest();
    const strange = receipt('9665010000042', 'a1', 'EXPIRED', 'strange-id');
    books.carrier.splice(1, 2, ...strange);
    books.store[0] = ['700', '700', 3, 'receipt', 42, [], []];
    books.customer[4] = { ...books.customer[4], state: 'EXPIRED' };
    expect(await judged(books)).toMatchObject({ named: 2, wrong: 0, untold: 0 });
  });

  it('counts a receipt that left two traces, but not one that was sent twice as its session ended', async () => {
    const twice = honest();
    twice.store[0] = ['700', '700', 2, 'receipt', 42, [], [42]];
    expect(await judged(twice)).toMatchObject({ tracedTwice: 1, wrong: 0 });
    const books = honest();
    books.carrier.push(receipt('9665010000042', 'a1', 'DELIVRD')[0] as Line);
    books.store[0] = ['700', '700', 2, 'receipt', 42, [], [42]];
    expect(await judged(books)).toMatchObject({ named: 3, matched: 3, tracedTwice: 0 });
  });
});
