import type { Pool } from 'pg';
import type { EpochId } from '../domain/ids.ts';
import { attemptsOf } from '../store/attempts.ts';
import { withClient } from '../store/pool.ts';
import * as store from '../store/unknown.ts';
import type { MessageLoader } from './loader.ts';
import type { Orphans } from './orphans.ts';
import type { UnknownStore } from './unknown.ts';

/** What UnknownOutcomes needs of the store, over a pool. */
export function unknownStore(
  pool: Pool,
  epoch: EpochId,
  loader: MessageLoader,
  orphans: Orphans,
): UnknownStore {
  return {
    record: (carrier, sendings) =>
      withClient(pool, (client) => store.recordUnknown(client, epoch, carrier, sendings)),
    startWait: (carrier, deadlineMs) =>
      withClient(pool, (client) => store.startUnknownWait(client, epoch, carrier, deadlineMs)),
    endWait: (carrier) =>
      withClient(pool, (client) => store.endUnknownWait(client, epoch, carrier)),
    oldestOpen: () => withClient(pool, (client) => store.oldestUnknown(client, epoch)),
    due: (nowMs, limit) =>
      withClient(pool, (client) => store.dueUnknown(client, epoch, nowMs, limit)),
    open: (carriers, limit) =>
      withClient(pool, (client) => store.openUnknown(client, carriers, limit)),
    forsaken: (known, limit) =>
      withClient(pool, (client) => store.forsakenUnknown(client, epoch, known, limit)),
    resolve: (keys, resolution) =>
      withClient(pool, (client) => store.resolveUnknown(client, keys, resolution)),
    load: (ids) => loader.load(ids),
    attempts: (ids) => withClient(pool, (client) => attemptsOf(client, ids)),
    orphans: (carrier, sinceMs) => orphans.orphansOf(carrier, sinceMs),
    claim: (orphan) => orphans.claim(orphan),
    markMatched: (parked, message) => orphans.markMatched(parked, message),
  };
}
