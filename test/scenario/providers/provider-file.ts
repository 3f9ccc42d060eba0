import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

const FOLDER = new URL('../../../config/providers/', import.meta.url);

/** A provider's file as data: what a test exchanges of it is a wait, an hour, an address; never what its row is about. */
export interface ProviderFile {
  terms: Record<string, Record<string, unknown>>;
  policies: Record<string, { rules: Record<string, unknown>[] }>;
  accounts: (Record<string, unknown> & { name: string; binds: Record<string, unknown>[] })[];
  carriers: (Record<string, unknown> & { name: string })[];
  [kind: string]: unknown;
}

/** The file of a provider by its kind, as it stands in `config/providers`. */
export function readProvider(kind: string): ProviderFile {
  return parse(readFileSync(new URL(`${kind}.yaml`, FOLDER), 'utf8'));
}

/** A zone whose clock shows this hour now, to exchange for the recipients' where a row is about hours. */
export function zoneAt(hour: number, now: Date): string {
  const ahead = ((hour - now.getUTCHours() + 36) % 24) - 12;
  // POSIX signs: Etc/GMT-3 is three hours ahead of UTC.
  return `Etc/GMT${ahead > 0 ? '-' : '+'}${Math.abs(ahead)}`;
}
