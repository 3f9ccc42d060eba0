import { z } from 'zod';
import { countryCode } from '../country-code.ts';
import { countryOf } from '../number-country.ts';
import { type RememberedNumbers, ruleKind } from '../policy-rule.ts';
import { whole } from '../schema-parts.ts';

const RUN_MIN = 3; // two neighbours are a coincidence
const RUN_MAX = 100;
const STEP_MAX = 100; // each costs two look-ups a message
/** Recipients of an account that are remembered: 90 KB each account and rule (130 where all were found), of 500 a quarter. */
const RECENT_MAX = 2_000;

const schema = z.strictObject({
  /** So many recipients one step apart, among the last `recent`, in any order and whatever comes between. */
  run: whole(RUN_MIN, RUN_MAX).default(10),
  /** Steps from 1 to this. */
  step: whole(1, STEP_MAX).default(10),
  recent: whole(RUN_MIN, RECENT_MAX).default(500),
  /** Numbers out of the whole numbering plan of a country; false: not looked for. */
  random: z
    .union([
      z.literal(false),
      z.strictObject({
        /** Recipients looked at, the last ones of a country code. */
        window: whole(50, RECENT_MAX).default(200),
        /** So many different pairs of digits after the country code, of 100. */
        blocks: whole(10, 100).default(80),
        /** Or so many percent of them in no country or area code that exists. */
        unassignedPercent: whole(1, 100).default(20),
      }),
    ])
    .default({ window: 200, blocks: 80, unassignedPercent: 20 }),
});

type Spec = z.output<typeof schema>;

/**
 * `recipientPattern`: recipients that were counted up or down, or made up. It finds the message that completes the run,
 * not the ones before it, and each that goes on; and whom it found, whenever he is sent to again while the run is among
 * the last recipients. Numbers drawn at random within one operator's prefix look like anybody's customers: caps and the
 * quality of deliveries see those.
 */
export const recipientPattern = ruleKind({
  schema,
  actions: ['refuse', 'hold', 'flag', 'suspend'],
  compile(spec, name) {
    const serial = {
      refusal: { key: 'recipientPattern', detail: 'the recipients are serial numbers' },
    } as const;
    const random = {
      refusal: { key: 'recipientPattern', detail: 'the recipients are random numbers' },
    } as const;
    return ({ accountId, destination }, facts) => {
      const recent = facts.remembered(
        `recipientPattern ${name}`,
        accountId,
        () => new RecentRecipients(spec),
      );
      const found = recent.under(spec).add(destination);
      return found === undefined ? undefined : found === 'serial' ? serial : random;
    };
  },
});

/** The last recipients of one account, over all nodes. */
export class RecentRecipients implements RememberedNumbers {
  #spec: Spec;
  #ring: Float64Array;
  readonly #known = new Set<number>();
  /** Those of the known that completed something, here or at another node, and have not passed since. */
  readonly #found = new Set<number>();
  #next = 0;
  readonly #spreads = new Map<string, Spread>();
  #new: number[] = [];

  constructor(spec: Spec) {
    this.#spec = spec;
    this.#ring = new Float64Array(spec.recent);
  }

  /** Goes on by a rule that was changed, with those of its last recipients who are remembered. */
  under(spec: Spec): this {
    if (spec === this.#spec) return this;
    const recent = [...this.#ring.subarray(this.#next), ...this.#ring.subarray(0, this.#next)];
    this.#spec = spec;
    this.#ring = new Float64Array(spec.recent);
    this.#next = 0;
    this.#known.clear();
    this.#spreads.clear();
    for (const number of recent) {
      if (number === 0) continue;
      this.#remember(number);
      this.#spread(String(number));
    }
    return this;
  }

  /**
   * Remembers a recipient (E.164 digits) and says what he completes. One known already changes nothing: if he passed, he
   * always does; if he was found, he is until what he completed is no more.
   */
  add(destination: string): 'serial' | 'random' | undefined {
    const number = Number(destination); // 15 digits at the most are exact
    if (this.#known.has(number)) return this.#found.has(number) ? this.#again(number) : undefined;
    const isSerial = this.#completesRun(number);
    this.#remember(number);
    const isRandom = this.#spread(destination);
    const found = isSerial ? 'serial' : isRandom ? 'random' : undefined;
    if (found !== undefined) this.#found.add(number);
    if (this.#new.length < RECENT_MAX) this.#new.push(found === undefined ? number : -number);
    return found;
  }

  /** Those that were found are below 0: so they stand in the store, beside those of before it told them apart. */
  takeNew(): readonly number[] {
    if (this.#new.length === 0) return NONE;
    const came = this.#new;
    this.#new = [];
    return came;
  }

  /**
   * They complete nothing: that was said where they came. Who was found there is found here, even if he passed before
   * this was heard: so all nodes say the same, whatever they hear first.
   */
  learn(numbers: readonly number[]): void {
    for (const told of numbers) {
      const number = Math.abs(told);
      if (!this.#known.has(number)) {
        this.#remember(number);
        this.#spread(String(number));
      }
      if (told < 0) this.#found.add(number);
    }
  }

  /** What a recipient who was found completes still; if that is nothing, he passes from now on. */
  #again(number: number): 'serial' | 'random' | undefined {
    if (this.#completesRun(number)) return 'serial';
    const { random } = this.#spec;
    if (random !== false && this.#spreads.get(planOf(String(number)))?.isOver(random))
      return 'random';
    this.#found.delete(number);
    return undefined;
  }

  /** Walks from the number both ways in each step: as long as the run at most, and mostly one look-up each. */
  #completesRun(number: number): boolean {
    const { run, step } = this.#spec;
    for (let by = 1; by <= step; by++) {
      let length = 1;
      for (let at = number - by; length < run && this.#known.has(at); at -= by) length++;
      for (let at = number + by; length < run && this.#known.has(at); at += by) length++;
      if (length >= run) return true;
    }
    return false;
  }

  #remember(number: number): void {
    const oldest = this.#ring[this.#next] ?? 0;
    this.#known.delete(oldest);
    this.#found.delete(oldest);
    this.#ring[this.#next] = number;
    this.#known.add(number);
    this.#next = (this.#next + 1) % this.#ring.length;
  }

  /** Counts a recipient among those of his country code, and says whether they look drawn at random. */
  #spread(destination: string): boolean {
    const { random } = this.#spec;
    if (random === false) return false;
    const plan = planOf(destination);
    let spread = this.#spreads.get(plan);
    if (spread === undefined) {
      if (this.#spreads.size >= SPREADS_MAX) this.#spreads.clear();
      spread = new Spread(random.window);
      this.#spreads.set(plan, spread);
    }
    const { length } = countryCode(destination);
    const block = Number(destination.slice(length, length + 2));
    spread.add(block, countryOf(destination) === undefined);
    return spread.isOver(random);
  }
}

/** What a number is looked at with: its country code, {@link NOWHERE} where no country has it. */
function planOf(destination: string): string {
  const code = countryCode(destination);
  return countryOf(destination) === undefined && code !== NANP ? NOWHERE : code;
}

const NONE: readonly number[] = [];
/** Where there are country codes without area codes that exist. */
const NANP = '1';
const NOWHERE = '';
/** Country codes of one account at once; beyond them all begin anew. 0.5 KB each. */
const SPREADS_MAX = 50;
const BLOCKS = 100;
const UNASSIGNED = 128;

/** The last recipients of a country code, by the pair of digits after it. */
class Spread {
  /** Different pairs among them. */
  blocks = 0;
  unassigned = 0;
  readonly #ring: Uint8Array;
  readonly #counts = new Uint16Array(BLOCKS);
  #next = 0;
  #size = 0;

  constructor(window: number) {
    this.#ring = new Uint8Array(window);
  }

  add(block: number, isUnassigned: boolean): void {
    if (this.#size === this.#ring.length) this.#forget(this.#ring[this.#next] ?? 0);
    else this.#size++;
    this.#ring[this.#next] = isUnassigned ? block | UNASSIGNED : block;
    this.#next = (this.#next + 1) % this.#ring.length;
    const count = this.#counts[block] ?? 0;
    this.#counts[block] = count + 1;
    if (count === 0) this.blocks++;
    if (isUnassigned) this.unassigned++;
  }

  isOver({ blocks, unassignedPercent, window }: Exclude<Spec['random'], false>): boolean {
    return this.blocks >= blocks || this.unassigned * 100 >= unassignedPercent * window;
  }

  #forget(entry: number): void {
    const block = entry & ~UNASSIGNED;
    const count = (this.#counts[block] ?? 0) - 1;
    this.#counts[block] = count;
    if (count === 0) this.blocks--;
    if (entry >= UNASSIGNED) this.unassigned--;
  }
}
