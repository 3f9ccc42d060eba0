import type { AddressInfo } from 'node:net';
import {
  EsmeListener,
  type EsmeListenerHandler,
  type EsmeListenerOptions,
} from '../../src/session/esme-listener.ts';
import type { Session } from '../../src/session/session.ts';
import { Opened, Recorder, TestClock, testOptions } from './support.ts';

/** A handler that also writes down connections and refusals. */
export class ListenerRecorder extends Recorder implements EsmeListenerHandler {
  readonly connected: Session[] = [];
  /** "address why", or "address why: detail". */
  readonly refused: string[] = [];

  onConnection(session: Session): void {
    this.connected.push(session);
    this.happened();
  }

  onConnectionRefused(address: string, why: string, detail: string): void {
    this.refused.push(`${address} ${why}${detail === '' ? '' : `: ${detail}`}`);
    this.happened();
  }
}

/** A listener under a clock of the test's. */
export interface Listening {
  readonly clock: TestClock;
  readonly handler: ListenerRecorder;
  readonly listener: EsmeListener;
  readonly port: number;
}

/** The listeners and sockets of a test; `release` closes them all. */
export class Doors {
  readonly opened = new Opened();
  readonly #all: { listener: EsmeListener; clock: TestClock }[] = [];

  async listening(given: Partial<EsmeListenerOptions> = {}): Promise<Listening> {
    const clock = new TestClock();
    const handler = new ListenerRecorder();
    const listener = new EsmeListener(
      { host: '127.0.0.1', port: 0, tickMs: 0, session: testOptions(clock), ...given },
      handler,
    );
    this.#all.push({ listener, clock });
    const { port }: AddressInfo = await listener.listen();
    return { clock, handler, listener, port };
  }

  async release(): Promise<void> {
    const all = this.#all.splice(0);
    const closing = all.map(({ listener }) => listener.close(0));
    await this.opened.release();
    for (const { listener, clock } of all) clock.advance(10_000, listener);
    await Promise.all(closing);
  }
}
