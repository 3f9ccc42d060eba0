import type { BindId } from '../domain/ids.ts';
import type { Session } from '../session/session.ts';

/** The sessions of an account that can receive. They take turns; one without room is passed over. */
export class SessionTurns {
  /** The next to be used is first. */
  readonly #sessions: { readonly session: Session; readonly bind: BindId }[] = [];

  get length(): number {
    return this.#sessions.length;
  }

  add(session: Session, bind: BindId): void {
    this.#sessions.push({ session, bind });
  }

  remove(session: Session): void {
    const at = this.#sessions.findIndex((one) => one.session === session);
    if (at >= 0) this.#sessions.splice(at, 1);
  }

  /**
   * The next with room. Those of `bind`, which submitted, come first: two applications of one customer, each with its
   * system_id, know only their own messages.
   * @param bind undefined: any
   */
  next(bind: BindId | undefined): Session | undefined {
    let other: Session | undefined;
    for (let tries = this.#sessions.length; tries > 0; tries--) {
      const first = this.#sessions.shift();
      if (first === undefined) break;
      this.#sessions.push(first);
      if (first.session.windowFree() === 0) continue;
      if (bind === undefined || first.bind === bind) return first.session;
      other ??= first.session;
    }
    return other;
  }
}
