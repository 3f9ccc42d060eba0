import { randomBytes } from 'node:crypto';
import { Counter } from '../../../src/ops/books/counter.ts';
import { Traits } from '../../../src/ops/books/traits.ts';
import { ContentKeys } from '../../../src/store/content-keys.ts';
import { withClient } from '../../../src/store/pool.ts';
import { Esme } from '../../gateway/esme.ts';
import { resources, type TestResources } from '../../gateway/resources.ts';
import { ScriptedCarrier } from '../../gateway/scripted-carrier.ts';
import { TestGateway } from '../../support/gateway.ts';
import { type OpsBench, startOps } from '../ops-bench.ts';

/** ESME_RINVDSTADR: a refusal for good (SMPP 3.4 §5.1.3). */
const REFUSED = 0x0b;
/** Destinations that the carrier refuses. */
export const REFUSED_PREFIX = '7916';

/** A gateway with traffic, its carrier, the HTTP API beside it, and the counter that a daemon would run. */
export class BooksStand {
  readonly gateway: TestGateway;
  readonly carrier: ScriptedCarrier;
  readonly ops: OpsBench;
  readonly counter: Counter;

  private constructor(gateway: TestGateway, carrier: ScriptedCarrier, ops: OpsBench) {
    this.gateway = gateway;
    this.carrier = carrier;
    this.ops = ops;
    const keys = new ContentKeys({
      pool: gateway.pool,
      sealing: gateway.sealing,
      random: randomBytes,
    });
    const catalog = () => gateway.catalog;
    const networkOf = (msisdn: string) => catalog().networks.networkOf(msisdn);
    this.counter = new Counter(new Traits({ catalog, keys, networkOf }), catalog);
  }

  /** @param more accounts of a test's own, and their policies */
  static async start(
    more: Pick<Partial<TestResources>, 'accounts' | 'policies'> = {},
  ): Promise<BooksStand> {
    const carrier = await ScriptedCarrier.listen();
    carrier.onSubmit = (submit) => {
      if (submit.destination.startsWith(REFUSED_PREFIX)) carrier.refuse(submit, REFUSED);
      else {
        carrier.accept(submit);
        void carrier.receipt(submit, { stat: 'DELIVRD' });
      }
    };
    const beganAt = new Date(Math.floor(Date.now() / 60_000) * 60_000).toISOString();
    const gateway = await TestGateway.start(
      resources({
        tariffs: {
          standard: { '966': '0.05', '9665': '0.06', '7': '0.00645', '*': '0.1' },
          // To Saudi Arabia cheaper since this minute of the day.
          costs: [
            { prefix: '966', price: '0.9' },
            { prefix: '966', price: '0.031', from: beganAt },
            { prefix: '7', price: '0.004' },
          ],
        },
        terms: {
          usual: { refundAutomatic: ['platform', 'carrier'] },
          later: { chargeOn: 'delivered' },
          lotsLater: { chargeOn: 'delivered', topUpExtendsBalance: false },
          lots: { topUpExtendsBalance: false, refundAutomatic: ['platform', 'carrier'] },
        },
        ...(more.policies && { policies: more.policies }),
        accounts: {
          alice: { prices: [{ prefix: '966', class: 'otp', price: '0.02' }] },
          bob: { terms: 'later', trafficClass: 'otp' },
          carol: { terms: 'lots', credit: '0.1' },
          ...more.accounts,
        },
        carriers: { up: { port: carrier.port, cost: 'costs' } },
        // Also where its cost is not known.
        routes: [{ prefix: '', carriers: [{ name: 'up', allowLoss: true }] }],
      }),
    );
    return new BooksStand(gateway, carrier, await startOps({ pool: gateway.pool }));
  }

  /** Sends messages of an account, and waits until each has ended. @returns their ids */
  async send(systemId: string, ...messages: readonly object[]): Promise<string[]> {
    const esme = await Esme.bind(this.gateway.port, { systemId });
    const ids: string[] = [];
    for (const fields of messages) ids.push(await esme.accepted(fields));
    for (const id of ids) await esme.receiptOf(id);
    await esme.close();
    return ids;
  }

  /** Counts all there is now. As a daemon would, had it waited until nothing older can come. */
  async count(): Promise<void> {
    await this.gateway.sql(
      `create or replace function books_horizon() returns timestamptz language sql volatile as
         $$ select clock_timestamp() + interval '1 hour' $$`,
    );
    await withClient(this.gateway.pool, async (client) => {
      while (await this.counter.countMessages(client));
      while (await this.counter.countEnds(client));
    });
  }

  async close(): Promise<void> {
    await this.ops.stop();
    await this.gateway.close();
    await this.carrier.down();
  }
}
