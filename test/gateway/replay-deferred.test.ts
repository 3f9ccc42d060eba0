import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CatalogAccount } from '../../src/domain/catalog.ts';
import { messageId, messageIdMs } from '../../src/domain/ids.ts';
import { type CompiledPolicy, compilePolicy } from '../../src/domain/policy.ts';
import { policySchema } from '../../src/domain/policy-schema.ts';
import type { ReplayAnswer } from '../../src/gateway/policy-replay.ts';
import { eventually, TestGateway } from '../support/gateway.ts';
import { Esme } from './esme.ts';
import { replace, SHOP } from './manage-stand.ts';
import { resources } from './resources.ts';
import { ScriptedCarrier } from './scripted-carrier.ts';

/*
 * What a replay says of messages that a rule deferred: by the policies in force nothing about them changes, by others it does.
 */

const TO = '12025550101';
const night = { name: 'night', action: 'defer', hours: otherHours() };
const flags = { name: 'any', action: 'flag', length: { maxCharacters: 1 } };
const donations = { name: 'donations', bannedWords: { words: ['donate'] }, action: 'hold' };
const DEFERRED = { is: 'deferred', rule: 'night' };
const ACCEPTED = { is: 'accepted', rule: undefined };

let carrier: ScriptedCarrier;
let gateway: TestGateway;

beforeAll(async () => {
  carrier = await ScriptedCarrier.listen();
  carrier.onSubmit = (submit) => carrier.accept(submit);
  gateway = await TestGateway.start(file(flags));
});

afterAll(async () => {
  await gateway?.close();
  await carrier?.down();
});

/** @param turns the rule of the account `turned` */
function file(turns: object): string {
  return resources({
    policies: {
      waits: { rules: [night, flags] },
      checked: { rules: [night, donations] },
      turns: { rules: [turns] },
    },
    accounts: {
      waits: { policy: 'waits' },
      checked: { policy: 'checked' },
      told: { policy: 'waits', refusals: 'receipt' },
      turned: { policy: 'turns' },
    },
    carriers: { main: { port: carrier.port, prefix: '1' } },
  });
}

async function sent(account: string, submits: readonly object[]): Promise<string[]> {
  const esme = await Esme.bind(gateway.port, { systemId: account });
  const made: string[] = [];
  for (const submit of submits)
    made.push(await esme.accepted({ ...SHOP, destination_addr: TO, ...submit }));
  await esme.close();
  return made;
}

/** @param tried in place of the policies in force */
async function replayOf(account: string, ...tried: readonly object[]): Promise<ReplayAnswer> {
  const compiled = compilePolicy('tried', 0, policySchema.parse({ rules: tried }));
  const answer = await gateway.node.gateway.replay.run({
    sinceMs: Date.now() - 3_600_000,
    untilMs: Date.now() + 60_000,
    account: await gateway.accountId(account),
    limit: 1_000,
    examples: 10,
    content: false,
    policyOf: (owner: CatalogAccount): CompiledPolicy =>
      tried.length === 0 ? owner.policy : compiled,
    signal: new AbortController().signal,
  });
  if (answer === 'busy') throw new Error('no other replay runs');
  return answer;
}

describe('run', () => {
  it('says that the policies in force change nothing, and that others would', async () => {
    const cut = { sar_msg_ref_num: 2, sar_total_segments: 2 };
    await sent('waits', [
      { short_message: 'one' },
      { short_message: 'scheduled', schedule_delivery_time: '000001000000000R' },
      { short_message: 'in two ', ...cut, sar_segment_seqnum: 1 },
      { short_message: 'parts', ...cut, sar_segment_seqnum: 2 },
    ]);
    const answer = await replayOf('waits');
    expect(answer.counts).toEqual([{ from: DEFERRED, to: DEFERRED, messages: 4 }]);
    expect(answer).toMatchObject({ changed: 0, examples: [] });
    const open = await replayOf('waits', flags);
    expect(open.counts).toEqual([{ from: DEFERRED, to: ACCEPTED, messages: 4 }]);
    expect(open.changed).toBe(4);
  });

  it('calls held what is held besides', async () => {
    await sent('checked', [{ short_message: 'please donate' }, { short_message: 'hello' }]);
    const held = { is: 'held', rule: 'donations' };
    const { counts } = await replayOf('checked');
    expect(counts).toHaveLength(2);
    expect(counts).toContainEqual({ from: held, to: held, messages: 1 });
    expect(counts).toContainEqual({ from: DEFERRED, to: DEFERRED, messages: 1 });
  });

  it('knows what no rule refused, and what is not valid until its hours', async () => {
    const refused = { is: 'refused', rule: undefined };
    await sent('told', [
      { short_message: 'too late', validity_period: '000000010000000R' },
      { short_message: 'no route', destination_addr: '447700900001' },
    ]);
    const answer = await replayOf('told');
    expect(answer.counts.map(({ from, to }) => [from.is, to.is])).not.toContainEqual([
      'refused',
      'deferred',
    ]);
    expect(answer.changed).toBe(0);
    // Without hours the one would have gone; to the other's number there is still no route.
    const open = await replayOf('told', flags);
    expect(open.counts).toContainEqual({ from: refused, to: ACCEPTED, messages: 1 });
    expect(open.changed).toBe(1);
  });

  it('looks at a replaced message as it was judged last, at that time', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'turned' });
    const scheduled = { ...SHOP, destination_addr: TO, schedule_delivery_time: '000001000000000R' };
    const first = await esme.accepted({ ...scheduled, short_message: 'good day' });
    await eventually(() => expect(Date.now()).toBeGreaterThan(acceptedMs(first)));
    const from = new Date().toISOString();
    const since = { ...night, when: { from } };
    await gateway.apply(file(since));
    const fields = { ...SHOP, message_id: first, short_message: 'good night' };
    expect(await replace(esme, fields)).toBe(0);
    await eventually(async () => {
      const notes = await gateway.sql('select rule from policy_note where id = $1 and rule = $2', [
        first,
        'night',
      ]);
      expect(notes).toHaveLength(1);
    });
    const turned = await replayOf('turned');
    expect(turned.counts).toEqual([{ from: DEFERRED, to: DEFERRED, messages: 1 }]);
    // Replaced once more, under rules that let it go when it likes.
    await gateway.apply(file(flags));
    expect(await replace(esme, { ...fields, short_message: 'at last' })).toBe(0);
    const again = await replayOf('turned');
    expect(again.counts).toEqual([{ from: ACCEPTED, to: ACCEPTED, messages: 1 }]);
    await esme.close();
  });
});

/** One minute of the day, half a day from now whenever this runs: never within it, and it comes. */
function otherHours(): object {
  const hour = String((new Date().getUTCHours() + 12) % 24).padStart(2, '0');
  return { times: [`${hour}:00-${hour}:01`], timeZone: 'UTC' };
}

function acceptedMs(id: string): number {
  return messageIdMs(messageId(BigInt(id)));
}
