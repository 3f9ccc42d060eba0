import type { ClientBase } from 'pg';
import type { Queryable } from './snapshot.ts';

/** The channel on which every node hears that the configuration changed; the payload is its version. */
export const CONFIG_CHANNEL = 'smppgate_config';

/** The version of the configuration now: a cheap question whether to load it again. */
export async function readConfigVersion(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ version: string }>('select version::text from config_version');
  return Number(rows[0]?.version ?? 0);
}

/** Lets one transaction change the configuration at a time; a dry run only reads and waits for nobody. */
export async function lockConfig(client: ClientBase, dryRun: boolean): Promise<void> {
  if (!dryRun) await client.query('select from config_version for update');
}

/** A new version of the configuration inside the caller's transaction; every node hears of it at its commit. */
export async function configChanged(client: ClientBase): Promise<number> {
  const { rows } = await client.query<{ version: string }>(
    `with risen as (update config_version set version = version + 1, changed_at = now() returning version)
     select version::text, pg_notify('${CONFIG_CHANNEL}', version::text) from risen`,
  );
  return Number(rows[0]?.version ?? 0);
}
