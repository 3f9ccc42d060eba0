import type { PolicyVerdict } from '../domain/policy.ts';
import type { JudgedThen } from '../store/replay-page.ts';
import type { StoredMessage } from '../store/stored-message.ts';
import { NO_CARRIER } from './message.ts';
import type { Decided } from './replay-tally.ts';

/** Of a message that no rule left a trace of. */
export const NOTHING_NOTED: JudgedThen = {
  heldBy: undefined,
  deferredBy: undefined,
  refusedOtherwise: false,
  replacedAtMs: undefined,
};

/** What became of a message when it was judged. */
export function decidedThen(
  { carrier, end }: StoredMessage,
  { heldBy, deferredBy }: JudgedThen,
): Decided {
  const isByRule = end?.cause === 'policy' || end?.cause === 'refusedCharged';
  if (carrier === NO_CARRIER || isByRule) return { is: 'refused', rule: undefined };
  if (heldBy !== undefined) return { is: 'held', rule: heldBy };
  return { is: deferredBy === undefined ? 'accepted' : 'deferred', rule: deferredBy };
}

/**
 * What would become of it. What no rule refused then (no route, no credit) would still be refused where rules let it pass.
 * @param atMs unix ms at which it is judged
 * @param validUntilMs until when it could be sent if it waits for its hours; undefined: no longer
 */
export function decidedNow(
  verdict: PolicyVerdict,
  { carrier }: StoredMessage,
  { refusedOtherwise }: JudgedThen,
  atMs: number,
  validUntilMs: () => number | undefined,
): Decided {
  const { refused, heldBy, notBeforeMs, hits } = verdict;
  if (refused !== undefined) return { is: 'refused', rule: refused.rule };
  if (carrier === NO_CARRIER && refusedOtherwise) return { is: 'refused', rule: undefined };
  const rule = hits.find(({ action }) => action === 'defer')?.rule;
  const waits = notBeforeMs > atMs;
  if (waits && notBeforeMs >= (validUntilMs() ?? 0)) return { is: 'refused', rule };
  if (heldBy !== undefined) return { is: 'held', rule: heldBy };
  return waits ? { is: 'deferred', rule } : { is: 'accepted', rule: undefined };
}
