import type { ClientBase, Pool } from 'pg';
import type { Credits } from '../domain/money.ts';
import {
  type ChangeOf,
  type DiffError,
  type DiffOptions,
  diffLines,
  diffResources,
  type ResourceChange,
  type ResourceDiff,
} from '../domain/resource-diff.ts';
import { secretPairs } from '../domain/resource-secrets.ts';
import { type ResourceFile, type ResourceSet, resourceSetOf } from '../domain/resources.ts';
import { writeAudit } from './audit.ts';
import { configChanged, lockConfig } from './config-version.ts';
import { leftWithoutNumbers } from './known-networks.ts';
import { inTransaction } from './pool.ts';
import { OPENING_REFERENCE, topUpWithin } from './postings.ts';
import { readResources, storeChange } from './resource-rows.ts';
import { clearedSpec, type GeneratedSecret, type SecretKeeper } from './resource-sealing.ts';

/** What an apply did, or with dryRun would do. */
export interface Applied {
  /** Of the configuration afterwards. */
  readonly version: number;
  readonly changed: boolean;
  /** The diff in words, a line for each resource; empty when nothing differs. */
  readonly lines: readonly string[];
  readonly changes: readonly ResourceChange[];
  readonly notInFile: readonly string[];
  readonly generated: readonly GeneratedSecret[];
  /** Opening credit of accounts that it made. */
  readonly openings: ReadonlyMap<string, Credits>;
}

/** Why nothing was applied. */
export interface ApplyErrors {
  readonly errors: readonly DiffError[];
}

/** What is to be applied. */
export interface ApplyRequest {
  /** The wanted resources, made from what is stored under the lock: a file as it is, or one account patched. */
  readonly next: (current: ResourceSet) => { readonly ok: ResourceFile } | ApplyErrors;
  readonly actor: string;
  /** True: compares and changes nothing. */
  readonly dryRun: boolean;
  /** Flags what it adds as the demo's. */
  readonly demo?: boolean;
  /** Prices may change by any factor: see DiffOptions. */
  readonly allowLargeChanges?: boolean;
}

/**
 * Applies resources: all or nothing, one apply at a time over all nodes, the same file twice changes nothing. Every
 * change leaves its version in resource_version, new accounts get their opening credit once, the audit says who did
 * it, and every node hears of it when it commits.
 */
export async function applyResources(
  pool: Pool,
  secrets: SecretKeeper,
  request: ApplyRequest,
): Promise<Applied | ApplyErrors> {
  return inTransaction(pool, async (client) => {
    await lockConfig(client, request.dryRun);
    const stored = await readResources(client);
    const current = resourceSetOf(stored);
    const next = request.next(current);
    if ('errors' in next) return next;
    const compared = await compare(current, next.ok, secrets, {
      allowLargeChanges: request.allowLargeChanges ?? false,
      nowMs: Date.now(),
    });
    if ('errors' in compared) return compared;
    const diff = compared.ok;
    const lines = diffLines(diff);
    const report = { lines, changes: diff.changes, notInFile: diff.notInFile };
    if (diff.changes.length === 0 || request.dryRun) {
      return {
        ...report,
        version: stored.version,
        changed: diff.changes.length > 0,
        generated: [],
        openings: new Map(),
      };
    }
    const inUse = [...(await carriersInUse(client, diff)), ...(await networksInUse(client, diff))];
    if (inUse.length > 0) return { errors: inUse };
    const generated = await storeChanges(client, diff, secrets, request);
    const version = await configChanged(client);
    await writeAudit(client, {
      actor: request.actor,
      action: 'resources.apply',
      subject: null,
      detail: { version, lines },
    });
    return { ...report, version, changed: true, generated, openings: diff.openings };
  });
}

/** Pauses or resumes a carrier for every node. False: there is no such carrier. */
export async function setCarrierPaused(
  pool: Pool,
  change: { name: string; paused: boolean; actor: string },
): Promise<boolean> {
  return inTransaction(pool, async (client) => {
    const { rows } = await client.query<{ paused: boolean }>(
      'select paused from carrier where name = $1 and removed_at is null for no key update',
      [change.name],
    );
    if (rows[0] === undefined) return false;
    if (rows[0].paused === change.paused) return true;
    await client.query('update carrier set paused = $2 where name = $1', [
      change.name,
      change.paused,
    ]);
    await configChanged(client);
    const action = change.paused ? 'carrier.pause' : 'carrier.resume';
    await writeAudit(client, { actor: change.actor, action, subject: change.name, detail: {} });
    return true;
  });
}

async function compare(
  current: ResourceSet,
  next: ResourceFile,
  secrets: SecretKeeper,
  options: DiffOptions,
): Promise<{ ok: ResourceDiff } | ApplyErrors> {
  const same = new Set<string>();
  for (const [clear, stored] of secretPairs(current, next)) {
    if (await secrets.matches(clear, stored)) same.add(pairKey(clear, stored));
  }
  const matches = (clear: string, stored: string) => same.has(pairKey(clear, stored));
  return diffResources(current, next, matches, options);
}

/** No password has a NUL: it goes over the wire as a C-Octet String. */
function pairKey(clear: string, stored: string): string {
  return `${clear}\0${stored}`;
}

/**
 * A carrier that may still answer for a submit_sm cannot be removed: its answers would have nowhere to go. What only
 * waits for it goes to other carriers of its route.
 */
async function carriersInUse(client: ClientBase, diff: ResourceDiff): Promise<DiffError[]> {
  const removed = diff.changes.flatMap((change) =>
    change.kind === 'carriers' && change.action === 'remove' ? [change.name] : [],
  );
  if (removed.length === 0) return [];
  const { rows } = await client.query<{ name: string }>(
    `select name from carrier c where name = any ($1) and (
       exists (select from lease l where l.carrier = c.id)
       or exists (select from unknown_outcome u where u.carrier = c.id and u.resolved_at is null)
       or exists (select from message m where m.valid_until > now()
         and m.id >= (select min(queue_floor) from node_epoch where adopted_by is null)
         and not exists (select from outcome o where o.id = m.id)
         and exists (select from dispatch d where d.id = m.id and d.carrier = c.id and d.status = 0
           and stands(d.id, d.segment, d.attempt))))`,
    [removed],
  );
  return rows.map(({ name }) => ({
    path: ['carriers', name],
    key: `carriers[${name}]`,
    message:
      'cannot be removed while it may still answer for some messages: pause it, and let them end first',
  }));
}

/** A network that an order or a sender names keeps its prefixes: without them the order would hold for no number. */
async function networksInUse(client: ClientBase, diff: ResourceDiff): Promise<DiffError[]> {
  if (!diff.changes.some(({ kind, action }) => kind === 'networks' && action !== 'add')) return [];
  return (await leftWithoutNumbers(client, diff.result)).map(({ code, by }) => ({
    path: ['networks', code],
    key: `networks[${code}]`,
    message: `has to keep its prefixes: ${by} names it`,
  }));
}

async function storeChanges(
  client: ClientBase,
  diff: ResourceDiff,
  secrets: SecretKeeper,
  request: ApplyRequest,
): Promise<GeneratedSecret[]> {
  const generated: GeneratedSecret[] = [];
  await freeSystemIds(client, diff);
  for (const change of diff.changes) {
    const cleared: ResourceChange =
      change.action === 'remove'
        ? change
        : ({
            ...change,
            spec: await clearedSpec(change.kind, change.spec, secrets, generated),
          } as ResourceChange);
    await storeChange(client, cleared, { actor: request.actor, demo: request.demo ?? false });
  }
  for (const [account, credits] of diff.openings) {
    const posted = await topUpWithin(client, {
      account,
      credits,
      reference: OPENING_REFERENCE,
      actor: request.actor,
    });
    if ('refused' in posted)
      throw new Error(`the opening credit of ${account} was refused: ${posted.refused}`);
  }
  return generated;
}

/** A system_id may move from one account to another in one apply: it leaves the old one before any is written. */
async function freeSystemIds(client: ClientBase, diff: ResourceDiff): Promise<void> {
  const changes = diff.changes.filter(
    (change): change is ChangeOf<'accounts'> & { action: 'change' } =>
      change.kind === 'accounts' && change.action === 'change',
  );
  for (const { name, spec } of changes) {
    await client.query(
      'delete from bind where account = (select id from account where name = $1) and not system_id = any ($2)',
      [name, spec.binds.map((bind) => bind.systemId)],
    );
  }
}
