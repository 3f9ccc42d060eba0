import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestGateway } from '../support/gateway.ts';
import { Sessions } from './esme.ts';
import { resources } from './resources.ts';
import { ScriptedCarrier } from './scripted-carrier.ts';

const rules = (spec: object) => JSON.stringify({ policies: { p: spec } });
/** Messages of a class say "casino"; nobody may say "never". */
const casino = (trafficClass: string) => ({
  rules: [
    { name: 'class', bannedWords: { words: ['casino'] }, when: { classes: [trafficClass] } },
    { name: 'all', bannedWords: { words: ['never'] } },
  ],
});

let carrier: ScriptedCarrier;
let gateway: TestGateway;
const sessions = new Sessions();

beforeAll(async () => {
  carrier = await ScriptedCarrier.listen();
  gateway = await TestGateway.start(
    resources({
      policies: { p: casino('promotional') },
      accounts: { promo: { policy: 'p', trafficClass: 'promotional' } },
      carriers: { main: { port: carrier.port, prefix: '' } },
    }),
  );
});

afterAll(async () => {
  await sessions.close();
  await gateway?.close();
  await carrier?.down();
});

/** command_status of a message that says so. */
async function saying(text: string): Promise<number> {
  const esme = await sessions.bind(gateway.port, 'promo');
  const fields = { destination_addr: '966500000001', short_message: text };
  const response = await esme.submit(fields);
  return response.command_status;
}

/** The default of contentRefused. */
const REFUSED = 0x405;

describe('a rule with a name that is not there', () => {
  it('is refused, and the rules before stay in force; with the name of another class it judges that one', async () => {
    expect(await saying('casino')).toBe(REFUSED);
    await expect(gateway.apply(rules(casino('promotonal')))).rejects.toThrow(
      'line 1: policies.p.rules[0].when.classes[0]: refers to promotonal, which is not in classes',
    );
    expect(await saying('casino')).toBe(REFUSED);
    await gateway.apply(rules(casino('otp')));
    expect(await saying('casino')).toBe(0);
  });

  it('that an earlier version stored keeps neither the node from starting nor others from changes', async () => {
    const stored = casino('promotonal');
    await gateway.drain();
    await gateway.pool.query(
      `update resource set spec = spec || $1 where kind = 'policies' and name = 'p'`,
      [JSON.stringify(stored)],
    );
    await gateway.up();
    expect([await saying('casino'), await saying('never')]).toEqual([0, REFUSED]);
    await gateway.apply('terms: {usual: {reportWithinHours: 48}}');
    await expect(gateway.apply(rules({ ...stored, partsWaitSeconds: 20 }))).rejects.toThrow(
      'refers to promotonal',
    );
    await gateway.apply(rules(casino('promotional')));
    expect(await saying('casino')).toBe(REFUSED);
  });
});
