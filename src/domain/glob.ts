/**
 * A pattern of the configuration: `*` is any run of characters, `?` is one, all else is itself. Never a regular
 * expression: whoever writes the configuration could else hold the event loop with one.
 */
export type Glob = (text: string) => boolean;

/** Longest pattern: over twice the longest address (SMPP 3.4 §5.2.8: 20 characters). */
export const GLOB_CHARACTERS_MAX = 64;

/** Compiles a pattern. At worst text times pattern steps (20 x 64): after a mismatch only the last `*` is tried again. */
export function compileGlob(pattern: string): Glob {
  if (!/[*?]/.test(pattern)) return (text) => text === pattern;
  return (text) => fits(pattern, text);
}

function fits(pattern: string, text: string): boolean {
  let p = 0;
  let t = 0;
  let star = -1;
  let retryAt = 0;
  while (t < text.length) {
    if (pattern[p] === '*') {
      star = p++;
      retryAt = t;
    } else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === text[t])) {
      p++;
      t++;
    } else if (star >= 0) {
      p = star + 1;
      t = ++retryAt;
    } else return false;
  }
  while (pattern[p] === '*') p++;
  return p === pattern.length;
}
