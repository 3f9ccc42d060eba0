import type { ClientBase } from 'pg';
import { unknownNetworks } from '../../store/known-networks.ts';
import { conflict } from './problem.ts';

/**
 * Networks that are to be named (undefined and '': none): what names one of which nobody knows a number would hold for
 * no message, and nobody would see it.
 * @throws Problem 409
 */
export async function needKnownNetworks(
  client: ClientBase,
  networks: readonly (string | undefined)[],
): Promise<void> {
  const named = new Set(networks.flatMap((code) => code || []));
  const unknown = await unknownNetworks(client, named);
  if (unknown.length > 0)
    throw conflict(
      'network-unknown',
      `no number of ${unknown.join(', ')} is known: give its prefixes in the resources' networks, its numbers by ` +
        'PUT /v1/number-networks, or name the MCC alone',
    );
}
