import type { Config } from '../config.ts';

/** A setting that is wrong; the command ends with the code for that. */
class SettingError extends Error {
  readonly exitCode = 2;
}

/** Settings whose part is not in this version: refused rather than not obeyed. */
export function refuseUnsupported(config: Config): void {
  if (config.node.workers > 1)
    throw new SettingError(
      'node.workers above 1 is not in this version: start more nodes on one database',
    );
}
