import type { Client, ClientBase } from 'pg';
import { type EpochId, epochId, type MessageId } from '../domain/ids.ts';
import { DependencyError, dependencyError } from './errors.ts';

/** A heartbeat is due this often... */
export const EPOCH_BEAT_MS = 1_000;
/** ...and an epoch is valid so long after its last one: five may be lost. */
export const EPOCH_VALID_MS = 6_000;
/** Each heartbeat reserves message ids this far ahead; a node never issues one above its limit. */
export const EPOCH_ID_AHEAD_MS = 10_000;

/** Advisory locks of two numbers; the classes are listed in sql/0004_sending.sql. */
const LOCK_ALIVE = 7301;
const LOCK_JOBS = 7304;
/** Keys of LOCK_JOBS; take_epoch of sql/0005_epochs.sql has key 1. */
const JOB_LEADER = 0;
const JOB_BOOKS = 2;

/** A new epoch. */
export interface TakenEpoch {
  readonly epoch: EpochId;
  /** The node bits of message ids. */
  readonly number: number;
  /** Unix ms: ids must lie at or above it, or they could repeat an earlier epoch's of this number. */
  readonly idFloorMs: number;
  /** Unix ms: ids must lie at or below it until the next heartbeat raises it. */
  readonly idLimitMs: number;
  /** The database's clock. */
  readonly dbNowMs: number;
}

/** What a heartbeat says of this node's work, so that an adopter need not read everything. */
export interface EpochProgress {
  /**
   * Not above the id of any message of this epoch (or of the epochs it has recovered) that still needs its node:
   * being accepted, queued, waiting for a retry, leased without stored answer, or an open unknown outcome. Without
   * any: an id not above the next one.
   */
  readonly queueFloor: MessageId;
  /**
   * The database's clock (TakenEpoch.dbNowMs or a heartbeat's) as it was known when the oldest outcome still to be
   * returned was given to the settle lane; without any: as known now.
   */
  readonly checkpointMs: number;
}

/** An epoch that this node adopted and has yet to recover. */
export interface AdoptedEpoch {
  readonly epoch: EpochId;
  readonly queueFloor: MessageId;
  readonly checkpointMs: number;
  /** No id of it lies above. */
  readonly idLimitMs: number;
}

/**
 * Takes a new epoch. `client` becomes the epoch's own connection: it holds the session lock that says "alive".
 * @throws DependencyError when all 1024 node numbers are in use (`other`), or the database fails
 */
export async function takeEpoch(
  client: Client,
  node: { name: string; nowMs: number },
): Promise<TakenEpoch> {
  const limitMs = node.nowMs + EPOCH_ID_AHEAD_MS;
  const { rows } = await client.query(
    `select epoch, number, id_floor_ms::float8, greatest(id_floor_ms, $2)::float8 as id_limit_ms, unix_ms(db_now)::float8 as db_now_ms
     from take_epoch($1, $2, $3 * interval '1 ms')`,
    [node.name, Math.floor(limitMs), EPOCH_VALID_MS],
  );
  const row = rows[0];
  return {
    epoch: epochId(row.epoch),
    number: row.number,
    idFloorMs: row.id_floor_ms,
    idLimitMs: row.id_limit_ms,
    dbNowMs: row.db_now_ms,
  };
}

/**
 * The heartbeat: valid for another 6 s, ids for another 10 s. Only after it resolved may ids above the old limit be
 * issued, and only after its commit does an adopter rely on `progress`.
 * @throws EpochLost when another node adopted this epoch
 */
export async function renewEpoch(
  client: Client,
  epoch: EpochId,
  nowMs: number,
  progress: EpochProgress,
): Promise<{ idLimitMs: number; dbNowMs: number }> {
  const idLimitMs = Math.floor(nowMs + EPOCH_ID_AHEAD_MS);
  const dbNowMs = await answered(
    client.query(
      `select unix_ms(renew_epoch($1, $2 * interval '1 ms', $3, $4, to_timestamp($5 / 1000.0::float8)))::float8 as value`,
      [epoch, EPOCH_VALID_MS, idLimitMs, progress.queueFloor, progress.checkpointMs],
    ),
  );
  return { idLimitMs, dbNowMs: Number(dbNowMs) };
}

/**
 * Takes the life lock again on a new connection after the epoch's own was lost.
 * @throws DependencyError `conflict` while the server has not noticed the old connection's end: try again
 */
export async function resumeEpoch(client: Client, epoch: EpochId): Promise<void> {
  const held = await answered(
    client.query('select pg_try_advisory_lock($1, $2) as value', [LOCK_ALIVE, epoch]),
  );
  if (held !== true)
    throw new DependencyError('conflict', `the life lock of epoch ${epoch} is still held`);
}

/** An orderly end: the epoch can be adopted at once for what it leaves behind. Ends nothing else. */
export async function closeEpoch(client: Client, epoch: EpochId): Promise<void> {
  await answered(
    client.query('update node_epoch set closed = true where epoch = $1 returning epoch as value', [
      epoch,
    ]),
  );
  await answered(client.query('select pg_advisory_unlock($1, $2) as value', [LOCK_ALIVE, epoch]));
}

/** Epochs without life lock that closed or whose validity is over, oldest first, and not adopted. */
export async function deadEpochs(client: ClientBase): Promise<EpochId[]> {
  const { rows } = await client.query('select e from dead_epochs() as d (e)');
  return rows.map((row) => epochId(row.e));
}

/**
 * Adopts a dead epoch, with all that it had adopted itself and not finished. Waits for its transactions under way;
 * after it commits nothing can be written for that epoch. Then recover each of adoptedEpochs().
 * @returns false when it is not dead (any more), or another node was first
 */
export async function adoptEpoch(client: ClientBase, dead: EpochId, by: EpochId): Promise<boolean> {
  return (await answered(client.query('select adopt_epoch($1, $2) as value', [dead, by]))) === true;
}

/** What this node adopted and has not recovered, oldest first. */
export async function adoptedEpochs(client: ClientBase, by: EpochId): Promise<AdoptedEpoch[]> {
  const { rows } = await client.query(
    `select epoch, queue_floor, unix_ms(outbox_checkpoint)::float8 as checkpoint_ms, id_limit_ms::float8
     from node_epoch where adopted_by = $1 and not recovered order by epoch`,
    [by],
  );
  return rows.map((row) => ({
    epoch: epochId(row.epoch),
    queueFloor: row.queue_floor,
    checkpointMs: row.checkpoint_ms,
    idLimitMs: row.id_limit_ms,
  }));
}

/**
 * All of an adopted epoch is in this node's hands. `progress` must already count it: from here on this node's floor
 * and checkpoint speak for it too.
 */
export async function finishRecovery(
  client: ClientBase,
  dead: EpochId,
  by: EpochId,
  progress: EpochProgress,
): Promise<void> {
  await answered(
    client.query(`select finish_recovery($1, $2, $3, to_timestamp($4 / 1000.0::float8)) as value`, [
      dead,
      by,
      progress.queueFloor,
      progress.checkpointMs,
    ]),
  );
}

/**
 * Tries to become the one node that does jobs (partitions, due messages, retention). Holds while `client`, a
 * connection kept for it, lives.
 */
export async function tryLead(client: Client): Promise<boolean> {
  return (
    (await answered(
      client.query('select pg_try_advisory_lock($1, $2) as value', [LOCK_JOBS, JOB_LEADER]),
    )) === true
  );
}

/** Takes the lock of the one node that keeps the books, for as long as the connection lives. */
export async function tryKeepBooks(client: Client): Promise<boolean> {
  return (
    (await answered(
      client.query('select pg_try_advisory_lock($1, $2) as value', [LOCK_JOBS, JOB_BOOKS]),
    )) === true
  );
}

/** The one value of a query, with errors in our terms. */
async function answered(query: Promise<{ rows: { value: unknown }[] }>): Promise<unknown> {
  try {
    return (await query).rows[0]?.value;
  } catch (error) {
    throw dependencyError(error);
  }
}
