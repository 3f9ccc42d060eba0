import { setTimeout as pause } from 'node:timers/promises';
import type { Pool } from 'pg';
import type { Catalog, CatalogAccount } from '../domain/catalog.ts';
import { type AccountId, firstIdAt, type MessageId, messageIdMs } from '../domain/ids.ts';
import { times } from '../domain/money.ts';
import type { CompiledPolicy } from '../domain/policy.ts';
import type { PolicyFacts } from '../domain/policy-rule.ts';
import { trafficClassOf } from '../domain/traffic-class.ts';
import { textOf } from '../smpp/message.ts';
import type { ContentKeys } from '../store/content-keys.ts';
import { withClient } from '../store/pool.ts';
import { type JudgedThen, judgedThen, messagesBetween } from '../store/replay-page.ts';
import { loadMessages, type StoredMessage } from '../store/stored-message.ts';
import { destinationOf, openSubmit } from './loader.ts';
import { DEFAULT_ALPHABET } from './message.ts';
import { takeOwnFields } from './own-fields.ts';
import type { OpenSet } from './part-texts.ts';
import { PolicyMemory } from './policy-memory.ts';
import { PolicyStep } from './policy-step.ts';
import { Ticket } from './quotas.ts';
import { decidedNow, decidedThen, NOTHING_NOTED } from './replay-decisions.ts';
import { ReplayQuotas } from './replay-quotas.ts';
import {
  type Counted,
  type Decided,
  type ReplayCount,
  type ReplayExample,
  ReplayTally,
} from './replay-tally.ts';
import { saidHere } from './said-texts.ts';
import { submitTimes, validUntil } from './validity.ts';

/** Messages read, opened and judged without a rest: some 10 ms; 6 MiB at the most. */
const PAGE = 100;
/** Then it rests for so many times as long, so that traffic has the process for most of the time. */
const REST = 3;
/** And so in a process that is busy: whose event loop rested for less than 3 of 10 moments since the last page. */
const BUSY_REST = 19;
const BUSY_UTILIZATION = 0.7;
const REST_MIN_MS = 2;

/** Which past traffic is judged, and by what. */
export interface ReplayQuestion {
  /** Unix ms of accept: from <= at < until. */
  readonly sinceMs: number;
  readonly untilMs: number;
  /** Undefined: of all accounts. */
  readonly account: AccountId | undefined;
  /** Messages looked at, at the most. */
  readonly limit: number;
  /** The first so many that would change are named. */
  readonly examples: number;
  /** With sender, number and text. */
  readonly content: boolean;
  /** The policy that judges an account's messages; undefined: it is not judged. */
  policyOf(account: CatalogAccount): CompiledPolicy | undefined;
  /** Ends it with what it has. */
  readonly signal: AbortSignal;
}

/** What a policy would have done. */
export interface ReplayAnswer {
  readonly judged: number;
  /** Messages whose content is gone or not readable: erased, or over their retention. */
  readonly unreadable: number;
  readonly changed: number;
  readonly counts: readonly ReplayCount[];
  readonly rules: readonly {
    readonly rule: string;
    readonly action: string;
    readonly messages: number;
  }[];
  readonly examples: readonly ReplayExample[];
  /** Unix ms up to which messages were looked at, where the limit ended it; undefined: to the end. */
  readonly stoppedAtMs: number | undefined;
}

export interface PolicyReplayDeps {
  readonly pool: Pool;
  readonly keys: ContentKeys;
  readonly facts: PolicyFacts;
  readonly now: () => number;
  catalog(): Catalog;
}

/**
 * Judges messages that were accepted in the past as their submit would be judged now: read page by page, nothing is
 * written, and it rests after each page for a multiple of what that took. Rules that count (caps, duplicates, patterns)
 * begin with nothing at its beginning and count by the time of each message; lists are as they are now.
 */
export class PolicyReplay {
  readonly #deps: PolicyReplayDeps;
  #running = false;

  constructor(deps: PolicyReplayDeps) {
    this.#deps = deps;
  }

  /** @returns 'busy': one at a time, each holds its own copy of the lists */
  async run(question: ReplayQuestion): Promise<ReplayAnswer | 'busy'> {
    if (this.#running) return 'busy';
    this.#running = true;
    try {
      return await new Run(this.#deps, question).run();
    } finally {
      this.#running = false;
    }
  }
}

/** One replay. */
class Run {
  readonly #deps: PolicyReplayDeps;
  readonly #question: ReplayQuestion;
  readonly #tally: ReplayTally;
  readonly #step: PolicyStep;
  readonly #quotas = new ReplayQuotas();
  /** Accounts with the policy that judges them here. */
  readonly #owners = new Map<AccountId, CatalogAccount | undefined>();
  /** Parts of long messages that were counted before the whole was judged. */
  readonly #parts = new WeakMap<OpenSet, Counted[]>();
  #judged = 0;
  #unreadable = 0;
  #utilization = performance.eventLoopUtilization();

  constructor(deps: PolicyReplayDeps, question: ReplayQuestion) {
    this.#deps = deps;
    this.#question = question;
    this.#tally = new ReplayTally(question.examples);
    const memory = new PolicyMemory();
    const facts: PolicyFacts = {
      ...deps.facts,
      said: saidHere(),
      remembered: (rule, account, make) => memory.of(rule, account, make),
    };
    const observer = {
      policyDecision: (rule: string, action: string) => this.#tally.found(rule, action),
    };
    const violations = { add: () => {} };
    // What rules count over all nodes is counted here by itself.
    const quotas = { take: () => new Ticket() };
    this.#step = new PolicyStep({ ...deps, facts, observer, violations, quotas }, true);
  }

  async run(): Promise<ReplayAnswer> {
    const { sinceMs, untilMs, account, signal } = this.#question;
    const until = firstIdAt(untilMs);
    let after: bigint = firstIdAt(sinceMs) - 1n;
    for (;;) {
      const asked = { after, until, account };
      const step = await withClient(this.#deps.pool, (client) => messagesBetween(client, asked));
      if (step.next === undefined) return this.#answer(undefined);
      after = step.next;
      for (let rest = step.ids; rest.length > 0; ) {
        const [next] = rest;
        const room = signal.aborted ? 0 : Math.min(PAGE, this.#left);
        if (room === 0 && next !== undefined) return this.#answer(messageIdMs(next));
        await this.#page(rest.slice(0, room));
        rest = rest.slice(room);
      }
    }
  }

  get #left(): number {
    return this.#question.limit - this.#judged - this.#unreadable;
  }

  #answer(stoppedAtMs: number | undefined): ReplayAnswer {
    const { changed, counts, rules, examples } = this.#tally;
    const [judged, unreadable] = [this.#judged, this.#unreadable];
    return { judged, unreadable, changed, counts, rules, examples, stoppedAtMs };
  }

  async #page(ids: readonly MessageId[]): Promise<void> {
    const { pool, keys } = this.#deps;
    const began = performance.now();
    const [stored, then] = await withClient(pool, async (client) => [
      await loadMessages(client, ids),
      await judgedThen(client, ids),
    ]);
    await keys.load([...new Set(stored.map(({ contentKey }) => contentKey))]);
    stored.sort((a, b) => (a.id < b.id ? -1 : 1));
    for (const message of stored) this.#judge(message, then.get(message.id) ?? NOTHING_NOTED);
    await this.#rest(performance.now() - began);
  }

  #judge(stored: StoredMessage, then: JudgedThen): void {
    const owner = this.#ownerOf(stored.account);
    const submit = owner && openSubmit(this.#deps.keys, stored);
    if (owner === undefined || submit === undefined) {
      this.#unreadable += 1;
      return;
    }
    this.#judged += 1;
    // Judged is what the customer sent; of a text that was rewritten there is no other, and it has its own data_coding.
    const { data_coding } = submit;
    Object.assign(submit, takeOwnFields(submit), { data_coding });
    const [atMs, to, text] = [
      messageIdMs(stored.id),
      destinationOf(submit),
      textOf(submit, DEFAULT_ALPHABET),
    ];
    const { source_addr: sender, tlvs } = submit;
    const trafficClass = trafficClassOf(this.#deps.catalog(), owner, stored.bind, sender, tlvs);
    const price = times(stored.unitPrice, stored.segments);
    const counted = {
      account: owner.name,
      destination: to,
      sender,
      trafficClass,
      messages: 1,
      atMs,
      price,
    };
    const ticket = this.#quotas.take(owner.id, owner.policy, counted, atMs);
    // What it counts it counted at its accept; a replacement was judged at its own time.
    const judgedMs = then.replacedAtMs ?? atMs;
    const asked = submitTimes(submit, owner, atMs);
    const goesAtMs = 'status' in asked ? judgedMs : Math.max(judgedMs, asked.releaseAtMs);
    const verdict = this.#step.judge(
      ...([owner, trafficClass, submit, to, text] as const),
      ...([judgedMs, goesAtMs, ticket] as const),
    );
    const now = decidedNow(verdict, stored, then, judgedMs, () =>
      then.replacedAtMs === undefined
        ? validUntil(submit.validity_period, owner, atMs, verdict.notBeforeMs)
        : stored.validUntilMs,
    );
    if (now.is === 'refused') ticket.giveBack(verdict.refused?.charged ?? false);
    const told: Counted = {
      example: {
        id: stored.id,
        account: owner.name,
        from: decidedThen(stored, then),
        ...(this.#question.content && { content: { from: sender, to, text } }),
      },
      to: now,
    };
    this.#tally.add(told);
    if (verdict.part !== undefined) this.#together(verdict.part.set, told);
  }

  /** What becomes of the whole becomes of the parts before it. */
  #together(set: OpenSet, counted: Counted): void {
    const parts = this.#parts.get(set) ?? [];
    this.#parts.set(set, parts);
    parts.push(counted);
    const { refused, held } = set;
    const whole: Decided | undefined =
      refused !== undefined
        ? { is: 'refused', rule: refused.rule }
        : held && { is: 'held', rule: held.rule };
    if (whole !== undefined) for (const part of parts) this.#tally.change(part, whole);
  }

  #ownerOf(id: AccountId): CatalogAccount | undefined {
    if (this.#owners.has(id)) return this.#owners.get(id);
    const account = this.#deps.catalog().accounts.get(id);
    const policy = account && this.#question.policyOf(account);
    const owner = account && policy && { ...account, policy };
    this.#owners.set(id, owner);
    return owner;
  }

  async #rest(workedMs: number): Promise<void> {
    const { utilization } = performance.eventLoopUtilization(this.#utilization);
    await pause(
      Math.max(REST_MIN_MS, workedMs * (utilization > BUSY_UTILIZATION ? BUSY_REST : REST)),
    );
    this.#utilization = performance.eventLoopUtilization();
  }
}
