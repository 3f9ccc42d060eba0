import { readFileSync } from 'node:fs';
import type { Pool } from 'pg';
import type { SecretKeeper } from '../store/resource-sealing.ts';
import { type ApplyFault, type ApplyText, applyText, countOpenings, faultText } from './apply.ts';
import { keepDemoPassword } from './demo.ts';
import type { OpsLog } from './logs.ts';
import type { Metrics } from './metrics.ts';

export interface StartResourcesOptions {
  readonly pool: Pool;
  readonly secrets: SecretKeeper;
  readonly metrics: Metrics;
  readonly log: OpsLog;
  /** Where the demo's password is kept. */
  readonly dataDir: string;
  /** Path of RESOURCES_FILE; undefined: none is set. */
  readonly file: string | undefined;
}

/** What the daemon applies by itself: the demo's objects in an empty database, RESOURCES_FILE at each start and SIGHUP. */
export class StartResources {
  readonly #options: StartResourcesOptions;
  #isInForce = false;

  constructor(options: StartResourcesOptions) {
    this.#options = options;
  }

  /** Whether RESOURCES_FILE came into force when it was last applied; undefined: none is set. */
  get isFileInForce(): boolean | undefined {
    return this.#options.file === undefined ? undefined : this.#isInForce;
  }

  /** Makes the demo's objects in an empty embedded database. */
  async applyDemo(): Promise<void> {
    const text = readFileSync(new URL('../../config/demo.yaml', import.meta.url), 'utf8');
    const { generated } = await this.#apply({ text, actor: 'demo', dryRun: false, demo: true });
    keepDemoPassword(this.#options.dataDir, generated);
  }

  /**
   * Brings RESOURCES_FILE into force at a start, if one is set. One that only changes prices too much is left, with an
   * error in the log: traffic goes on by what is stored, at the prices that customers know.
   * @throws as applyFile for any other fault
   */
  async applyAtStart(allowLargeChanges: boolean): Promise<void> {
    try {
      await this.applyFile(allowLargeChanges);
    } catch (error) {
      if (!(error instanceof FileRefused && error.isForLargeChanges)) throw error;
      const reason = `${error.message}; what is stored stays in force`;
      this.#options.log.error('resources file not applied', { reason });
    }
  }

  /**
   * Brings RESOURCES_FILE into force, if one is set.
   * @param allowLargeChanges prices may change by any factor
   * @throws Error of one line: the file cannot be read, or its faults with their lines; nothing was changed then
   */
  async applyFile(allowLargeChanges = false): Promise<void> {
    const { file } = this.#options;
    if (file === undefined) return;
    let isInForce = false;
    try {
      const text = readText(file);
      await this.#apply({ text, actor: 'RESOURCES_FILE', dryRun: false, allowLargeChanges });
      isInForce = true;
    } finally {
      this.#isInForce = isInForce;
    }
  }

  async #apply(request: ApplyText) {
    const result = await applyText(this.#options.pool, this.#options.secrets, request);
    if (!('faults' in result)) {
      countOpenings(this.#options.metrics, result);
      return result;
    }
    throw new FileRefused(request.actor, result.faults);
  }
}

/** Why a file was not applied, in one line. */
class FileRefused extends Error {
  /** Nothing else is wrong with it. */
  readonly isForLargeChanges: boolean;

  constructor(actor: string, faults: readonly ApplyFault[]) {
    super(`${actor} was not applied: ${faults.map(faultText).join('; ')}`);
    this.isForLargeChanges = faults.every(({ isLargeChange }) => isLargeChange === true);
  }
}

/**
 * A text file that a setting names.
 * @throws Error of one line with its path
 */
export function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Error(
      `${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
