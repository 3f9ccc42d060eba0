import type { PduOf } from '../smpp/pdu.ts';
import * as status from '../smpp/status.ts';
import type { SettleVerdict } from '../store/settle.ts';
import { type Lookups, QUEUED_MOST } from './lookups.ts';
import { type Message, NO_CARRIER } from './message.ts';
import { msisdnOf, namesDestination, namesSender, ownSource, sameSender } from './own-message.ts';

/** A message that is replaced again and again meanwhile is tried to be cancelled so often. */
const TRIES = 3;

export interface CancelDeps {
  readonly lookups: Pick<Lookups, 'named' | 'queued'>;
  /** Takes one token of the bind's rate: each further page of QUEUED_MOST messages costs as much as an operation. */
  mayGoOn(): boolean;
  /** Keyed hashes of a number, one under each key at hand. */
  numberHashes(msisdn: string): readonly Buffer[];
  /** Ends a message DELETED if no carrier can have it. */
  end(message: Message, told: (verdict: SettleVerdict) => void): void;
  /** The message as it stands now, if it was replaced since this copy. */
  newer(copy: Message): Promise<Message | undefined>;
  /** It has ended: nothing of it needs to stay queued. */
  forget(message: Message): void;
}

/**
 * Carries out a cancel_sm (SMPP 3.4 §4.9), by message_id or, without one, for all that are queued from this sender to
 * this destination (and of this service_type, if one is given).
 * @returns command_status: 0 when at least one was cancelled, after the commit; ESME_RINVMSGID for an id that the account
 *   does not have; ESME_RCANCELFAIL when nothing matches or a carrier has it already; ESME_RTHROTTLED when more messages
 *   are queued to the number than the bind's rate lets one look at: the newest are cancelled then, the same again goes on
 */
export function cancel(
  deps: CancelDeps,
  account: Message['account'],
  pdu: PduOf<'cancel_sm'>,
): Promise<number> {
  return pdu.message_id === '' ? cancelGroup(deps, account, pdu) : cancelOne(deps, account, pdu);
}

async function cancelOne(
  deps: CancelDeps,
  account: Message['account'],
  pdu: PduOf<'cancel_sm'>,
): Promise<number> {
  const asked = { account, name: pdu.message_id, destinationHash: undefined };
  let found = await deps.lookups.named(asked);
  if (found.length === 0) return status.ESME_RINVMSGID;
  if (found.length > 1) {
    // Of an id that a submit_multi gave several destinations one must be named.
    const hashes = deps.numberHashes(msisdnOf(pdu) ?? '');
    found = (
      await Promise.all(
        hashes.map((destinationHash) => deps.lookups.named({ ...asked, destinationHash })),
      )
    ).flat();
  }
  const meant = found.filter((one) => namesSender(one, pdu) && namesDestination(one, pdu));
  const ended = await Promise.all(meant.map((message) => end(deps, message)));
  return ended.includes(true) ? status.ESME_ROK : status.ESME_RCANCELFAIL;
}

async function cancelGroup(
  deps: CancelDeps,
  account: Message['account'],
  pdu: PduOf<'cancel_sm'>,
): Promise<number> {
  const msisdn = msisdnOf(pdu);
  if (msisdn === undefined) return status.ESME_RINVDSTADR;
  const matches = (message: Message): boolean =>
    message.ended === undefined &&
    message.destination === msisdn &&
    sameSender(ownSource(message), pdu) &&
    (pdu.service_type === '' || pdu.service_type === message.echo.service_type);
  let any = false;
  for (const destinationHash of deps.numberHashes(msisdn)) {
    let before: Message['id'] | undefined;
    for (;;) {
      const queued = await deps.lookups.queued({ account, destinationHash, before });
      const ended = await Promise.all(queued.filter(matches).map((message) => end(deps, message)));
      any ||= ended.includes(true);
      if (queued.length < QUEUED_MOST) break;
      before = queued.at(-1)?.id;
      if (!deps.mayGoOn()) return status.ESME_RTHROTTLED;
    }
  }
  return any ? status.ESME_ROK : status.ESME_RCANCELFAIL;
}

/** Whether it was cancelled; false: it has ended, is refused and about to end, or a carrier has it or may have it. */
async function end(deps: CancelDeps, message: Message): Promise<boolean> {
  let copy: Message | undefined = message;
  for (let tries = 0; copy !== undefined && tries < TRIES; tries++) {
    const current: Message = copy;
    if (current.ended !== undefined || current.carrier === NO_CARRIER) return false;
    const verdict = await new Promise<SettleVerdict>((told) => deps.end(current, told));
    if (verdict === 1) deps.forget(current);
    if (verdict !== 2) return verdict === 1;
    copy = await deps.newer(current);
  }
  return false;
}
