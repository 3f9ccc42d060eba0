/**
 * Whether something that is done every so often is to be done now. A clock that was set back does not put it off until it
 * is where it was: then it is done at once.
 * @param lastMs when it was done last, by the same clock
 */
export function isDue(nowMs: number, lastMs: number, everyMs: number): boolean {
  const agoMs = nowMs - lastMs;
  return agoMs >= everyMs || agoMs < 0;
}
