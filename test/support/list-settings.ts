import { ByteaColumn, Int4Column, TimestampColumn } from '../../src/store/arrays.ts';
import type { ConsentOrigin, ConsentSettings } from '../../src/store/consents.ts';
import type { OptOutSettings } from '../../src/store/opt-outs.ts';

/** Numbers as a statement takes them, each by its hash; what is sealed is never opened. */
export function optOutSettings(hashes: readonly Buffer[]): OptOutSettings {
  return { hashes: byteas(hashes), sealed: byteas(hashes.map(() => Buffer.alloc(1))) };
}

/** Consents as a statement takes them, each with an origin of its own. */
export function consentSettings(
  consents: readonly (ConsentOrigin & { readonly hash: Buffer; readonly atMs: number })[],
): ConsentSettings {
  const [ats, originOf] = [new TimestampColumn(), new Int4Column()];
  for (const column of [ats, originOf]) column.begin(consents.length);
  for (const [i, { atMs }] of consents.entries()) {
    ats.push(atMs);
    originOf.push(i + 1);
  }
  const hashes = consents.map(({ hash }) => hash);
  return { ...optOutSettings(hashes), ats: ats.end(), originOf: originOf.end(), origins: consents };
}

function byteas(values: readonly Buffer[]): Buffer {
  const column = new ByteaColumn();
  column.begin();
  for (const value of values) column.push(value);
  return column.end();
}
