import type { Pool } from 'pg';
import type { Catalog, QueueLane } from '../domain/catalog.ts';
import type { MessageId } from '../domain/ids.ts';
import { times } from '../domain/money.ts';
import { normaliseDestination } from '../domain/msisdn.ts';
import { trafficClassOf } from '../domain/traffic-class.ts';
import { decodePdu } from '../smpp/codec.ts';
import { textOf } from '../smpp/message.ts';
import type { SubmitSm } from '../smpp/pdu.ts';
import type { ContentKeys } from '../store/content-keys.ts';
import { withClient } from '../store/pool.ts';
import { loadSegmentReceipts } from '../store/segment-receipts.ts';
import { loadMessages, type StoredMessage } from '../store/stored-message.ts';
import {
  DEFAULT_ALPHABET,
  echoOf,
  type Message,
  NO_ECHO,
  NOTHING,
  type PartEnd,
} from './message.ts';
import type { GatewayObserver } from './observer.ts';
import { takeOwnFields } from './own-fields.ts';

export interface LoaderDeps {
  catalog(): Catalog;
  readonly pool: Pool;
  readonly keys: ContentKeys;
  readonly observer: GatewayObserver;
}

/** Brings messages back from the store as they were when they were accepted, or last replaced. */
export class MessageLoader {
  readonly #deps: LoaderDeps;

  constructor(deps: LoaderDeps) {
    this.#deps = deps;
  }

  /**
   * The messages of these ids, in their order; unknown ids are absent. One whose content is gone (erased, altered)
   * has neither submit_sm nor addresses: it can still end, be settled and be receipted, but not be sent.
   */
  async load(ids: readonly MessageId[]): Promise<Message[]> {
    // The connection is given back before revive asks for another: eight loads at once would wait for each other.
    const stored = await withClient(this.#deps.pool, (client) => loadMessages(client, ids));
    const byId = new Map(stored.map((message) => [message.id, message]));
    return this.revive(ids.flatMap((id) => byId.get(id) ?? []));
  }

  /** The message as it stands now, if it was replaced since this copy was made and has not ended. */
  async newer(copy: Message): Promise<Message | undefined> {
    const [message] = await this.load([copy.id]);
    if (message === undefined || message.ended !== undefined) return undefined;
    return message.version > copy.version ? message : undefined;
  }

  /** Decrypts stored messages; what of them cannot be read is as in `load`. */
  async revive(stored: readonly StoredMessage[]): Promise<Message[]> {
    await this.#deps.keys.load([...new Set(stored.map((message) => message.contentKey))]);
    const long = stored.filter((message) => message.segments > 1).map((message) => message.id);
    const ends: ReadonlyMap<MessageId, ReadonlyMap<number, PartEnd>> = long.length === 0
      ? new Map()
      : await this.#segmentEnds(long);
    const messages: Message[] = [];
    for (const one of stored) {
      const message = this.#reviveOne(one, ends.get(one.id));
      if (message !== undefined) messages.push(message);
    }
    return messages;
  }

  #reviveOne(
    stored: StoredMessage,
    ends: ReadonlyMap<number, PartEnd> | undefined,
  ): Message | undefined {
    const owner = this.#deps.catalog().accounts.get(stored.account);
    if (owner === undefined) return undefined; // not in this node's catalog yet: asked for again
    const submit = openSubmit(this.#deps.keys, stored);
    const own = submit && takeOwnFields(submit);
    if (submit === undefined)
      this.#deps.observer.note('warn', 'messageNotReadable', { message: stored.id.toString() });
    const {
      id,
      account,
      bind,
      customerId,
      carrier,
      segments,
      unitPrice,
      chargeOnDelivery,
      registeredDelivery,
    } = stored;
    const carrierNow = this.#deps.catalog().carriers.get(carrier);
    const parts =
      segments > 1 && carrierNow?.longMessages !== 'payload'
        ? Array.from({ length: segments }, (_, i) => ends?.get(i + 1))
        : undefined;
    return {
      id,
      account,
      bind,
      customerId,
      carrier,
      trafficClass: trafficClassOf(
        this.#deps.catalog(),
        owner,
        bind,
        (own ?? submit)?.source_addr ?? '',
        submit?.tlvs,
      ),
      lane: stored.lane as QueueLane,
      segments,
      unitPrice,
      price: times(unitPrice, segments),
      tariffVersion: stored.tariffVersion,
      policyVersion: stored.policyVersion,
      termsVersion: stored.termsVersion,
      chargeOnDelivery,
      registeredDelivery,
      validUntilMs: stored.validUntilMs,
      destinationHash: NOTHING,
      contentKey: stored.contentKey,
      version: stored.version,
      content: NOTHING,
      group: 0,
      releaseAtMs: stored.releaseAtMs ?? 0,
      held: undefined,
      part: undefined,
      said: undefined,
      notes: undefined,
      submitKey: undefined,
      knownUntilMs: 0,
      owner,
      destination: submit === undefined ? '' : destinationOf(submit),
      submit,
      echo: submit === undefined ? NO_ECHO : echoOf(submit, textOf(submit, DEFAULT_ALPHABET), own),
      parts,
      ended: stored.end,
    };
  }

  /** Ends of single segments that the store has, by message and segment. */
  async #segmentEnds(
    ids: readonly MessageId[],
  ): Promise<ReadonlyMap<MessageId, ReadonlyMap<number, PartEnd>>> {
    const ends = new Map<MessageId, Map<number, PartEnd>>();
    const rows = await withClient(this.#deps.pool, (client) => loadSegmentReceipts(client, ids));
    for (const { id, segment, state, fault, err, doneAtMs } of rows) {
      const parts = ends.get(id) ?? new Map<number, PartEnd>();
      ends.set(id, parts.set(segment, { state, fault, err, doneAtMs }));
    }
    return ends;
  }
}

/** What a stored message says, in the version in force, with what `takeOwnFields` takes; undefined: it is erased, or was altered. Its key is loaded. */
export function openSubmit(keys: ContentKeys, stored: StoredMessage): SubmitSm | undefined {
  try {
    const plain = keys.open(stored.contentKey, stored.id, stored.version, stored.content);
    if (plain === undefined) return undefined; // its key is destroyed: erased
    const pdu = decodePdu(plain, 0, plain.length);
    return pdu.command === 'submit_sm' ? pdu : undefined;
  } catch {
    return undefined; // the content was altered
  }
}

/** E.164 digits of where it goes. */
export function destinationOf(submit: SubmitSm): string {
  const destination = normaliseDestination(
    submit.destination_addr,
    submit.dest_addr_ton,
    submit.dest_addr_npi,
  );
  return 'msisdn' in destination ? destination.msisdn : submit.destination_addr;
}
