import type { Pool } from 'pg';
import type { DiffError } from '../domain/resource-diff.ts';
import { exportResources } from '../domain/resource-file.ts';
import { resourceSetOf } from '../domain/resources.ts';
import { loadResources } from '../store/resource-rows.ts';
import type { SecretKeeper } from '../store/resource-sealing.ts';
import { type Applied, applyResources } from '../store/resources.ts';
import type { Metrics } from './metrics.ts';
import { readResourcesFile } from './resources-reader.ts';

/** A fault of a resource file: the line where it is known, the key, and what is wrong. */
export interface ApplyFault {
  readonly line: number | undefined;
  readonly key: string;
  readonly message: string;
  /** Prices change too much: `allowLargeChanges` lets it pass. */
  readonly isLargeChange?: boolean;
}

/** Who applies what and how. */
export interface ApplyText {
  /** YAML or JSON. */
  readonly text: string;
  readonly actor: string;
  readonly dryRun: boolean;
  /** Flags what it adds as the demo's. */
  readonly demo?: boolean;
  /** Prices may change by any factor. */
  readonly allowLargeChanges?: boolean;
}

/**
 * Applies a resource file: RESOURCES_FILE at start, the demo, PUT /v1/resources. Faults come back with their lines
 * and nothing is changed. The caller then brings the new catalog into force (OpsRuntime.catalogChanged).
 */
export async function applyText(
  pool: Pool,
  secrets: SecretKeeper,
  request: ApplyText,
): Promise<Applied | { readonly faults: readonly ApplyFault[] }> {
  const read = await readResourcesFile(request.text);
  if ('errors' in read) return { faults: read.errors };
  const { text, ...rest } = request;
  const result = await applyResources(pool, secrets, { ...rest, next: () => ({ ok: read.ok }) });
  return 'errors' in result ? { faults: await located(text, result.errors) } : result;
}

/** Counts the opening credit of new accounts as the top-up that it is. */
export function countOpenings(metrics: Metrics, { openings }: Pick<Applied, 'openings'>): void {
  for (const [account, credits] of openings)
    metrics.credits.child(account, 'top_up').inc(Number(credits));
}

/** The stored resources as a file that `apply` takes back without a difference. */
export async function exportText(pool: Pool): Promise<string> {
  return exportResources(resourceSetOf(await loadResources(pool)));
}

/** One line a fault, for a log or a terminal: `line 12: accounts[0].tariff: refers to ...`. */
export function faultText(fault: ApplyFault): string {
  const place = fault.key === '' ? '' : `${fault.key}: `;
  return fault.line === undefined
    ? `${place}${fault.message}`
    : `line ${fault.line}: ${place}${fault.message}`;
}

/** The file is read again for its lines. */
async function located(text: string, errors: readonly DiffError[]): Promise<ApplyFault[]> {
  const read = await readResourcesFile(
    text,
    errors.map(({ path }) => path),
  );
  const lines = 'ok' in read ? read.lines : [];
  return errors.map(({ path: _, ...fault }, i) => ({ line: lines[i], ...fault }));
}
