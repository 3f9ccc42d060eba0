import type { Command } from 'commander';
import { z } from 'zod';
import { queryOf } from './api-client.ts';
import { apiClient, type CliContext, type JsonOption, print } from './context.ts';
import { formatTable } from './io.ts';

/** `bans list|lift`. */
export function addBans(program: Command, context: CliContext): void {
  const bans = program
    .command('bans')
    .description('who may not bind for a while after wrong passwords, at the node asked');
  bans
    .command('list')
    .description('list the pairs of address and system_id that are banned now')
    .option('--json', 'print JSON')
    .action(async (options: JsonOption) => {
      const answer = await apiClient(context).get(bansSchema, '/v1/bans');
      print(context, options, answer, (found) =>
        formatTable(
          ['address', 'system_id', 'failures', 'banned', 'expires'],
          found.bans.map((ban) => [
            ban.address,
            visible(ban.systemId),
            String(ban.failures),
            ban.bannedAt,
            ban.expiresAt,
          ]),
        ),
      );
    });
  bans
    .command('lift')
    .description('let a system_id bind from an address again')
    .argument('<address>')
    .argument('<system_id>')
    .option('--json', 'print JSON')
    .action(async (address: string, systemId: string, options: JsonOption) => {
      const path = `/v1/bans${queryOf({ address, systemId })}`;
      const answer = await apiClient(context).delete(z.looseObject({}), path);
      print(context, options, answer, () => `${visible(systemId)} from ${address}: lifted\n`);
    });
}

/** Whoever guesses chooses the name: nothing of it may steer a terminal. */
function visible(text: string): string {
  return /^[\x21-\x7e]+$/.test(text)
    ? text
    : JSON.stringify(text).replaceAll(
        /[^\x20-\x7e]/g,
        (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
      );
}

const bansSchema = z.looseObject({
  bans: z.array(
    z.looseObject({
      address: z.string(),
      systemId: z.string(),
      failures: z.int(),
      bannedAt: z.string(),
      expiresAt: z.string(),
    }),
  ),
});
