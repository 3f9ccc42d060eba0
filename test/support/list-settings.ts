import { ByteaColumn, TimestampColumn } from '../../src/store/arrays.ts';
import type { ConsentOrigin, ConsentSettings } from '../../src/store/consents.ts';
import type { OptOutSettings } from '../../src/store/opt-outs.ts';

/** Numbers as a statement takes them, each by its hash; what is sealed is never opened. */
export function optOutSettings(hashes: readonly Buffer[]): OptOutSettings {
  const { length } = hashes;
  return { length, hashes: byteas(hashes), sealed: byteas(hashes.map(() => Buffer.alloc(1))) };
}

/** Consents as a statement takes them, each with an origin of its own. */
export function consentSettings(
  consents: readonly (ConsentOrigin & { readonly hash: Buffer; readonly atMs: number })[],
): ConsentSettings {
  const ats = new TimestampColumn();
  ats.begin(consents.length);
  for (const { atMs } of consents) ats.push(atMs);
  const { hashes, sealed } = optOutSettings(consents.map(({ hash }) => hash));
  const originOf = consents.map((_, i) => i);
  return { hashes, sealed, ats: ats.end(), originOf, origins: consents };
}

function byteas(values: readonly Buffer[]): Buffer {
  const column = new ByteaColumn();
  column.begin();
  for (const value of values) column.push(value);
  return column.end();
}
