import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fixedWindow, type Limiter, tokenBucket } from '../session/simulated-limits.ts';
import { eventually, TestGateway } from '../support/gateway.ts';
import { Esme } from './esme.ts';
import { resources } from './resources.ts';
import { ScriptedCarrier } from './scripted-carrier.ts';

const ESME_RTHROTTLED = 0x58;
const ESME_RMSGQFUL = 0x14;
/** What the carriers allow a second: less than any machine does. */
const LIMIT = 100;
/** Seconds. */
const SPAN = 5;
/** Where the machine is busy with others it takes a while until five seconds in a row are ours. */
const PATIENCE_MS = 180_000;

/** A carrier that takes what its limiter takes, and what each second saw. */
class LimitedCarrier {
  readonly carrier: ScriptedCarrier;
  readonly limiter: Limiter;
  readonly seconds: { accepted: number; refused: number }[] = [];
  readonly #from: number;

  constructor(carrier: ScriptedCarrier, limiter: Limiter, status: number) {
    this.carrier = carrier;
    this.limiter = limiter;
    this.#from = performance.now();
    carrier.onSubmit = (submit) => {
      const atMs = performance.now() - this.#from;
      const second = this.#second(Math.floor(atMs / 1_000));
      if (limiter.takes(atMs)) {
        second.accepted++;
        carrier.accept(submit);
      } else {
        second.refused++;
        carrier.refuse(submit, status);
      }
    };
  }

  /** Segments so far. */
  get accepted(): number {
    return this.seconds.reduce((sum, second) => sum + second.accepted, 0);
  }

  /** Best of five seconds in a row that are over: where the machine is busy with others, not each five are ours. */
  best(): { used: number; refused: number } {
    let best = { used: 0, refused: 1 };
    for (let last = SPAN; last < this.seconds.length; last++) {
      const one = this.#between(last - SPAN, last);
      if (one.refused < 0.01 && one.used > best.used) best = one;
    }
    return best;
  }

  #between(first: number, last: number): { used: number; refused: number } {
    let accepted = 0;
    let refused = 0;
    for (const second of this.seconds.slice(first, last)) {
      accepted += second.accepted;
      refused += second.refused;
    }
    const used = accepted / (last - first) / this.limiter.perSecond;
    return { used, refused: refused / (accepted + refused) };
  }

  #second(number: number): { accepted: number; refused: number } {
    while (this.seconds.length <= number) this.seconds.push({ accepted: 0, refused: 0 });
    return this.seconds[number] ?? { accepted: 0, refused: 0 };
  }
}

let carriers: ScriptedCarrier[];
let gateway: TestGateway;

beforeAll(async () => {
  carriers = await Promise.all([ScriptedCarrier.listen(), ScriptedCarrier.listen()]);
  const [bucket, window] = carriers;
  const bind = { windowMax: 10_000, segmentsPerSecond: 0 };
  gateway = await TestGateway.start(
    resources({
      accounts: { alice: { credit: '100000', bind } },
      carriers: {
        bucket: { port: bucket?.port ?? 0, prefix: '1' },
        window: { port: window?.port ?? 0, prefix: '2' },
      },
    }),
  );
});

afterAll(async () => {
  await gateway?.close();
  for (const carrier of carriers ?? []) await carrier.down();
});

describe('a carrier without a rate in its resource that allows 100 a second', () => {
  it('gets 95 % of it, and refuses less than 1 %, as a token bucket and as a window of a second', async () => {
    const [first, second] = carriers;
    if (first === undefined || second === undefined) throw new Error('two carriers');
    const limited = [
      new LimitedCarrier(first, tokenBucket(LIMIT, 50), ESME_RTHROTTLED),
      new LimitedCarrier(second, fixedWindow(LIMIT), ESME_RMSGQFUL),
    ];
    const esme = await Esme.bind(gateway.port, { systemId: 'alice' });
    let sent = 0;
    await eventually(() => {
      // More than they take in the next seconds always waits.
      const taken = Math.max(...limited.map((one) => one.accepted));
      for (const until = taken + 5 * LIMIT; sent < until; sent++)
        for (const prefix of ['1', '2'])
          void esme.submit({ destination_addr: `${prefix}202${5_550_000 + sent}` }).catch(() => {});
      for (const one of limited) {
        expect(one.best().used).toBeGreaterThan(0.95);
        expect(one.best().refused).toBeLessThan(0.01);
      }
    }, PATIENCE_MS);
    const [link] = [...gateway.node.gateway.carriers.running.values()].map((one) => one.link);
    expect(link?.adaptiveRate?.phase).toBe('paced');
    await esme.cut();
  });
});
