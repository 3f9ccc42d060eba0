import { z } from 'zod';
import type { ApiDeps } from './api.ts';

/** Part of the answer to a change of a list. */
export const inForceShape = {
  live: z
    .literal(false)
    .optional()
    .describe('only where the node that answers does not go by it yet: it will, within seconds'),
};

/**
 * Waits until this node goes by a list as it is committed, so that the next message is judged by what the answer says;
 * at most seconds (gateway/change-feed.ts).
 */
export async function inForce(deps: ApiDeps, channel: string): Promise<{ readonly live?: false }> {
  return (await deps.runtime.listChanged(channel)) ? {} : { live: false };
}
