/** Gathers events and tells when some condition on them holds: tests wait for what happens, never for a time. */
export class Events<Event> {
  readonly all: Event[] = [];
  #waiting: { holds(events: Event[]): boolean; resolve(): void }[] = [];

  readonly take = (event: Event): void => {
    this.all.push(event);
    for (const wait of this.#waiting) if (wait.holds(this.all)) wait.resolve();
    this.#waiting = this.#waiting.filter((wait) => !wait.holds(this.all));
  };

  /** Settles once `holds`; the test's own time limit is the limit. */
  until(holds: (events: Event[]) => boolean): Promise<void> {
    if (holds(this.all)) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ holds, resolve }));
  }
}
