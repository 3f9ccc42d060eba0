import type { ClientBase } from 'pg';
import { countryCode } from '../../domain/country-code.ts';
import { csvLine, foreignCell } from '../../domain/csv.ts';
import { carrierId } from '../../domain/ids.ts';
import { faultClassName, messageStateName } from '../../domain/message-state.ts';
import { formatCredits } from '../../domain/money.ts';
import { type CarrierAttempt, carrierAttempts } from '../../store/carrier-attempts.ts';
import { readCostHistories } from '../../store/cost-versions.ts';
import { costOfGroup } from './counter.ts';

const HEADING = [
  'at',
  'message',
  'segment',
  'attempt',
  'upstream_id',
  'command_status',
  'account',
  'country',
  'network',
  'sender',
  'cost',
  'state',
  'fault',
] as const;

/** Milliseconds of a day (UTC has no others). */
export const DAY_MS = 86_400_000;

/**
 * What a carrier answered on a day (UTC), a submit_sm a row, in pieces of some thousand rows. `cost` is of an accepted
 * segment by the carrier's cost when it took it; empty where it had none for the number, and until the message is counted
 * (some 25 s). Neither number nor text.
 */
export async function* carrierReport(
  client: ClientBase,
  carrier: number,
  day: string,
): AsyncGenerator<string> {
  const from = new Date(`${day}T00:00:00Z`);
  yield csvLine(HEADING);
  const costs = (await readCostHistories(client, from, carrier)).get(carrierId(carrier));
  const costOf = (attempt: CarrierAttempt): string => {
    if (attempt.status !== 0 || costs === undefined || !attempt.isCounted) return '';
    const cost = costOfGroup(costs, attempt, attempt.at.getTime());
    return cost === undefined ? '' : formatCredits(cost);
  };
  const until = new Date(from.getTime() + DAY_MS);
  for await (const page of carrierAttempts(client, carrier, from, until))
    yield page.map((attempt) => rowOf(attempt, costOf(attempt))).join('');
}

function rowOf(attempt: CarrierAttempt, cost: string): string {
  const { state, fault } = attempt;
  return csvLine([
    attempt.at.toISOString(),
    attempt.id,
    attempt.segment,
    attempt.attempt,
    foreignCell(attempt.upstreamId ?? ''),
    attempt.status,
    attempt.account,
    countryCode(attempt.prefix),
    attempt.network,
    foreignCell(attempt.sender),
    cost,
    state === null ? '' : messageStateName(state),
    fault === null ? '' : faultClassName(fault),
  ]);
}
