import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { credits } from '../../src/domain/money.ts';
import { listHeld } from '../../src/store/moderation.ts';
import { topUp } from '../../src/store/postings.ts';
import { eventually, sealingUnder, type TestGateway } from '../support/gateway.ts';
import { Esme } from './esme.ts';
import { RREPLACEFAIL, replace } from './manage-stand.ts';
import { TwoNodes } from './two-nodes-stand.ts';

const DUPLICATE = 0x40b;
const CONTENT_REFUSED = 0x405;
const INSUFFICIENT = 0x401;

let stand: TwoNodes;
let gateway: TestGateway;
let beside: TestGateway;
let numbers = 0;

beforeAll(async () => {
  const rule = (given: object = {}) => ({ duplicates: { withinSeconds: 3_600 }, ...given });
  const words = { bannedWords: { words: ['casino'] } };
  const given = {
    policies: {
      once: { rules: [rule()] },
      brief: { rules: [{ duplicates: { withinSeconds: 600 } }] },
      onceThenWords: { rules: [rule(), words] },
      holding: { rules: [rule({ name: 'again', action: 'hold', violation: true })] },
      flagging: { rules: [rule({ action: 'flag' })] },
      watching: { rules: [rule({ mode: 'monitor' })] },
      suspending: { rules: [rule({ action: 'suspend' })] },
      ownStatus: { rules: [rule({ status: 0x499 })] },
    },
    accounts: {
      once: { policy: 'once' },
      restarted: { policy: 'once' },
      spelt: { policy: 'once' },
      racing: { policy: 'once', credit: '1000' },
      brief: { policy: 'brief' },
      worded: { policy: 'onceThenWords' },
      poor: { policy: 'once', credit: '0' },
      holding: { policy: 'holding' },
      flagging: { policy: 'flagging' },
      watching: { policy: 'watching' },
      suspending: { policy: 'suspending' },
      ownStatus: { policy: 'ownStatus' },
      replacing: { policy: 'once', credit: '100' },
      poorer: { policy: 'once', credit: '0.1' },
      rotating: { policy: 'once' },
      long: { policy: 'once' },
      longAtTwo: { policy: 'once' },
      binary: { policy: 'once' },
      knowing: { policy: 'once', dedupe: { seconds: 600 } },
      open: {},
    },
  };
  stand = await TwoNodes.open(given, '1');
  ({ gateway, beside } = stand);
});

afterAll(() => stand?.close());

const bind = (systemId: string, at?: TestGateway) => stand.bind(systemId, at);

function number(): string {
  numbers++;
  return `1202555${2000 + numbers}`;
}

async function statusOf(esme: Esme, fields: object): Promise<number | undefined> {
  return (await esme.submit(fields)).command_status;
}

function part(to: string, at: number, short_message: string, reference = 7): object {
  return {
    destination_addr: to,
    short_message,
    sar_msg_ref_num: reference,
    sar_total_segments: 2,
    sar_segment_seqnum: at,
  };
}

async function said(account: string): Promise<number> {
  const [row] = await gateway.sql<{ n: number }>(
    'select count(*)::int as n from said_text s join account a on a.id = s.account where a.name = $1',
    [account],
  );
  return row?.n ?? -1;
}

function decisions(at: TestGateway, rule: string): unknown[] {
  return at.reports
    .filter(({ what, args }) => what === 'policyDecision' && args[0] === rule)
    .map(({ args }) => args[1]);
}

describe('duplicates at two nodes', () => {
  it('finds what differs in case and blanks only, and not in a word', async () => {
    const [here, there] = [await bind('spelt'), await bind('spelt', beside)];
    const fields = { destination_addr: number() };
    const statuses = [];
    for (const [esme, text, from] of [
      [here, 'hello there', 'DUP'],
      [there, 'hello there ', 'DUP'],
      [here, 'Hello there', 'DUP'],
      [there, 'hello there', 'Dup'],
      [here, 'hello, there', 'DUP'],
    ] as const)
      statuses.push(await statusOf(esme, { ...fields, short_message: text, source_addr: from }));
    expect(statuses).toEqual([0, DUPLICATE, DUPLICATE, DUPLICATE, 0]);
  });

  it('finds what the other node accepted, in either order, and charges it once', async () => {
    const sessions = [await bind('once'), await bind('once', beside)];
    for (const [first, second] of [sessions, [...sessions].reverse()]) {
      const fields = { destination_addr: number(), short_message: 'hello' };
      if (first === undefined || second === undefined) throw new Error('two sessions');
      expect(await statusOf(first, fields)).toBe(0);
      expect(await statusOf(second, fields)).toBe(DUPLICATE);
      expect(await statusOf(first, fields)).toBe(DUPLICATE);
      expect(await statusOf(second, { ...fields, source_addr: 'Other' })).toBe(0);
    }
    expect(await gateway.money('once')).toEqual({ credits: '9.6', reserved: '0' });
    await gateway.reconciled();
  });

  it('lets one through of those that come at the same moment', async () => {
    const sessions = [await bind('racing'), await bind('racing', beside)];
    const tos = Array.from({ length: 100 }, number);
    const answers = await Promise.all(
      tos.map(async (destination_addr) => {
        const both = sessions.map((esme) =>
          statusOf(esme, { destination_addr, short_message: 'at once' }),
        );
        return (await Promise.all(both)).sort();
      }),
    );
    expect(answers).toEqual(tos.map(() => [0, DUPLICATE]));
    expect(await gateway.money('racing')).toEqual({ credits: '990', reserved: '0' });
  });

  it('begins anew when the time of the first is over', async () => {
    const [here, there] = [await bind('brief'), await bind('brief', beside)];
    const fields = { destination_addr: number(), short_message: 'hello' };
    expect(await statusOf(here, fields)).toBe(0);
    expect(await statusOf(there, fields)).toBe(DUPLICATE);
    await gateway.sql(`update said_text set until = now() where account = $1`, [
      await gateway.accountId('brief'),
    ]);
    await eventually(async () => expect(await statusOf(there, fields)).toBe(0));
    expect(await statusOf(here, fields)).toBe(DUPLICATE);
  });
});

describe('duplicates after a restart', () => {
  it('finds what was said before it', async () => {
    const fields = { destination_addr: number(), short_message: 'hello' };
    const esme = await bind('restarted', beside);
    expect(await statusOf(esme, fields)).toBe(0);
    await esme.cut();
    await beside.abandon();
    await beside.up();
    expect(await statusOf(await bind('restarted', beside), fields)).toBe(DUPLICATE);
    expect(await said('restarted')).toBe(1);
  });
});

describe('duplicates after a rotation of crypto.key', () => {
  it('finds what was said under the key before, whole or in parts, once the new one is known everywhere', async () => {
    const known = await gateway.beside({ sealing: sealingUnder('master', 'new') });
    const rotated = await gateway.beside({ sealing: sealingUnder('new', 'master') });
    try {
      const fields = { destination_addr: number(), short_message: 'hello' };
      expect(await statusOf(await bind('rotating'), fields)).toBe(0);
      const after = await Esme.bind(rotated.port, { systemId: 'rotating' });
      const before = await Esme.bind(known.port, { systemId: 'rotating' });
      expect(await statusOf(after, fields)).toBe(DUPLICATE);
      expect(await said('rotating')).toBe(1);
      const others = { ...fields, short_message: 'other' };
      expect(await statusOf(after, others)).toBe(0);
      expect(await statusOf(before, others)).toBe(DUPLICATE);
      const to = number();
      await before.accepted(part(to, 1, 'dear customer, '));
      await before.accepted(part(to, 2, 'your code is 1'));
      await after.accepted(part(to, 1, 'dear customer, ', 8));
      expect(await statusOf(after, part(to, 2, 'your code is 1', 8))).toBe(DUPLICATE);
      await gateway.setPaused('main', true);
      const isPaused = () => [...known.catalog.carriers.values()].every(({ paused }) => paused);
      await eventually(() => expect(isPaused()).toBe(true));
      const replaced = { destination_addr: number(), short_message: 'same' };
      const id = await before.accepted(replaced);
      expect(await after.accepted({ ...replaced, replace_if_present_flag: 1 })).toBe(id);
      for (const esme of [after, before]) await esme.close();
    } finally {
      await gateway.setPaused('main', false);
      await rotated.close();
      await known.close();
    }
  });
});

describe('what was refused for another reason', () => {
  it('was not said: by a later rule, for want of credit or of a route', async () => {
    const esme = await bind('worded');
    const bad = { destination_addr: number(), short_message: 'casino' };
    expect(await statusOf(esme, bad)).toBe(CONTENT_REFUSED);
    expect(await statusOf(esme, bad)).toBe(CONTENT_REFUSED);
    const nowhere = { destination_addr: '4420794600', short_message: 'hello' };
    expect(await statusOf(esme, nowhere)).toBe(0x0b);
    expect(await statusOf(esme, nowhere)).toBe(0x0b);
    expect(await said('worded')).toBe(0);

    const poor = await bind('poor');
    const fields = { destination_addr: number(), short_message: 'hello' };
    const three = await Promise.all([0, 1, 2].map(() => statusOf(poor, fields)));
    expect(three).toEqual([INSUFFICIENT, INSUFFICIENT, INSUFFICIENT]);
    expect(await said('poor')).toBe(0);
    const credit = { account: 'poor', reference: 'late', actor: 'test' };
    await topUp(gateway.pool, { ...credit, credits: credits(1_000_000n) });
    expect(await statusOf(poor, fields)).toBe(0);
    expect(await statusOf(poor, fields)).toBe(DUPLICATE);
  });
});

describe('what a rule does about it', () => {
  it('holds it for a moderator, once however many say it', async () => {
    const fields = { destination_addr: number(), short_message: 'hello' };
    const first = await (await bind('holding')).accepted(fields);
    const second = await (await bind('holding', beside)).accepted(fields);
    const held = await listHeld(gateway.pool, { account: 'holding', after: 0n, limit: 10 });
    expect(held.map(({ id, rule }) => [id.toString(), rule])).toEqual([[second, 'again']]);
    await stand.carrier.taken(1, fields.destination_addr);
    expect(first).not.toBe(second);
    await eventually(async () =>
      expect(
        await gateway.sql(
          `select message::text, rule from violation v join account a on a.id = v.account
           where a.name = 'holding'`,
        ),
      ).toEqual([{ message: second, rule: 'again' }]),
    );
  });

  it.each(['flagging', 'watching'])('only tells it (%s)', async (account) => {
    const fields = { destination_addr: number(), short_message: 'hello' };
    const [here, there] = [await bind(account), await bind(account, beside)];
    const before = decisions(beside, 'duplicates').length;
    await here.accepted(fields);
    await there.accepted(fields);
    await stand.carrier.taken(2, fields.destination_addr);
    expect(decisions(beside, 'duplicates').slice(before)).toEqual([
      account === 'flagging' ? 'flag' : 'monitor',
    ]);
  });

  it('suspends the account, or answers with a status of its own', async () => {
    const fields = { destination_addr: number(), short_message: 'hello' };
    await (await bind('ownStatus')).accepted(fields);
    expect(await statusOf(await bind('ownStatus', beside), fields)).toBe(0x499);
    await (await bind('suspending')).accepted(fields);
    expect(await statusOf(await bind('suspending', beside), fields)).toBe(DUPLICATE);
    await eventually(async () =>
      expect(await gateway.sql(`select status from account where name = 'suspending'`)).toEqual([
        { status: 'suspended' },
      ]),
    );
  });

  it('counts a repetition that a retry of the customer would be, with dedupe as well', async () => {
    const fields = { destination_addr: number(), short_message: 'hello' };
    await (await bind('knowing')).accepted(fields);
    expect(await statusOf(await bind('knowing', beside), fields)).toBe(DUPLICATE);
  });
});

describe('a replacement', () => {
  const replacing = { replace_if_present_flag: 1 };
  let [here, there]: Esme[] = [];

  async function bothNodes(): Promise<[Esme, Esme]> {
    here ??= await bind('replacing');
    there ??= await bind('replacing', beside);
    return [here, there];
  }

  beforeAll(() => gateway.setPaused('main', true));
  afterAll(() => gateway.setPaused('main', false));

  it('is a repetition of what other messages said, not of what it replaces', async () => {
    const [esme, other] = await bothNodes();
    const [to, sender] = [number(), { source_addr_ton: 5, source_addr: 'Shop' }];
    await esme.accepted({ destination_addr: to, short_message: 'first' });
    const id = await esme.accepted({ destination_addr: to, short_message: 'second' });
    const asked = { message_id: id, ...sender };
    expect(await replace(esme, { ...asked, short_message: 'first' })).toBe(DUPLICATE);
    expect(await replace(esme, { ...asked, short_message: 'second' })).toBe(0);
    expect(await replace(esme, { ...asked, short_message: 'third' })).toBe(0);
    const third = { destination_addr: to, short_message: 'third' };
    expect(await statusOf(other, third)).toBe(DUPLICATE);
    const unknown = { message_id: '1', ...sender, short_message: 'fourth' };
    expect(await replace(esme, unknown)).not.toBe(0);
    expect(await statusOf(other, { destination_addr: to, short_message: 'fourth' })).toBe(0);
  });

  it('by replace_if_present_flag with the same text again replaces, at either node', async () => {
    const fields = { destination_addr: number(), short_message: 'hello' };
    const [esme, other] = await bothNodes();
    const id = await esme.accepted(fields);
    for (const at of [esme, esme, other, other])
      expect(await at.accepted({ ...fields, ...replacing })).toBe(id);
    for (const at of [esme, other]) expect(await statusOf(at, fields)).toBe(DUPLICATE);
    const two = await Promise.all(
      [esme, other].map((at) => at.submit({ ...fields, ...replacing })),
    );
    expect(two.map(({ command_status }) => command_status)).toEqual([0, 0]);
  });

  it('takes back what the message said before, at both nodes', async () => {
    const fields = { destination_addr: number(), short_message: 'eight' };
    const [esme, other] = await bothNodes();
    const id = await esme.accepted(fields);
    const nine = { ...fields, short_message: 'nine' };
    expect(await esme.accepted({ ...nine, ...replacing })).toBe(id);
    expect(await statusOf(esme, fields)).toBe(0);
    expect(await statusOf(other, nine)).toBe(DUPLICATE);
    const ten = { ...fields, destination_addr: number() };
    const tenth = await esme.accepted(ten);
    expect(await other.accepted({ ...ten, short_message: 'ten', ...replacing })).toBe(tenth);
    expect(await statusOf(other, ten)).toBe(0);
    const eleven = { ...fields, destination_addr: number() };
    const eleventh = await esme.accepted(eleven);
    expect(await other.accepted({ ...eleven, short_message: 'xi', ...replacing })).toBe(eleventh);
    await eventually(async () => expect(await statusOf(esme, eleven)).toBe(0));
  });

  it('that is refused says nothing, and what the message said stays said', async () => {
    const [esme] = await bothNodes();
    const poor = await bind('poorer');
    const fields = { destination_addr: number(), short_message: 'short' };
    const id = await poor.accepted(fields);
    const long = 'two segments '.repeat(15);
    const asked = { message_id: id, source_addr_ton: 5, source_addr: 'Shop', short_message: long };
    expect(await replace(poor, asked)).toBe(RREPLACEFAIL);
    expect(await said('poorer')).toBe(1);
    expect(await statusOf(poor, fields)).toBe(DUPLICATE);
    expect(await statusOf(esme, fields)).toBe(0);
  });

  it('renews the time of what it says again', async () => {
    const [esme] = await bothNodes();
    const fields = { destination_addr: number(), short_message: 'again' };
    const id = await esme.accepted(fields);
    const until = async () =>
      (await gateway.sql<{ until: Date }>('select until from said_text where id = $1', [id]))[0];
    const first = await until();
    await esme.accepted({ ...fields, ...replacing });
    expect(Number((await until())?.until)).toBeGreaterThan(Number(first?.until));
  });

  it('of a message that a carrier has is a second message', async () => {
    const [esme, other] = await bothNodes();
    const fields = { destination_addr: number(), short_message: 'gone' };
    await gateway.setPaused('main', false);
    await esme.accepted(fields);
    await stand.carrier.taken(1, fields.destination_addr);
    await gateway.setPaused('main', true);
    for (const at of [esme, other])
      expect(await statusOf(at, { ...fields, ...replacing })).toBe(DUPLICATE);
  });

  it('knows after a restart what it replaces', async () => {
    const fields = { destination_addr: number(), short_message: 'kept' };
    const [esme] = await bothNodes();
    const id = await esme.accepted(fields);
    await esme.cut();
    await gateway.abandon();
    await gateway.up();
    const again = await bind('replacing');
    expect(await again.accepted({ ...fields, ...replacing })).toBe(id);
    expect(await statusOf(again, fields)).toBe(DUPLICATE);
  });
});

describe('a long message', () => {
  it('is compared as a whole: another beginning with the same part goes, the same again ends', async () => {
    const esme = await bind('long');
    const to = number();
    await esme.accepted(part(to, 1, 'dear customer, '));
    await esme.accepted(part(to, 2, 'your code is 1'));
    await stand.carrier.taken(2, to);
    await esme.accepted(part(to, 1, 'dear customer, ', 8));
    await esme.accepted(part(to, 2, 'your code is 2', 8));
    await stand.carrier.taken(4, to);
    const there = await bind('long', beside);
    const first = await there.accepted(part(to, 2, 'your code is 1', 9));
    expect(await statusOf(there, part(to, 1, 'dear customer, ', 9))).toBe(DUPLICATE);
    expect(await gateway.end(first)).toMatchObject({ state: 'REJECTD', refund: '0.1' });
    expect(stand.carrier.to(to)).toHaveLength(4);
    expect(await gateway.money('long')).toEqual({ credits: '9.6', reserved: '0' });
    await gateway.reconciled();
  });

  it('is found when its parts come to two nodes', async () => {
    const [here, there] = [await bind('longAtTwo'), await bind('longAtTwo', beside)];
    const to = number();
    await here.accepted(part(to, 1, 'dear customer, '));
    await there.accepted(part(to, 2, 'your code is 1'));
    await stand.carrier.taken(2, to);
    const first = await there.accepted(part(to, 1, 'dear customer, ', 8));
    expect(await statusOf(here, part(to, 2, 'your code is 1', 8))).toBe(DUPLICATE);
    await gateway.ended(first, { state: 'REJECTD', cause: 'policy', refund: '0.1' });
    expect(stand.carrier.to(to)).toHaveLength(2);
    expect(await gateway.money('longAtTwo')).toEqual({ credits: '9.8', reserved: '0' });
  });
});

describe('8-bit data', () => {
  it('is compared by its octets; a message without a text is like no other', async () => {
    const esme = await bind('binary');
    const fields = { destination_addr: number(), data_coding: 4 };
    const statuses = [];
    // "AB", "ab", and "ab" with a blank: not letters here.
    for (const octets of ['4142', '6162', '616220', '6162', '', ''])
      statuses.push(await statusOf(esme, { ...fields, short_message: Buffer.from(octets, 'hex') }));
    expect(statuses).toEqual([0, 0, 0, DUPLICATE, 0, 0]);
  });
});

describe('an account without such rules', () => {
  it('has nothing kept of what it says', async () => {
    const esme = await bind('open');
    await esme.accepted({ destination_addr: number(), short_message: 'hello' });
    expect(await said('open')).toBe(0);
  });
});
