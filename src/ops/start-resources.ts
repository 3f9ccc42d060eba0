import { readFileSync } from 'node:fs';
import type { Pool } from 'pg';
import type { SecretKeeper } from '../store/resource-sealing.ts';
import { type ApplyText, applyText, countOpenings, faultText } from './apply.ts';
import { keepDemoPassword } from './demo.ts';
import type { Metrics } from './metrics.ts';

export interface StartResourcesOptions {
  readonly pool: Pool;
  readonly secrets: SecretKeeper;
  readonly metrics: Metrics;
  /** Where the demo's password is kept. */
  readonly dataDir: string;
  /** Path of RESOURCES_FILE; undefined: none is set. */
  readonly file: string | undefined;
}

/** What the daemon applies by itself: the demo's objects in an empty database, RESOURCES_FILE at each start and SIGHUP. */
export class StartResources {
  readonly #options: StartResourcesOptions;

  constructor(options: StartResourcesOptions) {
    this.#options = options;
  }

  /** Makes the demo's objects in an empty embedded database. */
  async applyDemo(): Promise<void> {
    const text = readFileSync(new URL('../../config/demo.yaml', import.meta.url), 'utf8');
    const { generated } = await this.#apply({ text, actor: 'demo', dryRun: false, demo: true });
    keepDemoPassword(this.#options.dataDir, generated);
  }

  /**
   * Brings RESOURCES_FILE into force, if one is set.
   * @throws Error of one line: the file cannot be read, or its faults with their lines; nothing was changed then
   */
  async applyFile(): Promise<void> {
    const { file } = this.#options;
    if (file === undefined) return;
    await this.#apply({ text: readText(file), actor: 'RESOURCES_FILE', dryRun: false });
  }

  async #apply(request: ApplyText) {
    const result = await applyText(this.#options.pool, this.#options.secrets, request);
    if (!('faults' in result)) {
      countOpenings(this.#options.metrics, result);
      return result;
    }
    const faults = result.faults.map(faultText).join('; ');
    throw new Error(`${request.actor} was not applied: ${faults}`);
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
