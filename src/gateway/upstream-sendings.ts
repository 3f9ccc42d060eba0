import type { CatalogCarrier } from '../domain/catalog.ts';
import { NO_LEASE } from './lease-book.ts';
import { referenceOf, setReference } from './message-reference.ts';
import type { Job, Sending } from './sending.ts';
import { upstreamParts } from './upstream-pdu.ts';

/**
 * Adds what a job is to send: a submit_sm for each of its segments, as its carrier wants it, without a lease yet.
 * @param dropsOthers see upstreamParts
 * @throws Error when the message's content is not at hand
 */
export function addSendings(
  sendings: Sending[],
  job: Job,
  carrier: CatalogCarrier,
  nowMs: number,
  dropsOthers: boolean,
): void {
  const { message, attempt, firstHere } = job;
  const { id } = message;
  upstreamParts(message, carrier, nowMs, dropsOthers, (pdu, segment, parts) => {
    if (parts > 1) message.parts ??= new Array(parts).fill(undefined);
    if (job.segment !== 0 && job.segment !== segment) return;
    if (carrier.echoesUserMessageReference)
      setReference(pdu, referenceOf({ id, segment, attempt }));
    sendings.push({
      message,
      id,
      segment,
      attempt,
      firstHere,
      carrier: carrier.id,
      lease: NO_LEASE,
      pdu,
      sentAtMs: 0,
      upstreamId: null,
      status: 0,
      atMs: 0,
    });
  });
}
