import { stringify } from 'yaml';
import { z } from 'zod';
import { carrierProfiles } from '../carrier-profiles.ts';
import { type Api, nameParams } from './api.ts';
import { notFound } from './problem.ts';

/** The ready profiles of carriers: all of them with their sources, and one with its keys. */
export function addCarrierProfileRoutes(app: Api): void {
  app.get(
    '/v1/carrier-profiles',
    {
      schema: {
        summary: 'Ready profiles of carriers, with their sources',
        tags: ['carriers'],
        response: { 200: z.object({ profiles: z.array(profileSchema) }) },
      },
    },
    async () => ({
      profiles: [...carrierProfiles()].map(([name, { title, sources }]) => ({
        name,
        title,
        sources,
      })),
    }),
  );
  app.get(
    '/v1/carrier-profiles/:name',
    {
      schema: {
        summary: 'One ready profile with the keys that it gives a carrier',
        tags: ['carriers'],
        params: nameParams,
        response: {
          200: profileSchema.extend({ carrier: z.record(z.string(), z.any()), yaml: z.string() }),
        },
      },
    },
    async (request) => {
      const { name } = request.params;
      const profile = carrierProfiles().get(name);
      if (profile === undefined) throw notFound('carrier profile', name);
      return { name, ...profile, yaml: stringify(profile.carrier, { lineWidth: 0 }) };
    },
  );
}

const profileSchema = z.object({
  name: z.string(),
  title: z.string(),
  sources: z.array(z.object({ url: z.string(), read: z.string(), says: z.string() })),
});
