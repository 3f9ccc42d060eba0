import { DatabaseError } from 'pg';

/**
 * What went wrong between us and PostgreSQL, in the terms in which a caller decides:
 * - `connection` not reachable, or lost while nothing could have been committed
 * - `inDoubt` lost with a commit under way; only a read-back tells
 * - `conflict` deadlock, serialization, lock timeout: the same again may succeed
 * - `resources` disk full, out of memory, too many connections
 * - `readOnly` a standby, or a read-only transaction
 * - `shutdown` the server is going down or coming up
 * - `timeout` cancelled, or no answer in time
 * - `data` this input can never be stored
 * - `clock` message ids too far from the database's clock
 * - `epochLost` this node's epoch was adopted: it must write nothing more
 * - `closed` we closed the lane ourselves
 * - `other` a statement of ours is wrong, or the schema is not this version's
 */
export type DependencyErrorKind =
  | 'connection'
  | 'inDoubt'
  | 'conflict'
  | 'resources'
  | 'readOnly'
  | 'shutdown'
  | 'timeout'
  | 'data'
  | 'clock'
  | 'epochLost'
  | 'closed'
  | 'other';

/** The store did not do it. Except for `inDoubt` it is certain that nothing was committed. */
export class DependencyError extends Error {
  override readonly name: string = 'DependencyError';
  readonly kind: DependencyErrorKind;
  /** SQLSTATE, where the server said one. */
  readonly sqlState: string | undefined;

  constructor(
    kind: DependencyErrorKind,
    message: string,
    options?: { cause?: unknown; sqlState?: string | undefined },
  ) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.kind = kind;
    this.sqlState = options?.sqlState;
  }

  /** The same write can succeed later without anything being changed by people. */
  get transient(): boolean {
    return (
      this.kind !== 'data' &&
      this.kind !== 'other' &&
      this.kind !== 'epochLost' &&
      this.kind !== 'closed'
    );
  }
}

/** Another node adopted this epoch (SQLSTATE SG001). The node must stop: nothing is written for it any more. */
export class EpochLost extends DependencyError {
  override readonly name: string = 'EpochLost';
  constructor(message: string, cause?: unknown) {
    super('epochLost', message, { cause, sqlState: 'SG001' });
  }
}

/** The error in our terms. @param fallback for what is not an answer of the server: `connection`, or `inDoubt` when a commit was under way */
export function dependencyError(
  error: unknown,
  fallback: 'connection' | 'inDoubt' = 'connection',
): DependencyError {
  if (error instanceof DependencyError) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (!(error instanceof DatabaseError) || error.code === undefined) {
    return new DependencyError(fallback, message, { cause: error });
  }
  if (error.code === 'SG001') return new EpochLost(message, error);
  return new DependencyError(kindOf(error.code), message, { cause: error, sqlState: error.code });
}

/** https://www.postgresql.org/docs/current/errcodes-appendix.html; SG...: sql/ of ours. */
function kindOf(sqlState: string): DependencyErrorKind {
  switch (sqlState) {
    case '40001':
    case '40P01':
    case '55P03':
      return 'conflict';
    case '25006':
      return 'readOnly';
    case '57014':
      return 'timeout';
    case 'SG004':
      return 'clock';
    // A batch that was given up by its tombstone.
    case '23505':
      return 'data';
  }
  switch (sqlState.slice(0, 2)) {
    case '08':
      return 'connection';
    case '22':
    case '23':
      return 'data';
    case '53':
    case '54':
    case '58':
      return 'resources';
    case '57':
      return 'shutdown';
  }
  return 'other';
}
