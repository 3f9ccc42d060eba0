/** Long work that may pause between its steps, each of them well under a millisecond or as long as is said there. */
export type Steps<T> = Generator<undefined, T>;

/** Does all of it now: where nothing waits for this thread. */
export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/** Does it in turns. @param turn pauses when a turn is over, asked after each step (gateway/every-turn.ts) */
export async function inTurns<T>(
  steps: Steps<T>,
  turn: () => Promise<void> | undefined,
): Promise<T> {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
    const pause = turn();
    if (pause !== undefined) await pause;
  }
}
