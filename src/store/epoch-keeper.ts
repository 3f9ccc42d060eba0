import type { Client } from 'pg';
import type { EpochId } from '../domain/ids.ts';
import {
  closeEpoch,
  EPOCH_BEAT_MS,
  EPOCH_VALID_MS,
  type EpochProgress,
  renewEpoch,
  resumeEpoch,
  type TakenEpoch,
  takeEpoch,
} from './epoch.ts';
import { type DependencyError, dependencyError, EpochLost } from './errors.ts';
import { destroy, within } from './lane-session.ts';

/** What an EpochKeeper needs to know and whom it tells. */
export interface EpochKeeperSpec {
  /** A label for people. */
  readonly name: string;
  /** Opens the epoch's own connection. */
  connect(): Promise<Client>;
  /** Unix ms. */
  now(): number;
  /** Read at each heartbeat. */
  progress(): EpochProgress;
  /** The epoch is adopted: stop everything, at once. */
  onLost(error: EpochLost): void;
  /** A heartbeat failed; the next is tried in a second. After 6 s without one another node may adopt the epoch. */
  onMissed?(error: DependencyError): void;
}

/**
 * Holds this node's epoch: one connection with the life lock, and a heartbeat each second.
 *
 * ```
 *  take -> alive --beat ok--> alive
 *            |  beat failed                          adopted by another
 *            +-> silent --reconnected, lock, beat--> alive      |
 *                   +----------------------------------> lost <-+      alive --close()--> closed
 * ```
 */
export class EpochKeeper {
  readonly epoch: EpochId;
  /** The node bits of message ids. */
  readonly number: number;
  /** Unix ms; see TakenEpoch. */
  readonly idFloorMs: number;
  readonly #spec: EpochKeeperSpec;
  #client: Client | undefined;
  #idLimitMs: number;
  #dbNowMs: number;
  #timer: NodeJS.Timeout | undefined;
  #beating: Promise<void> = Promise.resolve();
  #ended = false;

  /** Takes a new epoch and begins its heartbeat. */
  static async start(spec: EpochKeeperSpec): Promise<EpochKeeper> {
    const client = await spec.connect();
    try {
      return new EpochKeeper(
        spec,
        client,
        await takeEpoch(client, { name: spec.name, nowMs: spec.now() }),
      );
    } catch (error) {
      await client.end();
      throw dependencyError(error);
    }
  }

  private constructor(spec: EpochKeeperSpec, client: Client, taken: TakenEpoch) {
    this.#spec = spec;
    this.#client = client;
    this.epoch = taken.epoch;
    this.number = taken.number;
    this.idFloorMs = taken.idFloorMs;
    this.#idLimitMs = taken.idLimitMs;
    this.#dbNowMs = taken.dbNowMs;
    this.#timer = setTimeout(this.#onTimer, EPOCH_BEAT_MS);
  }

  /** Issue no message id of a later millisecond (unix ms): refuse submits instead. */
  get idLimitMs(): number {
    return this.#idLimitMs;
  }

  /** The database's clock as the last heartbeat read it (unix ms): tag outcomes with it when settling them. */
  get dbNowMs(): number {
    return this.#dbNowMs;
  }

  /** The heartbeat out of turn, for instance after recovery. Failures go to the spec's callbacks. */
  beat(): Promise<void> {
    this.#beating = this.#beating.then(() => this.#beat());
    return this.#beating;
  }

  /** An orderly end, after everything else has stopped: writes the last progress and closes the epoch. */
  async close(): Promise<void> {
    await this.beat();
    if (this.#ended) return;
    this.#end();
    const client = this.#client;
    if (client === undefined) return;
    await closeEpoch(client, this.epoch);
    await client.end();
  }

  readonly #onTimer = (): void => {
    // beat() never rejects.
    void this.beat().then(() => {
      if (!this.#ended) this.#timer = setTimeout(this.#onTimer, EPOCH_BEAT_MS);
    });
  };

  async #beat(): Promise<void> {
    if (this.#ended) return;
    try {
      this.#client ??= await this.#reconnect();
      const client = this.#client;
      const beat = await within(client, EPOCH_VALID_MS, () =>
        renewEpoch(client, this.epoch, this.#spec.now(), this.#spec.progress()),
      );
      this.#idLimitMs = beat.idLimitMs;
      this.#dbNowMs = beat.dbNowMs;
    } catch (error) {
      this.#failed(dependencyError(error));
    }
  }

  #failed(error: DependencyError): void {
    if (this.#client !== undefined) destroy(this.#client);
    this.#client = undefined;
    if (error instanceof EpochLost) {
      this.#end();
      this.#spec.onLost(error);
    } else {
      this.#spec.onMissed?.(error);
    }
  }

  async #reconnect(): Promise<Client> {
    const client = await this.#spec.connect();
    try {
      await resumeEpoch(client, this.epoch);
    } catch (error) {
      await client.end();
      throw error;
    }
    return client;
  }

  #end(): void {
    this.#ended = true;
    if (this.#timer !== undefined) clearTimeout(this.#timer);
  }
}
