import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { allowsOf } from '../../domain/compile-catalog.ts';
import { accountId } from '../../domain/ids.ts';
import { mccOf } from '../../domain/mobile-country-codes.ts';
import { normaliseDestination } from '../../domain/msisdn.ts';
import { compilePolicy, PASS, type PolicyVerdict } from '../../domain/policy.ts';
import type { PolicyFacts, PolicyInput } from '../../domain/policy-rule.ts';
import { policySchema } from '../../domain/policy-schema.ts';
import { defaultStatus } from '../../domain/refusal.ts';
import { parseResources } from '../../domain/resource-file.ts';
import type { AccountSpec, ResourceFile } from '../../domain/resources.ts';
import { compileClassBy } from '../../domain/traffic-class.ts';
import { compileWords } from '../../domain/words/compile-words.ts';
import { textSegments } from '../../smpp/default-alphabet.ts';
import { faultText } from '../apply.ts';
import { carrierProfiles } from '../carrier-profiles.ts';
import { wordFiles } from '../word-files.ts';
import { type CliContext, type JsonOption, print } from './context.ts';
import { CliError, EXIT } from './io.ts';

interface Options extends JsonOption {
  readonly policy?: string;
  readonly text: string;
  readonly to: string;
  readonly from: string;
  readonly class?: string;
  readonly account?: string;
  readonly at?: string;
  readonly tlv: readonly Tlv[];
}

/** An optional parameter of the message. */
interface Tlv {
  readonly tag: number;
  readonly value: Buffer;
}

/** `policy test FILE`: what a policy of a resources file makes of a message; needs no daemon and sends nothing. */
export function addPolicyTest(policy: Command, context: CliContext): void {
  policy
    .command('test')
    .description('judge a message by a policy of a resources file, without a daemon')
    .argument('<file>', 'resources, YAML or JSON')
    .option('--policy <name>', "by default the account's, or the file's only one")
    .requiredOption('--text <text>', 'the whole text')
    .option('--to <number>', 'the destination, international', '966500000000')
    .option('--from <sender>', 'source_addr', '')
    .option('--class <class>', 'the traffic class')
    .option('--account <name>', 'an account of the file, or any name')
    .option('--at <time>', 'when, as 2026-12-01T00:00:00Z; by default now')
    .option('--tlv <tag=text>', 'an optional parameter, 0x1401=1107; may be repeated', addTlv, [])
    .option('--json', 'print JSON')
    .action(async (file: string, options: Options) => {
      const resources = await readResources(file);
      const name = policyName(resources, options);
      const verdict = await judge(resources, name, options);
      const refused = verdict.refused;
      const answer = {
        policy: name,
        verdict: refused
          ? 'refused'
          : verdict.heldBy
            ? 'held'
            : verdict.notBeforeMs > 0
              ? 'deferred'
              : 'accepted',
        rule: (refused?.rule ?? verdict.heldBy) || undefined,
        key: refused?.refusal.key,
        answer: refused?.answer,
        charged: refused?.charged === true ? true : undefined,
        status:
          refused?.answer === 'receipt'
            ? undefined
            : refused && hex(refused.status ?? defaultStatus(refused.refusal.key)),
        reason: refused?.refusal.detail,
        notBefore:
          verdict.notBeforeMs > 0 ? new Date(verdict.notBeforeMs).toISOString() : undefined,
        text: verdict.text,
        sender: verdict.sender,
        suspends: refused?.suspends,
        hits: verdict.hits,
      };
      print(context, options, answer, (shown) => textOf(shown));
    });
}

function addTlv(given: string, before: readonly Tlv[]): Tlv[] {
  const [, tag = '', text = ''] = /^(0x[0-9a-f]{1,4}|[0-9]{1,5})=(.*)$/is.exec(given) ?? [];
  const number = tag === '' ? Number.NaN : Number(tag);
  if (!(number <= TAG_MAX))
    throw new CliError(`--tlv must be a tag and a text, such as 0x1401=1107: ${given}`, EXIT.usage);
  return [...before, { tag: number, value: Buffer.from(text) }];
}

/** Two octets (SMPP 3.4 §3.2.4.1). */
const TAG_MAX = 0xffff;

async function readResources(file: string): Promise<ResourceFile> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new CliError(`cannot read ${file}: ${error instanceof Error ? error.message : error}`);
  });
  const parsed = parseResources(text, { profiles: carrierProfiles(), wordFiles: wordFiles() });
  if ('errors' in parsed) throw new CliError(parsed.errors.map(faultText).join('\n'));
  return parsed.ok;
}

function policyName(resources: ResourceFile, options: Options): string {
  const ofAccount = resources.accounts?.get(options.account ?? '')?.policy;
  const names = [...(resources.policies?.keys() ?? [])];
  const name = options.policy ?? ofAccount ?? (names.length === 1 ? names[0] : undefined);
  if (name === undefined) throw new CliError(`name a --policy: ${names.join(', ')}`, EXIT.usage);
  if (resources.policies?.has(name) !== true)
    throw new CliError(`the file has no policy ${name}: there are ${names.join(', ')}`, EXIT.usage);
  return name;
}

async function judge(
  resources: ResourceFile,
  name: string,
  options: Options,
): Promise<PolicyVerdict> {
  const spec = resources.policies?.get(name) ?? policySchema.parse({});
  const sources = [...(resources.wordLists ?? [])].map(([list, rest]) => ({ name: list, ...rest }));
  const words = await compileWords(sources, async () => {});
  const account = resources.accounts?.get(options.account ?? '');
  const destination = normaliseDestination(options.to, 1, 1);
  if ('malformed' in destination) throw new CliError(`--to ${destination.malformed}`, EXIT.usage);
  const atMs = options.at === undefined ? Date.now() : Date.parse(options.at);
  if (Number.isNaN(atMs)) throw new CliError('--at must be a time', EXIT.usage);
  const trafficClass = options.class ?? classOf(account, options);
  if (account?.classes?.includes(trafficClass) === false) return classRefused(trafficClass);
  const input: PolicyInput = {
    text: options.text,
    sender: options.from,
    destination: destination.msisdn,
    accountId: accountId(1),
    account: options.account ?? '',
    trafficClass,
    allows: account && allowsOf(account),
    segments: textSegments(options.text, GSM7),
    isWhole: true,
    tlvs: options.tlv,
    atMs,
  };
  return compilePolicy(name, 0, spec, { words }).judge(input, NOTHING_KNOWN);
}

/** As a submit_sm is refused whose class its account may not send, whatever the policy says. */
function classRefused(trafficClass: string): PolicyVerdict {
  const detail = `traffic of class ${trafficClass} is not allowed`;
  const refused = {
    refusal: { key: 'classRefused', detail },
    rule: '',
    status: undefined,
    answer: undefined,
    charged: false,
    suspends: false,
    violates: false,
    ofText: false,
  } as const;
  return { ...PASS, refused };
}

/** What a system_id's own class would say is not known here: --class says it. */
function classOf(account: AccountSpec | undefined, { from, tlv }: Options): string {
  const named = account?.classBy && compileClassBy(account.classBy).of(from, tlv);
  return named ?? account?.trafficClass ?? 'transactional';
}

/** data_coding of a text as short as it can be: UCS-2 where it lacks a character. */
const GSM7 = 0;

/**
 * What the daemon would look up is not there: nobody has opted out or consented, no sender is registered, and of a number
 * only the country is known.
 */
const NOTHING_KNOWN: PolicyFacts = {
  segmentsOf: textSegments,
  optedOut: () => false,
  hasConsent: () => false,
  registrationsOf: () => [],
  networkOf: mccOf,
  isUnusual: () => false,
  said: () => false,
  remembered: (_rule, _account, make) => make(),
};

function hex(status: number): string {
  return `0x${status.toString(16).toUpperCase().padStart(2, '0')}`;
}

function textOf(answer: Readonly<Record<string, unknown>>): string {
  return Object.entries(answer)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) =>
      key === 'hits'
        ? hitsText(value as readonly { rule: string; action: string }[])
        : `${key}: ${value}\n`,
    )
    .join('');
}

function hitsText(hits: readonly { rule: string; action: string }[]): string {
  return hits.map(({ rule, action }) => `  rule ${rule}: ${action}\n`).join('');
}
