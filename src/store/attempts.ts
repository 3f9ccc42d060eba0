import type { ClientBase } from 'pg';
import { type CarrierId, carrierId, type MessageId, messageId } from '../domain/ids.ts';
import type { SendKey } from './lease.ts';

/** One attempt to send a segment, of which the store knows more than its lease. */
export interface Attempt {
  /** 1 to 255. */
  readonly segment: number;
  readonly attempt: number;
  readonly carrier: CarrierId;
  /** command_status of its answer; undefined: it was never answered. */
  readonly status: number | undefined;
  /** Not answered, and nothing has come of it yet. */
  readonly isUnknown: boolean;
  /** The carrier accepted it and its receipt named this end, upon which the next carrier is to be tried. */
  readonly givenUp: AttemptEnd | undefined;
}

/** How a segment ends if no carrier is left; numbers as in domain/message-state.ts. */
export interface AttemptEnd {
  readonly state: number;
  readonly fault: number;
  readonly err: number;
  readonly doneAtMs: number;
}

/** An attempt that a carrier refused, or that was given up. */
export interface FailedAttempt {
  readonly segment: number;
  readonly attempt: number;
  /** The first attempt of this segment at this carrier. */
  readonly firstHere: number;
  readonly carrier: CarrierId;
  readonly status: number;
  readonly givenUp: AttemptEnd | undefined;
}

/** How a message stands with its carriers. */
export interface Stand {
  /** Segments that a carrier has, or may have. */
  readonly held: ReadonlySet<number>;
  /** How the last attempt of the others failed. */
  readonly failed: ReadonlyMap<number, FailedAttempt>;
}

/** A row of attempts_of(), as JSON has it. */
export interface AttemptColumns {
  readonly segment: number;
  readonly attempt: number;
  readonly carrier: number;
  readonly status: number | null;
  readonly unknown: boolean;
  readonly givenUp: boolean;
  readonly state: number | null;
  readonly fault: number | null;
  readonly err: number | null;
  readonly doneAtMs: number | null;
}

/** Every attempt of these messages that was answered, given up or lost, in order; one without any is missing. */
export async function attemptsOf(
  client: ClientBase,
  ids: readonly MessageId[],
): Promise<Map<MessageId, Attempt[]>> {
  const { rows } = await client.query<AttemptColumns & { id: bigint }>({
    name: 'attempts-of',
    text: `select id, segment, attempt, carrier, status, is_unknown as unknown, given_up as "givenUp", state, fault, err,
      (extract(epoch from done_at) * 1000)::float8 as "doneAtMs" from attempts_of($1) order by id, attempt`,
    values: [ids],
  });
  const attempts = new Map<MessageId, Attempt[]>();
  for (const row of rows) {
    const id = messageId(row.id);
    const of = attempts.get(id);
    if (of === undefined) attempts.set(id, [attemptOf(row)]);
    else of.push(attemptOf(row));
  }
  return attempts;
}

/** Says of each attempt that was given up how; the others are left as they are. */
export async function markGivenUp<Key extends SendKey & { givenUp?: AttemptEnd }>(
  client: ClientBase,
  sendings: readonly (Key | undefined)[],
): Promise<void> {
  const found = sendings.filter((sending) => sending !== undefined);
  if (found.length === 0) return;
  const { rows } = await client.query<AttemptEnd & { nth: number }>({
    name: 'given-up',
    text: `select k.nth::int, f.state, f.fault, f.err, (extract(epoch from f.done_at) * 1000)::float8 as "doneAtMs"
      from unnest($1::int8[], $2::int2[], $3::int2[]) with ordinality as k (id, segment, attempt, nth)
      cross join lateral (select * from failover x
        where x.id = k.id and x.segment = k.segment and x.attempt = k.attempt offset 0) f`,
    values: [
      found.map(({ id }) => id),
      found.map(({ segment }) => segment),
      found.map(({ attempt }) => attempt),
    ],
  });
  for (const { nth, ...end } of rows) {
    const sending = found[nth - 1];
    if (sending !== undefined) sending.givenUp = end;
  }
}

/** A row as an attempt. */
export function attemptOf(row: AttemptColumns): Attempt {
  const { segment, attempt, state, fault, err, doneAtMs } = row;
  return {
    segment,
    attempt,
    carrier: carrierId(row.carrier),
    status: row.status ?? undefined,
    isUnknown: row.unknown,
    givenUp: row.givenUp
      ? { state: state ?? 0, fault: fault ?? 0, err: err ?? 0, doneAtMs: doneAtMs ?? 0 }
      : undefined,
  };
}

/** @param attempts of one message, in order */
export function standOf(attempts: readonly Attempt[]): Stand {
  const held = new Set<number>();
  const failed = new Map<number, FailedAttempt>();
  for (const { segment, attempt, carrier, status, isUnknown, givenUp } of attempts) {
    if (isUnknown || (status === 0 && givenUp === undefined)) held.add(segment);
    const before = failed.get(segment);
    failed.delete(segment);
    if (status === undefined) continue;
    const firstHere = before?.carrier === carrier ? before.firstHere : attempt;
    failed.set(segment, { segment, attempt, firstHere, carrier, status, givenUp });
  }
  return { held, failed };
}

/** The carriers that answered an attempt, whatever they said: of the whole message, or of one segment of it. */
export function answeredBy(attempts: readonly Attempt[], segment?: number): Set<CarrierId> {
  return triedCarriers(
    attempts.filter(({ status }) => status !== undefined),
    segment,
  );
}

/** The carriers that were tried: of the whole message, or of one segment of it. */
export function triedCarriers(attempts: readonly Attempt[], segment?: number): Set<CarrierId> {
  const tried = new Set<CarrierId>();
  for (const attempt of attempts)
    if (segment === undefined || attempt.segment === segment) tried.add(attempt.carrier);
  return tried;
}
