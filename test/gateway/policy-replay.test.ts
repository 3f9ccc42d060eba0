import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CatalogAccount } from '../../src/domain/catalog.ts';
import { type CompiledPolicy, compilePolicy } from '../../src/domain/policy.ts';
import { policySchema } from '../../src/domain/policy-schema.ts';
import type { ReplayAnswer, ReplayQuestion } from '../../src/gateway/policy-replay.ts';
import { TestGateway } from '../support/gateway.ts';
import { Esme } from './esme.ts';
import { SHOP } from './manage-stand.ts';
import { resources } from './resources.ts';
import { ScriptedCarrier } from './scripted-carrier.ts';

let carrier: ScriptedCarrier;
let gateway: TestGateway;
const ids: Record<string, string> = {};

beforeAll(async () => {
  carrier = await ScriptedCarrier.listen();
  carrier.onSubmit = (submit) => carrier.accept(submit);
  const holds = { name: 'donations', bannedWords: { words: ['donate'] }, action: 'hold' };
  const adds = {
    expression: { wildcard: ['*'] },
    action: 'rewrite',
    rewrite: { append: ' قف', sender: 'INFO' },
  };
  gateway = await TestGateway.start(
    resources({
      policies: { holds: { rules: [holds] }, adds: { rules: [adds] } },
      accounts: { alice: {}, moderated: { policy: 'holds' }, added: { policy: 'adds' } },
      carriers: { main: { port: carrier.port, prefix: '1' } },
    }),
  );
  const [alice, moderated] = [
    await Esme.bind(gateway.port, { systemId: 'alice' }),
    await Esme.bind(gateway.port, { systemId: 'moderated' }),
  ];
  const submit = async (name: string, esme: Esme, short_message: string, more = {}) => {
    ids[name] = await esme.accepted({ ...SHOP, destination_addr: TO, short_message, ...more });
  };
  await submit('clean', alice, 'good day');
  await submit('casino', alice, 'come to our casino');
  const cut = { sar_msg_ref_num: 1, sar_total_segments: 2 };
  await submit('first', alice, 'come to our cas', { ...cut, sar_segment_seqnum: 1 });
  await submit('second', alice, 'ino tonight', { ...cut, sar_segment_seqnum: 2 });
  await submit('held', moderated, 'please donate');
  await submit('erased', alice, 'come to our casino');
  await gateway.sql('update content set key = 0 where id = $1', [ids.erased]);
  await alice.close();
  await moderated.close();
});

afterAll(async () => {
  await gateway?.close();
  await carrier?.down();
});

const TO = '12025550101';

function policy(...rules: object[]): (account: CatalogAccount) => CompiledPolicy {
  const compiled = compilePolicy('tried', 0, policySchema.parse({ rules }));
  return () => compiled;
}

async function replay(asked: Partial<ReplayQuestion>): Promise<ReplayAnswer> {
  const answer = await gateway.node.gateway.replay.run({
    sinceMs: Date.now() - 3_600_000,
    untilMs: Date.now() + 60_000,
    account: undefined,
    limit: 1_000,
    examples: 10,
    content: false,
    policyOf: (account) => account.policy,
    signal: new AbortController().signal,
    ...asked,
  });
  if (answer === 'busy') throw new Error('no other replay runs');
  return answer;
}

const ACCEPTED = { is: 'accepted', rule: undefined };
const casino = { name: 'gambling', bannedWords: { words: ['casino'] } };

describe('run', () => {
  it('says that the policies in force change nothing', async () => {
    const answer = await replay({});
    expect(answer).toMatchObject({ judged: 5, unreadable: 1, changed: 0, stoppedAtMs: undefined });
    expect(answer.counts).toContainEqual({
      from: { is: 'held', rule: 'donations' },
      to: { is: 'held', rule: 'donations' },
      messages: 1,
    });
    expect(answer.examples).toEqual([]);
  });

  it('counts what another policy would refuse, by rule, with all parts of a message', async () => {
    const before = gateway.reports.length;
    const answer = await replay({ policyOf: policy(casino) });
    const refused = { is: 'refused', rule: 'gambling' };
    expect(answer.counts).toEqual(
      expect.arrayContaining([
        { from: ACCEPTED, to: ACCEPTED, messages: 1 },
        { from: ACCEPTED, to: refused, messages: 3 },
        { from: { is: 'held', rule: 'donations' }, to: ACCEPTED, messages: 1 },
      ]),
    );
    expect(answer.counts).toHaveLength(3);
    expect(answer.changed).toBe(4);
    expect(answer.rules).toEqual([{ rule: 'gambling', action: 'refuse', messages: 2 }]);
    expect(answer.examples.map(({ id }) => id.toString()).sort()).toEqual(
      [ids.casino, ids.first, ids.second, ids.held].sort(),
    );
    expect(answer.examples.some((example) => 'content' in example)).toBe(false);
    // Nothing of it is live: no violation, no decision in the metrics, no row.
    expect(gateway.reports.slice(before).map(({ what }) => what)).not.toContain('policyDecision');
    expect(await gateway.sql('select id from violation')).toEqual([]);
    expect(await gateway.sql('select id from outcome')).toEqual([]);
  });

  it('counts what is only tried, and what would wait for its hours at the time of its accept', async () => {
    // Half a day from now, whenever this runs.
    const hour = String((new Date().getUTCHours() + 12) % 24).padStart(2, '0');
    const times = [`${hour}:00-${hour}:01`];
    const answer = await replay({
      policyOf: policy(
        { ...casino, mode: 'monitor' },
        { name: 'night', action: 'defer', hours: { times, timeZone: 'UTC' } },
      ),
    });
    expect(answer.rules).toContainEqual({ rule: 'gambling', action: 'monitor', messages: 2 });
    // One minute of a day would let them pass.
    const deferred = answer.counts.filter(({ to }) => to.is === 'deferred');
    expect(deferred.reduce((sum, { messages }) => sum + messages, 0)).toBe(5);
    expect(deferred[0]?.to.rule).toBe('night');
  });

  it('counts caps by the time of the messages, from nothing', async () => {
    const caps = { name: 'cap', caps: { per: 'recipient', messages: 2, withinSeconds: 3_600 } };
    for (let again = 0; again < 2; again++) {
      const account = await gateway.accountId('alice');
      const { counts } = await replay({ account, policyOf: policy(caps) });
      const of = (is: string) =>
        counts.filter(({ to }) => to.is === is).reduce((sum, { messages }) => sum + messages, 0);
      expect([of('accepted'), of('refused')]).toEqual([2, 2]);
    }
  });

  it('shows content where it is asked for, and names no more than it may', async () => {
    const { examples } = await replay({ policyOf: policy(casino), content: true, examples: 1 });
    expect(examples).toEqual([
      expect.objectContaining({
        id: BigInt(ids.casino ?? ''),
        content: { from: 'Shop', to: TO, text: 'come to our casino' },
      }),
    ]);
  });

  it('stops at its limit and says where to go on', async () => {
    const first = await replay({ limit: 2, policyOf: policy(casino) });
    expect(first).toMatchObject({ judged: 2, changed: 1 });
    expect(first.stoppedAtMs).toBeGreaterThan(0);
    const rest = await replay({ sinceMs: first.stoppedAtMs ?? 0, policyOf: policy(casino) });
    // Ids of one millisecond are looked at together.
    expect(first.judged + rest.judged).toBeGreaterThanOrEqual(5);
    expect(await replay({ limit: 6 })).toMatchObject({ stoppedAtMs: undefined });
  });

  it('ends when nobody waits for it any more, and runs alone', async () => {
    const gone = AbortSignal.abort();
    expect(await replay({ signal: gone })).toMatchObject({ judged: 0 });
    const one = replay({});
    await expect(replay({})).rejects.toThrow('no other replay runs');
    expect((await one).judged).toBe(5);
  });

  it('judges a text as it was rewritten, in the alphabet that it was then, and the sender as it came', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'added' });
    await esme.accepted({ ...SHOP, destination_addr: TO, short_message: 'come to our casino' });
    await esme.close();
    const account = await gateway.accountId('added');
    const one = { ...casino, when: { senders: ['Shop'] } };
    const answer = await replay({ account, policyOf: policy(one), content: true });
    expect(answer.counts).toMatchObject([{ to: { is: 'refused', rule: 'gambling' }, messages: 1 }]);
    const content = { from: 'Shop', to: TO, text: 'come to our casino قف' };
    expect(answer.examples).toMatchObject([{ content }]);
  });
});
