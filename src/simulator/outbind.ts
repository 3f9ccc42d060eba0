import type { Session } from 'smpp';
import smpp from 'smpp';

/** Where to knock, and as whom. */
export interface OutbindOptions {
  host: string;
  port: number;
  systemId: string;
  password: string;
  /** The connection stands and the outbind is on its way: the peer's bind may come. */
  onSession(session: Session): void;
}

/** From the end of one connection to the next. */
const everyMs = 5000;

/** Sends an outbind (SMPP 3.4 §4.1.7) on a connection of its own, and again when that has ended, until it is closed. */
export class Outbind {
  readonly #options: OutbindOptions;
  #session: Session | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: OutbindOptions) {
    this.#options = options;
    this.#connect();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#session?.destroy();
  }

  #connect(): void {
    const { host, port, systemId, password, onSession } = this.#options;
    const session = smpp.connect({ host, port });
    this.#session = session;
    session.on('error', () => session.destroy());
    session.on('connect', () => {
      onSession(session);
      session.outbind({ system_id: systemId, password });
    });
    session.on('close', () => {
      if (!this.#isClosed) this.#timer = setTimeout(() => this.#connect(), everyMs);
    });
  }
}
