import { setImmediate } from 'node:timers/promises';

/** Long work pauses after so much of it: a message waits no longer for it, and the garbage of it is little. */
const TURN_MS = 4;

/** For long work to ask now and then: pauses when its turn is over. */
export function everyTurn(): () => Promise<void> | undefined {
  let began = performance.now();
  return () => {
    if (performance.now() - began < TURN_MS) return undefined;
    return setImmediate().then(() => {
      began = performance.now();
    });
  };
}
