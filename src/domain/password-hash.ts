/**
 * What two stored passwords of a bind must share to be tried by one derivation: everything of `scrypt$N$r$p$salt$hash`
 * but the hash itself. A text of another form shares it with no other.
 */
export function saltOf(stored: string): string {
  const end = stored.lastIndexOf('$');
  return end < 0 ? stored : stored.slice(0, end);
}
