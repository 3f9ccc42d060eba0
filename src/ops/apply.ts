import { randomInt } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { Pool } from 'pg';
import type { DiffError } from '../domain/resource-diff.ts';
import { exportResources, type ParsedResources, parseResources } from '../domain/resource-file.ts';
import { suggestSecret } from '../domain/resource-secrets.ts';
import { resourceSetOf } from '../domain/resources.ts';
import type { FileError } from '../domain/yaml-document.ts';
import { loadResources } from '../store/resource-rows.ts';
import type { SecretKeeper } from '../store/resource-sealing.ts';
import { type Applied, applyResources } from '../store/resources.ts';
import { carrierProfiles } from './carrier-profiles.ts';
import { wordFiles } from './word-files.ts';

/** A fault of a resource file: the line where it is known, the key, and what is wrong. */
export interface ApplyFault {
  readonly line: number | undefined;
  readonly key: string;
  readonly message: string;
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
  const parsed = parseResources(request.text, {
    suggest: randomSecret,
    profiles: carrierProfiles(),
    wordFiles: wordFiles(),
  });
  if ('errors' in parsed) return { faults: parsed.errors };
  // Reading a file of 100,000 words takes milliseconds, and comparing it as many: traffic goes on between.
  await setImmediate();
  const { text: _, ...rest } = request;
  const result = await applyResources(pool, secrets, { ...rest, next: () => ({ ok: parsed.ok }) });
  return 'errors' in result
    ? { faults: result.errors.map((error) => located(error, parsed)) }
    : result;
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

/** A random password or system_id of 8 characters. */
export function randomSecret(): string {
  return suggestSecret((below) => randomInt(below));
}

function located(error: DiffError, parsed: ParsedResources): FileError {
  return { line: parsed.lineOf(error.path), key: error.key, message: error.message };
}
