import { ByteaColumn } from './arrays.ts';

/** bytea[] of some values, as a parameter: pg writes each as hex text, which takes five times as long. */
export function byteaArray(values: readonly Uint8Array[]): Buffer {
  const column = new ByteaColumn();
  column.begin();
  for (const value of values) column.push(value);
  return column.end();
}
