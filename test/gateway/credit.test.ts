import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { credits as micro } from '../../src/domain/money.ts';
import { topUp } from '../../src/store/postings.ts';
import { eventually, TestGateway } from '../support/gateway.ts';
import { Esme } from './esme.ts';
import { resources } from './resources.ts';
import { ScriptedCarrier } from './scripted-carrier.ts';

/** Each bind sends so many; a tenth of all can be paid. */
const BINDS = 200;
const EACH = 15;
const K = (BINDS * EACH) / 10;

let carrier: ScriptedCarrier;
let gateway: TestGateway;
const open: Esme[] = [];

beforeAll(async () => {
  carrier = await ScriptedCarrier.listen();
  gateway = await TestGateway.start(
    resources({
      accounts: {
        crowd: { credit: '10', bind: { bindsMax: BINDS, segmentsPerSecond: 0 } },
        brief: { credit: '1', warnings: { expiryDays: [400] } },
      },
      terms: { usual: { topUpExtendsBalance: false } },
      tariffs: { standard: { '1': '0.1' } },
      carriers: { main: { port: carrier.port, prefix: '1' } },
    }),
  );
});

afterAll(async () => {
  for (const esme of open) await esme.close();
  await gateway?.close();
  await carrier?.down();
});

const submit = async (esme: Esme) =>
  (await esme.submit({ destination_addr: '12025550101' })).command_status;

describe('an account with lots', () => {
  it('has exactly what it can pay accepted over 200 binds at once, and ends at 0', async () => {
    // Three lots, the borders between them inside a message.
    for (const [n, credits] of [7_250_000n, 12_750_000n].entries()) {
      const posted = await topUp(gateway.pool, {
        account: 'crowd',
        credits: micro(credits),
        reference: `lot ${n}`,
        actor: 'test',
      });
      expect(posted).not.toHaveProperty('refused');
    }
    const esmes: Esme[] = [];
    // One address may connect a hundred times a second: who is turned away comes again.
    const bind = () =>
      eventually(async () => void esmes.push(await Esme.bind(gateway.port, { systemId: 'crowd' })));
    while (esmes.length < BINDS) await Promise.all(Array.from({ length: 10 }, bind));
    open.push(...esmes);
    const statuses = await Promise.all(
      esmes.flatMap((esme) => Array.from({ length: EACH }, () => submit(esme))),
    );
    expect(statuses.filter((status) => status === 0)).toHaveLength(K);
    expect(statuses.filter((status) => status === 0x401)).toHaveLength(BINDS * EACH - K);
    expect(await gateway.money('crowd')).toEqual({ credits: '0', reserved: '0' });
    await gateway.reconciled();
  });

  it('loses what expires by itself, is told of it, and its submits get 0x402', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'brief' });
    open.push(esme);
    expect(await submit(esme)).toBe(0);
    await gateway.sql(
      `update lot set expires_at = now() - interval '1 second' where not own
         and account = (select id from account where name = 'brief')`,
    );
    await eventually(async () =>
      expect(await gateway.money('brief')).toMatchObject({ credits: '0' }),
    );
    expect(await submit(esme)).toBe(0x402);
    const told = () =>
      gateway.reports.flatMap(({ what, args: [account, ...rest] }) =>
        (account as { name?: string })?.name === 'brief' && /money|creditWarning/.test(what)
          ? [rest.join(' ')]
          : [],
      );
    await eventually(() =>
      expect(told()).toEqual(
        expect.arrayContaining(['charge 100000', 'expiry 900000', 'credit.expired']),
      ),
    );
    await gateway.reconciled();
  });
});
