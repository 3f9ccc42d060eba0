import type { Command } from 'commander';
import { z } from 'zod';
import { pathOf } from './api-client.ts';
import { apiClient, type CliContext, type JsonOption, print } from './context.ts';
import { formatTable } from './io.ts';

/** `carrier profiles [NAME]`. */
export function addCarrierProfiles(carrier: Command, context: CliContext): void {
  carrier
    .command('profiles')
    .description('list the ready profiles, or print one with its sources')
    .argument('[name]')
    .option('--json', 'print JSON')
    .action(async (name: string | undefined, options: JsonOption) => {
      const client = apiClient(context);
      if (name === undefined) {
        const answer = await client.get(listSchema, pathOf('v1', 'carrier-profiles'));
        return print(context, options, answer, ({ profiles }) =>
          formatTable(
            ['name', 'title'],
            profiles.map((profile) => [profile.name, profile.title]),
          ),
        );
      }
      const answer = await client.get(oneSchema, pathOf('v1', 'carrier-profiles', name));
      print(context, options, answer, profileText);
    });
}

function profileText({ title, sources, yaml }: z.output<typeof oneSchema>): string {
  const lines = sources.map(({ url, read, says }) => `# ${url} (${read})\n#   ${says}\n`);
  return `# ${title}\n${lines.join('')}${yaml}`;
}

const profileSchema = z.looseObject({
  name: z.string(),
  title: z.string(),
  sources: z.array(z.looseObject({ url: z.string(), read: z.string(), says: z.string() })),
});
const listSchema = z.looseObject({ profiles: z.array(profileSchema) });
const oneSchema = profileSchema.extend({ yaml: z.string() });
