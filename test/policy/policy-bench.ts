// What a full policy costs a message, how much memory it takes, and how long a reload of its word lists holds the
// process up: 20,000 words in each of four languages, 5 million opt-outs, 1 million consents, 10,000 senders.
//   node test/policy/policy-bench.ts [--json]
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as pause, setImmediate } from 'node:timers/promises';
import { Client } from 'pg';
import type { CatalogAccount } from '../../src/domain/catalog.ts';
import { accountId } from '../../src/domain/ids.ts';
import { compilePolicy } from '../../src/domain/policy.ts';
import type { PolicyFacts, SenderRegistration } from '../../src/domain/policy-rule.ts';
import { policySchema } from '../../src/domain/policy-schema.ts';
import { compileWords } from '../../src/domain/words/compile-words.ts';
import { tableRows } from '../../src/domain/words/measure-words.ts';
import { CatalogSource } from '../../src/gateway/catalog-source.ts';
import type { GatewayObserver } from '../../src/gateway/observer.ts';
import { PolicyMemory } from '../../src/gateway/policy-memory.ts';
import { PolicyStep } from '../../src/gateway/policy-step.ts';
import { Ticket } from '../../src/gateway/quotas.ts';
import { RecipientSet } from '../../src/gateway/recipient-set.ts';
import { SaidTexts } from '../../src/gateway/said-texts.ts';
import { applyText, faultText } from '../../src/ops/apply.ts';
import { formatTable } from '../../src/ops/cli/io.ts';
import { createSecretKeeper } from '../../src/ops/secret-keeper.ts';
import { decodePdu, encodeOne, PduWriter } from '../../src/smpp/codec.ts';
import { textSegments } from '../../src/smpp/default-alphabet.ts';
import type { SubmitSm } from '../../src/smpp/pdu.ts';
import { startEmbedded } from '../../src/store/embedded.ts';
import { migrate } from '../../src/store/migrate.ts';
import { createStorePool } from '../../src/store/pool.ts';
import { Sealing } from '../../src/store/sealing.ts';

const WORDS = 20_000;
const OPT_OUTS = 5_000_000;
const CONSENTS = 1_000_000;
const SENDERS = 10_000;
const CHARACTERS = 160;
const MESSAGES = 4_000;
const ROUNDS = 9;
const RELOADS = 5;
const GOAL = { microseconds: 60, megabytes: 500, pauseMs: 20 };
const LETTERS = {
  ar: 'ابتثجحخدذرزسشصضطظعغفقكلمنهوي',
  en: 'abcdefghijklmnopqrstuvwxyz',
  ru: 'абвгдежзиклмнопрстуфхцчшщыьэюя',
  ur: 'ابپتٹثجچحخدڈذرڑزسشصطعغفقکگلمنںوہیے',
};
const ACCOUNT = accountId(1);
const sealing = new Sealing([createHash('sha256').update('bench').digest()], randomBytes);

const below = (limit: number) => Math.floor(Math.random() * limit);
const megabytes = () => Math.round(process.memoryUsage().rss / 1e6);

/** Made-up words, a line each. */
function words(letters: string): string {
  const word = () =>
    Array.from({ length: 4 + below(7) }, () => letters[below(letters.length)]).join('');
  return Array.from({ length: WORDS }, word).join('\n');
}

const RULES = [
  { name: 'words', words: { lists: Object.keys(LETTERS) } },
  { optOut: {} },
  { consent: {} },
  { senderRegistered: {} },
  { recipientPattern: {} },
  { hours: { times: ['00:00-24:00'] }, action: 'defer' },
  { duplicates: {} },
  { caps: { per: 'recipient', messages: 100, withinSeconds: 86_400 } },
  { links: { shorteners: true, lookalikesOf: ['example.com'] } },
  { length: { maxSegments: 10, maxCharacters: 1_600 } },
  { expression: { contains: ['send this to all your friends'], wildcard: ['*free*prize*'] } },
];

/** Of ten area codes, in no order. */
const AREAS = ['202', '212', '213', '305', '312', '404', '415', '617', '702', '713'];
const number = () => `1${AREAS[below(AREAS.length)]}${2_000_000 + below(8_000_000)}`;

/** What rules look up: as many entries as the goal says, in the tables that hold them in a node. */
function fill(): { facts: PolicyFacts; numbers: string[]; senders: string[] } {
  const numbers = Array.from({ length: MESSAGES }, number);
  const senders = Array.from({ length: SENDERS }, (_, n) => `Shop${n}`);
  const [optOuts, consents] = [new RecipientSet(), new RecipientSet()];
  for (let n = 0; n < OPT_OUTS; n += 1_000) {
    const hashes = randomBytes(16_000);
    for (let i = 0; i < 1_000; i++) optOuts.add(ACCOUNT, 0, hashes, i * 16);
  }
  for (const number of numbers) consents.add(ACCOUNT, 0, sealing.numberHash(number));
  while (consents.size < CONSENTS) {
    const hashes = randomBytes(16_000);
    for (let i = 0; i < 1_000; i++) consents.add(ACCOUNT, 0, hashes, i * 16);
  }
  const approved: SenderRegistration[] = [
    {
      status: 'approved',
      trafficClass: '',
      country: '',
      operator: '',
      fromMs: 0,
      untilMs: Number.POSITIVE_INFINITY,
    },
  ];
  const registry = new Map(senders.map((sender) => [sender, approved.map((one) => ({ ...one }))]));
  const memory = new PolicyMemory();
  let last = '';
  let hash = sealing.numberHash('');
  const hashOf = (number: string) => {
    if (number !== last) hash = sealing.numberHash(number);
    last = number;
    return hash;
  };
  return {
    numbers,
    senders,
    facts: {
      optedOut: (account, number) => optOuts.has(account, 0, hashOf(number)),
      hasConsent: (account, number) => consents.has(account, 0, hashOf(number)),
      registrationsOf: (_account, sender) => registry.get(sender) ?? [],
      networkOf: () => undefined,
      segmentsOf: textSegments,
      isUnusual: () => false,
      said: new SaidTexts(sealing).said,
      remembered: (rule, account, make) => memory.of(rule, account, make),
    },
  };
}

/** Texts of no list, of each language in turn. */
function texts(): string[] {
  const parts = Object.keys(LETTERS).map((language) => {
    const file = new URL(`labelled/${language}.innocents.tsv`, import.meta.url);
    return tableRows(readFileSync(file, 'utf8')).map(({ text = '' }) => text);
  });
  return Array.from({ length: MESSAGES }, (_, n) => {
    const from = parts[n % parts.length] ?? [];
    let text = '';
    while (text.length < CHARACTERS) text += `${from[below(from.length)]} `;
    return text.slice(0, CHARACTERS);
  });
}

interface Sent {
  readonly pdu: SubmitSm;
  readonly number: string;
  readonly text: string;
}

function submits({ numbers, senders }: { numbers: string[]; senders: string[] }): Sent[] {
  const writer = new PduWriter();
  return texts().map((text, n) => {
    const number = numbers[n] ?? '';
    const pdu = {
      ...BLANK,
      source_addr: senders[n % senders.length] ?? '',
      destination_addr: number,
      short_message: Buffer.from(text, 'utf16le').swap16().subarray(0, 254),
    };
    const octets = encodeOne(pdu as SubmitSm, writer);
    return { pdu: decodePdu(octets, 0, octets.length) as SubmitSm, number, text };
  });
}

const BLANK = {
  command: 'submit_sm',
  command_status: 0,
  sequence_number: 1,
  service_type: '',
  source_addr_ton: 5,
  source_addr_npi: 0,
  dest_addr_ton: 1,
  dest_addr_npi: 1,
  esm_class: 0,
  protocol_id: 0,
  priority_flag: 0,
  schedule_delivery_time: '',
  validity_period: '',
  registered_delivery: 1,
  replace_if_present_flag: 0,
  data_coding: 8,
  sm_default_msg_id: 0,
};

interface Cost {
  /** User and system CPU of a message: the median of rounds, and the least. */
  readonly microseconds: number;
  readonly least: number;
  readonly refused: number;
}

function judgeAll(step: PolicyStep, account: CatalogAccount, sent: readonly Sent[]): Cost {
  let refused = 0;
  // Of another day each, so that no two are duplicates of each other.
  const once = (round: number) => {
    const atMs = Date.UTC(2026, 0, 1 + round);
    const start = process.threadCpuUsage();
    for (const { pdu, number, text } of sent)
      if (
        step.judge(account, account.trafficClass, pdu, number, text, atMs, atMs, undefined)
          .refused !== undefined
      )
        refused += 1;
    const { user, system } = process.threadCpuUsage(start);
    return (user + system) / sent.length;
  };
  once(0);
  refused = 0;
  const rounds = Array.from({ length: ROUNDS }, (_, n) => once(2 + 2 * n)).sort((a, b) => a - b);
  const [least = 0] = rounds;
  return { microseconds: rounds[ROUNDS >> 1] ?? 0, least, refused };
}

async function judging(): Promise<Judged> {
  const before = megabytes();
  const lists = Object.entries(LETTERS).map(([language, letters]) => ({
    name: language,
    language,
    category: 'general',
    words: words(letters),
  }));
  const compiled = await compileWords(lists, () => setImmediate());
  const filled = fill();
  const spec = policySchema.parse({ rules: RULES });
  const policy = compilePolicy('full', 1, spec, { words: compiled });
  const open = compilePolicy('open', 1, policySchema.parse({}), { words: compiled });
  const account = { id: ACCOUNT, name: 'acme', trafficClass: 'transactional' } as CatalogAccount;
  const step = new PolicyStep(
    {
      catalog: () => ({ accounts: new Map(), bindClasses: new Map() }),
      now: Date.now,
      observer: { policyDecision: () => {} },
      facts: filled.facts,
      violations: { add: () => {} },
      quotas: { take: () => new Ticket() },
    },
    true,
  );
  const sent = submits(filled);
  const without = judgeAll(step, { ...account, policy: open }, sent);
  const full = judgeAll(step, { ...account, policy }, sent);
  globalThis.gc?.();
  return {
    microseconds: full.microseconds - without.microseconds,
    least: full.least - without.least,
    megabytes: megabytes(),
    refused: full.refused / (ROUNDS * MESSAGES),
    before,
  };
}

interface Judged extends Cost {
  readonly megabytes: number;
  /** Without any list. */
  readonly before: number;
}

interface Turn {
  readonly wallMs: number;
  readonly cpuMs: number;
}

interface Pauses {
  /** While the lists are read, stored and announced; and while they are brought into force. */
  readonly apply: Turn[];
  readonly reload: Turn[];
  readonly tookMs: number[];
  /** While nothing happens, on this machine now. */
  readonly idle: Turn;
}

/** Replaces one list of four after the other through the way of PUT /v1/resources, as on a running daemon. */
async function reloading(): Promise<Pauses> {
  const folder = mkdtempSync(join(tmpdir(), 'policy-bench-'));
  const log = { info: () => {}, warn: () => {} };
  const postgres = await startEmbedded({ dataDir: folder, log });
  const pool = createStorePool({ url: postgres.url, applicationName: 'bench' });
  const client = new Client({ connectionString: postgres.url });
  await client.connect();
  try {
    await migrate(client);
    const secrets = createSecretKeeper({ sealing, pepper: randomBytes(32) });
    const apply = async (body: object) => {
      const text = JSON.stringify(body);
      const result = await applyText(pool, secrets, { text, actor: 'bench', dryRun: false });
      if ('faults' in result) throw new Error(result.faults.map(faultText).join('\n'));
    };
    const list = (language: keyof typeof LETTERS) => ({
      language,
      words: words(LETTERS[language]),
    });
    const names = Object.keys(LETTERS) as (keyof typeof LETTERS)[];
    await apply({
      wordLists: Object.fromEntries(names.map((name) => [name, list(name)])),
      policies: { full: { rules: RULES } },
    });
    const source = await CatalogSource.open({
      pool,
      connect: async () => client,
      observer: { note: () => {} } as unknown as GatewayObserver,
      adjust: (catalog) => catalog,
    });
    const idle = await longestTurn(() => pause(1_000));
    const pauses: Pauses = { apply: [], reload: [], tookMs: [], idle };
    for (let n = 0; n < RELOADS; n++) {
      const changed = { wordLists: Object.fromEntries(names.map((each) => [each, list(each)])) };
      const began = performance.now();
      pauses.apply.push(await longestTurn(() => apply(changed)));
      pauses.reload.push(await longestTurn(() => source.reload()));
      pauses.tookMs.push(performance.now() - began);
    }
    await source.close();
    return pauses;
  } finally {
    await client.end().catch(() => {});
    await pool.end();
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The longest turn of the event loop: as a timer sees it, and the CPU that this thread used in it. */
async function longestTurn(work: () => Promise<unknown>): Promise<Turn> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  await pause(5);
  delay.reset();
  let isOver = false;
  let cpuMs = 0;
  const watching = (async () => {
    while (!isOver) {
      const start = process.threadCpuUsage();
      await setImmediate();
      const { user, system } = process.threadCpuUsage(start);
      cpuMs = Math.max(cpuMs, (user + system) / 1_000);
    }
  })();
  await work();
  isOver = true;
  await watching;
  delay.disable();
  return { wallMs: delay.max / 1e6, cpuMs };
}

const load = () =>
  loadavg()
    .map((one) => one.toFixed(1))
    .join(' ');
const before = load();
const judged = await judging();
const pauses = await reloading();
const each = (turns: readonly Turn[], of: keyof Turn) =>
  turns.map((turn) => turn[of].toFixed(1)).join(' ');
const longest = Math.max(...[...pauses.apply, ...pauses.reload].map(({ cpuMs }) => cpuMs));
const rows = [
  ['added CPU a message', `${judged.microseconds.toFixed(1)} us`, `under ${GOAL.microseconds} us`],
  ['  the least of the rounds', `${judged.least.toFixed(1)} us`, ''],
  ['  refused by chance', `${(judged.refused * 100).toFixed(1)} %`, ''],
  ['RSS of the process', `${judged.megabytes} MB`, `under ${GOAL.megabytes} MB`],
  ['  before', `${judged.before} MB`, ''],
  ['  after the reloads', `${megabytes()} MB`, ''],
  ['longest turn at a reload, CPU', `${longest.toFixed(1)} ms`, `under ${GOAL.pauseMs} ms`],
  ['  reading and storing, CPU', each(pauses.apply, 'cpuMs'), ''],
  ['  as a timer sees it', each(pauses.apply, 'wallMs'), ''],
  ['  into force, CPU', each(pauses.reload, 'cpuMs'), ''],
  ['  as a timer sees it', each(pauses.reload, 'wallMs'), ''],
  [
    '  while nothing happens',
    `${each([pauses.idle], 'cpuMs')} ${each([pauses.idle], 'wallMs')}`,
    '',
  ],
  ['a reload takes', `${Math.round(Math.max(...pauses.tookMs))} ms`, ''],
  ['load of the machine', `${before} / ${load()}`, ''],
];
process.stdout.write(
  process.argv.includes('--json')
    ? `${JSON.stringify({ ...judged, ...pauses })}\n`
    : formatTable(['figure', 'measured', 'goal'], rows),
);
