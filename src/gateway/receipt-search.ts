import type { Pool } from 'pg';
import type { Catalog, CatalogCarrier } from '../domain/catalog.ts';
import type { MessageId } from '../domain/ids.ts';
import { normaliseDestination } from '../domain/msisdn.ts';
import { type IdReading, readId, spellings } from '../smpp/message-ids.ts';
import { markGivenUp } from '../store/attempts.ts';
import { type DispatchCandidate, findDispatch } from '../store/find-dispatch.ts';
import { withClient } from '../store/pool.ts';
import type { Sealing } from '../store/sealing.ts';
import type { Arrival } from './arrival.ts';
import type { Correlation } from './correlation.ts';
import { destinationFit } from './destination-fit.ts';
import type { IdLearning, IdSource } from './id-learning.ts';
import { NO_LEASE } from './lease-book.ts';
import type { MessageLoader } from './loader.ts';
import { referenceOf } from './message-reference.ts';
import { type Candidate, type Choice, chooseCandidate } from './receipt-choice.ts';
import type { Sending } from './sending.ts';

/** A message may be receipted this long after its accept: the longest validity and grace that anybody configures. */
const OLDEST_MS = 31 * 86_400_000;
/** Candidates of one receipt that are decrypted to compare their last digits; the newest. */
const COMPARED_MAX = 64;

export interface ReceiptSearchDeps {
  catalog(): Catalog;
  readonly now: () => number;
  readonly pool: Pool;
  readonly sealing: Pick<Sealing, 'numberHash'>;
  readonly loader: Pick<MessageLoader, 'revive'>;
  readonly correlation: Pick<Correlation, 'all'>;
  readonly learning: Pick<IdLearning, 'learn' | 'reading'>;
}

/** A submit_sm that a receipt can mean, from memory (`sending`) or from the store (`stored`). */
export interface FoundCandidate extends Candidate {
  readonly carrier: CatalogCarrier;
  readonly upstreamId: string;
  readonly id: MessageId;
  readonly segment: number;
  readonly attempt: number;
  readonly sending: Sending | undefined;
  readonly stored: DispatchCandidate | undefined;
}

/** What is known of one receipt. */
export interface Finding {
  readonly candidates: readonly FoundCandidate[];
  readonly choice: Choice<FoundCandidate>;
  /** The dispatch that was chosen. */
  readonly sending: Sending | undefined;
}

/**
 * Finds the message of a receipt with everything before its eyes: memory and store, each reading of its ids, the
 * carriers that share its receipts. What decides about receipts and what explains them both go this way.
 */
export class ReceiptSearch {
  readonly #deps: ReceiptSearchDeps;

  constructor(deps: ReceiptSearchDeps) {
    this.#deps = deps;
  }

  /**
   * Looks for each receipt's message, and learns from what is found.
   * @throws DatabaseError of pg
   */
  async find(arrivals: readonly Arrival[]): Promise<Finding[]> {
    const findings = await this.#search(arrivals, false);
    const sendings = findings.map(({ sending }) => sending);
    await withClient(this.#deps.pool, (client) => markGivenUp(client, sendings));
    for (const [i, { choice }] of findings.entries()) this.#learn(arrivals[i], choice);
    return findings;
  }

  /** The same for one, with every candidate compared, and nothing learnt: for people. */
  async look(arrival: Arrival): Promise<Finding> {
    const [finding] = await this.#search([arrival], true);
    if (finding === undefined) throw new Error('a finding for each receipt');
    return finding;
  }

  async #search(arrivals: readonly Arrival[], whole: boolean): Promise<Finding[]> {
    const asked = arrivals.map((arrival) => this.#ask(arrival));
    const stored = await this.#fromStore(asked);
    // Memory is read last: an answer that came while the store was asked is in it.
    return Promise.all(asked.map((ask, i) => this.#choose(ask, stored[i] ?? [], whole)));
  }

  /** What is looked for: per carrier, which spelling of a stored id would be which reading of which of its ids. */
  #ask(arrival: Arrival): Asked {
    const destination = normaliseDestination(arrival.destination, 0, 0);
    const hash = 'msisdn' in destination ? this.#hash(destination.msisdn) : '';
    const carriers = familyOf(arrival.carrier, this.#deps.catalog());
    const byCarrier = carriers.map((carrier) => ({ carrier, ways: waysOf(arrival, carrier) }));
    return { arrival, hash, byCarrier };
  }

  async #fromStore(asked: readonly Asked[]): Promise<StoredFind[][]> {
    const found: StoredFind[][] = asked.map(() => []);
    const pairs = asked.flatMap((ask, index) =>
      ask.byCarrier.map(({ carrier, ways }) => ({ ask, index, carrier, ways })),
    );
    const oldestMs = this.#deps.now() - OLDEST_MS;
    for (const [id, ofCarrier] of Map.groupBy(pairs, ({ carrier }) => carrier.id)) {
      const queries = ofCarrier.map(({ ways }) => ({ upstreamIds: [...ways.keys()] }));
      const isEnough = (nth: number, candidate: DispatchCandidate): boolean => {
        const pair = ofCarrier[nth];
        return pair !== undefined && isClear(pair.ask, pair.ways, candidate);
      };
      const rows = await withClient(this.#deps.pool, (client) =>
        findDispatch(client, id, queries, isEnough, oldestMs),
      );
      for (const [nth, { index, carrier, ways }] of ofCarrier.entries())
        for (const candidate of rows[nth] ?? []) found[index]?.push({ carrier, ways, candidate });
    }
    return found;
  }

  async #choose(ask: Asked, stored: readonly StoredFind[], whole: boolean): Promise<Finding> {
    const inMemory = this.#fromMemory(ask);
    const known = new Set(inMemory.map(nameOf));
    const others = stored.filter(({ candidate }) => !known.has(nameOf(storedName(candidate))));
    const states = await this.#compared(ask, others, inMemory, whole);
    const candidates = [
      ...inMemory,
      ...others.map((find) => storedCandidate(ask, find, states.get(find.candidate))),
    ];
    const learnt = (source: IdSource) =>
      this.#deps.learning.reading(ask.arrival.carrier.id, source);
    const choice = chooseCandidate(candidates, learnt);
    return { candidates, choice, sending: await this.#sendingOf(choice.taken) };
  }

  #fromMemory({ arrival, byCarrier }: Asked): FoundCandidate[] {
    const found = new Map<string, FoundCandidate>();
    for (const { carrier } of byCarrier)
      for (const id of arrival.ids)
        for (const { sending, reading } of this.#deps.correlation.all(carrier, id)) {
          const { upstreamId, segment, attempt, message, sentAtMs } = sending;
          const candidate: FoundCandidate = {
            carrier,
            id: sending.id,
            upstreamId: upstreamId ?? '',
            segment,
            attempt,
            sending,
            stored: undefined,
            source: sourceOf(arrival, id),
            reading,
            exact: upstreamId === id,
            fit: carrier.matchDestination
              ? destinationFit(message.destination, arrival.destination)
              : 'notAsked',
            number: this.#hash(message.destination),
            reference: referenceFit(carrier, arrival, sending),
            open: message.ended === undefined,
            sentAtMs,
          };
          // The TLV's ids come first: what both name is the TLV's.
          const name = nameOf(candidate);
          if (!found.has(name)) found.set(name, candidate);
        }
    return [...found.values()];
  }

  /** The numbers of stored candidates whose hash is another: only where none has the whole number, or all are wanted. */
  async #compared(
    { arrival, hash }: Asked,
    stored: readonly StoredFind[],
    inMemory: readonly FoundCandidate[],
    whole: boolean,
  ): Promise<Map<DispatchCandidate, string>> {
    const wanted = stored.filter(
      ({ carrier, candidate }) =>
        carrier.matchDestination && arrival.destination !== '' && hashOf(candidate) !== hash,
    );
    const hasWhole =
      stored.length > wanted.length || inMemory.some((candidate) => candidate.fit === 'number');
    const numbers = new Map<DispatchCandidate, string>();
    if (hasWhole && !whole) return numbers;
    const compared = wanted.slice(0, COMPARED_MAX);
    const messages = await this.#deps.loader.revive(compared.map((find) => find.candidate.message));
    const byId = new Map(messages.map((message) => [message.id, message.destination]));
    for (const { candidate } of compared)
      numbers.set(candidate, byId.get(candidate.message.id) ?? '');
    return numbers;
  }

  async #sendingOf(taken: FoundCandidate | undefined): Promise<Sending | undefined> {
    if (taken === undefined || taken.stored === undefined) return taken?.sending;
    const [message] = await this.#deps.loader.revive([taken.stored.message]);
    if (message === undefined) return undefined; // its account is not in this node's catalog yet
    return {
      message,
      id: message.id,
      segment: taken.segment,
      attempt: taken.attempt,
      firstHere: taken.attempt,
      carrier: taken.carrier.id,
      lease: NO_LEASE,
      pdu: undefined,
      sentAtMs: taken.sentAtMs,
      upstreamId: taken.upstreamId,
      status: 0,
      atMs: taken.sentAtMs,
    };
  }

  #learn(arrival: Arrival | undefined, { taken, teaches }: Choice<FoundCandidate>): void {
    if (arrival === undefined || taken === undefined || teaches === undefined) return;
    // An id that can mean only one thing teaches nothing.
    const id = arrival.ids.find((one) => sourceOf(arrival, one) === taken.source) ?? '';
    if (readId(id, taken.carrier.ids).length > 1)
      this.#deps.learning.learn(arrival.carrier.id, taken.source, teaches);
  }

  #hash(digits: string): string {
    return this.#deps.sealing.numberHash(digits).toString('latin1');
  }
}

/** A carrier and those whose receipts may come over its sessions. */
export function familyOf(carrier: CatalogCarrier, catalog: Catalog): readonly CatalogCarrier[] {
  if (carrier.receiptsWith.length === 0) return [carrier];
  return [carrier, ...carrier.receiptsWith.flatMap((id) => catalog.carriers.get(id) ?? [])];
}

/** In which place of a receipt one of its ids stands. */
export function sourceOf({ fields }: Arrival, id: string): IdSource {
  return fields.idTlv === id ? 'tlv' : 'text';
}

/** What one receipt is looked for by. */
interface Asked {
  readonly arrival: Arrival;
  /** Of the number it states; '' when it states none. */
  readonly hash: string;
  readonly byCarrier: readonly { readonly carrier: CatalogCarrier; readonly ways: Ways }[];
}

/** By spelling: what a stored id would be of the receipt's ids. */
type Ways = ReadonlyMap<string, { readonly source: IdSource; readonly reading: IdReading }>;

interface StoredFind {
  readonly carrier: CatalogCarrier;
  readonly ways: Ways;
  readonly candidate: DispatchCandidate;
}

function waysOf(arrival: Arrival, carrier: CatalogCarrier): Ways {
  const ways = new Map<string, { source: IdSource; reading: IdReading }>();
  for (const id of arrival.ids)
    for (const { reading, key } of readId(id, carrier.ids))
      for (const way of spellings(key, reading === 'same' ? id : key, carrier.ids))
        if (!ways.has(way)) ways.set(way, { source: sourceOf(arrival, id), reading });
  return ways;
}

/** Whether no older candidate can be better: open, of the whole number, and it can be named in one way only. */
function isClear({ arrival, hash }: Asked, ways: Ways, candidate: DispatchCandidate): boolean {
  if (candidate.message.end !== undefined) return false;
  if (hash === '' || hashOf(candidate) !== hash)
    return !arrival.carrier.matchDestination && isOneWay(ways);
  return isOneWay(ways);
}

function isOneWay(ways: Ways): boolean {
  const [first] = ways.values();
  for (const { reading, source } of ways.values())
    if (reading !== first?.reading || source !== first.source) return false;
  return true;
}

function storedCandidate(
  { arrival, hash }: Asked,
  { carrier, ways, candidate }: StoredFind,
  number: string | undefined,
): FoundCandidate {
  const { upstreamId, segment, attempt, sentAtMs, message } = candidate;
  const way = ways.get(upstreamId);
  const fit =
    hash !== '' && hashOf(candidate) === hash
      ? 'number'
      : arrival.destination === ''
        ? 'notStated'
        : // Not compared: another has the whole number.
          destinationFit(number ?? '', arrival.destination);
  return {
    carrier,
    id: message.id,
    upstreamId,
    segment,
    attempt,
    sending: undefined,
    stored: candidate,
    source: way?.source ?? 'text',
    reading: way?.reading ?? 'same',
    exact: arrival.ids.includes(upstreamId),
    fit: carrier.matchDestination ? fit : 'notAsked',
    number: hashOf(candidate),
    reference: referenceFit(carrier, arrival, storedName(candidate)),
    open: message.end === undefined,
    sentAtMs,
  };
}

function referenceFit(
  carrier: CatalogCarrier,
  { fields }: Arrival,
  name: Named,
): Candidate['reference'] {
  if (!carrier.echoesUserMessageReference || fields.userReference === undefined) return 'unknown';
  return fields.userReference === referenceOf(name) ? 'same' : 'other';
}

interface Named {
  readonly id: MessageId;
  readonly segment: number;
  readonly attempt: number;
}

function storedName({ message, segment, attempt }: DispatchCandidate): Named {
  return { id: message.id, segment, attempt };
}

function nameOf({ id, segment, attempt }: Named): string {
  return `${id}/${segment}/${attempt}`;
}

function hashOf({ message }: DispatchCandidate): string {
  return message.destinationHash.toString('latin1');
}
