import { totalmem } from 'node:os';

/**
 * The settings of the embedded PostgreSQL, as the text of a configuration file. They stand before
 * the operator's own lines in postgresql.conf, so that those win.
 * @param extra settings that replace or add to ours (tests make the server small).
 */
export function embeddedSettings(extra: Readonly<Record<string, string>> = {}): string {
  const settings = { ...ours(), ...extra };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${quote(value)}'`);
  return `# Written by smppgate at every start: put your own settings into postgresql.conf.\n${lines.join('\n')}\n`;
}

function ours(): Record<string, string> {
  return {
    // What a positive submit_sm_resp promises (invariant 1): never off.
    fsync: 'on',
    full_page_writes: 'on',
    synchronous_commit: 'on',
    // Reached by this machine's daemon only: a socket in a 0700 folder, no TCP at all.
    listen_addresses: '',
    unix_socket_permissions: '0700',
    // Four lanes and a pool of readers a worker, plus an operator's psql.
    max_connections: '60',
    // The hot set is the index of the newest one or two partitions, about 100 MB each at two
    // million rows, and while a list of five million is loaded all of it: 900 MB.
    shared_buffers: `${sharedMegabytes(totalmem(), process.constrainedMemory())}MB`,
    // At 20,000 lifecycles/s some 20-30 MB of WAL a second: 4 GB and 15 minutes keep checkpoints,
    // and the full page images after each of them, minutes apart.
    max_wal_size: '4GB',
    min_wal_size: '256MB',
    checkpoint_timeout: '15min',
    wal_buffers: '16MB',
    // The shipped build has pglz only, which costs more CPU than the octets it saves: CPU is what
    // the target machine is short of.
    wal_compression: 'off',
    // Nothing streams from this server: no senders, and so the least WAL. A backup is a copy of
    // the stopped folder or pg_dump over the socket.
    wal_level: 'minimal',
    max_wal_senders: '0',
    max_logical_replication_workers: '0',
    // Statements of a millisecond gain nothing from compiling; one bad estimate costs 100 ms.
    jit: 'off',
    // Flash, or in memory: a random page costs about what the next one does.
    random_page_cost: '1.1',
    // Dropping old partitions locks every one of them and its indexes in one transaction.
    max_locks_per_transaction: '256',
    // Partitions are filled once, with one to two million rows, and later dropped whole: one
    // vacuum about when a partition is full (visibility map, freezing), not at each fifth more.
    autovacuum_vacuum_insert_threshold: '1000000',
    autovacuum_vacuum_insert_scale_factor: '1',
    // Balances and due rows are few and updated all the time: clean them early, in small bites.
    autovacuum_naptime: '15s',
    autovacuum_vacuum_scale_factor: '0.05',
    autovacuum_max_workers: '2',
    timezone: 'UTC',
    log_timezone: 'UTC',
    // Nobody's text or number in the log file: no statements, no DETAIL lines.
    log_min_messages: 'warning',
    log_min_error_statement: 'panic',
    log_error_verbosity: 'terse',
    log_checkpoints: 'off',
    log_line_prefix: '%m [%p] ',
  };
}

function quote(value: string): string {
  return value.replaceAll("'", "''");
}

/**
 * Megabytes of memory for shared_buffers: an eighth of what there is, from 64 MB to 1 GB.
 * @param constrained octets that a container may have; 0 or more than there are: all of the machine
 */
export function sharedMegabytes(machine: number, constrained: number): number {
  const octets = constrained > 0 ? Math.min(machine, constrained) : machine;
  return Math.min(1_024, Math.max(64, Math.floor(octets / 8 / 2 ** 20)));
}
