/** Bytes as whole megabytes. */
export function megabytes(bytes: number): number {
  return Math.round(bytes / 1_048_576);
}

/** So many in so long, a second. */
export function perSecond(count: number, milliseconds: number): number {
  return Math.round((count * 1000) / Math.max(1, milliseconds));
}
