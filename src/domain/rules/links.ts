import { z } from 'zod';
import { lookalikesOf, plainLatin } from '../lookalike-hosts.ts';
import { type PolicyInput, ruleKind } from '../policy-rule.ts';
import { SHORTENERS } from '../shorteners.ts';
import { linksIn } from '../text-links.ts';

const HOSTS_MAX = 10_000;
const LIKE_MAX = 500; // each is compared with each host of a text
const HOST = /^(?=.{3,253}$)[\p{L}\p{N}-]+(\.[\p{L}\p{N}-]+)+$/u;

const hosts = z.array(
  z
    .string()
    .regex(HOST, 'must be the name of a host such as example.com')
    .transform((host) => host.toLowerCase()),
);

const schema = z.strictObject({
  /** Hosts that links may lead to, and what is under them; absent: any. */
  allow: hosts.max(HOSTS_MAX).optional(),
  /** Hosts that they may not. */
  block: hosts.max(HOSTS_MAX).default([]),
  /** True: the known shorteners are blocked, unless allowed by name. */
  shorteners: z.boolean().default(false),
  /** Hosts that others must not pass for. */
  lookalikesOf: hosts.max(LIKE_MAX).default([]),
  /** Numbers to call back: `false` blocks them all, a list all others (international digits, or their beginning). */
  phones: z
    .union([z.boolean(), z.array(z.string().regex(/^[0-9]{1,15}$/)).max(HOSTS_MAX)])
    .default(true),
});

/** `links`: a text that leads to a host or a telephone number that it must not lead to. */
export const links = ruleKind({
  schema,
  actions: ['refuse', 'hold', 'rewrite', 'flag', 'suspend'],
  readsWhole: () => true,
  compile(data, name) {
    const block = new Set([...data.block, ...(data.shorteners ? SHORTENERS : [])]);
    const allow = data.allow && new Set(data.allow);
    const detail = `the text has a link or number that rule ${name} refuses`;
    const found = { refusal: { key: 'contentRefused', detail } } as const;
    const passesForOther = lookalikesOf(data.lookalikesOf);
    const hostBad = (host: string) => {
      const parents = parentsOf(host);
      if (data.allow?.some((each) => each === host)) return false;
      if (parents.some((parent) => block.has(parent) || block.has(plainLatin(parent)))) return true;
      if (passesForOther(host)) return true;
      return allow !== undefined && !parents.some((parent) => allow.has(parent));
    };
    const phoneBad = (phone: string) =>
      data.phones === false ||
      (Array.isArray(data.phones) && !data.phones.some((each) => phone.startsWith(each)));
    const wantPhones = data.phones !== true;
    return ({ text }: PolicyInput) => {
      const { hosts: seen, phones } = linksIn(text, wantPhones);
      return seen.some(hostBad) || (wantPhones && phones.some(phoneBad)) ? found : undefined;
    };
  },
});

/** a.b.c, b.c, c. */
function parentsOf(host: string): string[] {
  const labels = host.split('.');
  return labels.map((_, index) => labels.slice(index).join('.'));
}
