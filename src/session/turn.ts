/** Something that has work to do once at the end of this turn of the event loop. */
export interface Turn {
  /** True while it waits in the queue; only `endOfTurn` writes it. */
  inTurn: boolean;
  onTurn(): void;
}

/**
 * Runs each waiting `onTurn` once at the end of this turn of the event loop, in the order of asking.
 *
 * One setImmediate serves all sessions: it runs after all sockets and the database's connection were
 * polled, so that everything they caused leaves each session as one write (a microtask would run
 * after each socket's event: more, smaller writes). What asks again during the run waits for the
 * next turn, between which the event loop polls: nobody starves.
 */
export function endOfTurn(turn: Turn): void {
  if (turn.inTurn) return;
  turn.inTurn = true;
  waiting.push(turn);
  if (waiting.length === 1) setImmediate(run);
}

let waiting: Turn[] = [];
let spare: Turn[] = [];

function run(): void {
  const turns = waiting;
  waiting = spare;
  spare = turns;
  for (const turn of turns) {
    turn.inTurn = false;
    turn.onTurn();
  }
  turns.length = 0;
}
