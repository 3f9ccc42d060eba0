import type { ClientBase } from 'pg';
import type { PduInput } from 'smpp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AccountId, messageId } from '../../src/domain/ids.ts';
import { evidenceBits } from '../../src/domain/rules/consent.ts';
import { CONSENT_CHANNEL, setConsents } from '../../src/store/consents.ts';
import { ALL_ACCOUNTS, OPT_OUT_CHANNEL, setOptOuts } from '../../src/store/opt-outs.ts';
import { inTransaction } from '../../src/store/pool.ts';
import { scopeIds } from '../../src/store/recipient-scopes.ts';
import { putSenders } from '../../src/store/senders.ts';
import { putSuspension, removeSuspension } from '../../src/store/suspensions.ts';
import { readTimeline } from '../../src/store/timeline.ts';
import { eventually, sealing, TestGateway } from '../support/gateway.ts';
import { consentSettings, optOutSettings } from '../support/list-settings.ts';
import { Esme, Sessions } from './esme.ts';
import { resources } from './resources.ts';
import { ScriptedCarrier } from './scripted-carrier.ts';

const RECIPIENT = '966500000001';
/** Every hour of the week but the present one and the two beside it. */
const now = new Date();
const clock = (hours: number) =>
  `${String((now.getUTCHours() + hours + 24) % 24).padStart(2, '0')}:00`;
const CLOSED_NOW = [`${clock(2)}-${clock(-1)}`];

const policy = (...rules: object[]) => ({ rules });
const hours = { timeZone: 'UTC', times: CLOSED_NOW };
const POLICIES = {
  proving: policy({ consent: {} }),
  consenting: policy({ consent: {}, when: { classes: ['promotional'] } }),
  optingOut: policy({ optOut: {} }),
  patterned: policy({ recipientPattern: {} }),
  patternedAnew: policy({ recipientPattern: {} }),
  refusing: policy({ hours }),
  deferring: policy({ hours, action: 'defer' }),
  registered: policy({ senderRegistered: {} }),
  codesOnly: policy({ classes: { allowed: ['otp'] } }),
  once: policy({ duplicates: {} }),
  capped: policy({ caps: { per: 'recipient', messages: 2 } }),
  noPakistan: policy({
    suspendedDestinations: { destinations: [{ country: 'PK', reason: 'PTA' }] },
  }),
};

let carrier: ScriptedCarrier;
let gateway: TestGateway;
const sessions = new Sessions();
const usual = new Map<string, Esme>();

beforeAll(async () => {
  carrier = await ScriptedCarrier.listen();
  gateway = await TestGateway.start(
    resources({
      policies: POLICIES,
      tariffs: { standard: { '*': '0.1' } },
      accounts: {
        promo: { policy: 'consenting', trafficClass: 'promotional' },
        proven: { policy: 'proving' },
        codes: { policy: 'consenting', trafficClass: 'otp' },
        stopper: { policy: 'optingOut', trafficClass: 'promotional' },
        stopperCodes: { policy: 'optingOut', trafficClass: 'otp' },
        patient: { policy: 'optingOut' },
        serial: { policy: 'patterned' },
        serialToMany: { policy: 'patterned' },
        serialAnew: { policy: 'patternedAnew' },
        night: { policy: 'refusing' },
        later: { policy: 'deferring', validityDefaultHours: 24 },
        senders: { policy: 'registered' },
        onlyCodes: { policy: 'codesOnly' },
        onlyCodesToo: { policy: 'codesOnly', trafficClass: 'otp' },
        repeating: { policy: 'once' },
        many: { policy: 'capped' },
        afghan: { policy: 'noPakistan' },
        free: {},
        queued: {},
      },
      carriers: { main: { port: carrier.port, prefix: '' } },
    }),
  );
});

afterAll(async () => {
  await sessions.close();
  await gateway?.close();
  await carrier?.down();
});

function bind(systemId: string): Promise<Esme> {
  return sessions.bind(gateway.port, systemId);
}

/** command_status of one message to RECIPIENT, or as `fields` say. */
async function statusOf(systemId: string, fields: PduInput = {}): Promise<number> {
  const esme = usual.get(systemId) ?? (await bind(systemId));
  usual.set(systemId, esme);
  const response = await esme.submit({ destination_addr: RECIPIENT, ...fields });
  return response.command_status;
}

async function optOut(
  account: AccountId,
  number: string,
  scope: { sender?: string; trafficClass?: string } = {},
  out = true,
): Promise<void> {
  await inTransaction(gateway.pool, async (client) => {
    const id = await scopeId(client, scope);
    const hash = sealing().numberHash(number);
    await setOptOuts(client, { account, scope: id, out }, [optOutSettings([hash])]);
  });
}

async function scopeId(
  client: ClientBase,
  { sender = '', trafficClass = '' }: { sender?: string; trafficClass?: string },
): Promise<number> {
  const [id = -1] = (await scopeIds(client, [{ sender, trafficClass }])) ?? [];
  return id;
}

describe('consent', () => {
  it('is needed by the classes that the rule names, and counts from when it is given until it is withdrawn', async () => {
    expect(await statusOf('promo')).toBe(0x407);
    expect(await statusOf('codes')).toBe(0);
    const account = await gateway.accountId('promo');
    const set = (given: boolean, trafficClass: string) =>
      inTransaction(gateway.pool, async (client) => {
        const [scope = -1] = (await scopeIds(client, [{ sender: '', trafficClass }])) ?? [];
        const hash = sealing().numberHash(RECIPIENT);
        const origin = {
          scope,
          textVersion: '1',
          source: 'shop',
          evidence: evidenceBits(() => true),
        };
        const settings = consentSettings([{ ...origin, hash, atMs: Date.now() }]);
        await setConsents(client, { account, given }, [settings]);
      });
    await set(true, 'promotional');
    await eventually(async () => expect(await statusOf('promo')).toBe(0));
    expect(await statusOf('promo', { destination_addr: '966500000002' })).toBe(0x407);
    await set(false, 'promotional');
    await eventually(async () => expect(await statusOf('promo')).toBe(0x407));
    await set(true, 'otp');
    await set(true, '');
    await eventually(async () => expect(await statusOf('promo')).toBe(0));
  });
});

describe('consent.evidence', () => {
  /** Gives a consent as `PUT /v1/consents` does, with what it came with. */
  async function give(number: string, has: readonly string[], trafficClass = ''): Promise<void> {
    const account = await gateway.accountId('proven');
    await inTransaction(gateway.pool, async (client) => {
      const [scope = -1] = (await scopeIds(client, [{ sender: '', trafficClass }])) ?? [];
      const hash = sealing().numberHash(number);
      const textVersion = has.includes('textVersion') ? '7' : '';
      const source = has.includes('source') ? 'shop' : '';
      const evidence = evidenceBits((field) => has.includes(field));
      const origin = { scope, textVersion, source, evidence };
      const settings = consentSettings([{ ...origin, hash, atMs: Date.now() }]);
      await setConsents(client, { account, given: true }, [settings]);
    });
  }

  const policies = (evidence: string[]) =>
    JSON.stringify({ policies: { ...POLICIES, proving: policy({ consent: { evidence } }) } });

  it('counts consents by what they have when a message is judged, not by when they were given', async () => {
    const of = (n: number) => ({ destination_addr: `96650000010${n}` });
    await give(of(0).destination_addr, []);
    await give(of(1).destination_addr, ['textVersion', 'source']);
    await give(of(2).destination_addr, ['source', 'evidence']);
    await give(of(2).destination_addr, ['textVersion'], 'transactional');
    await gateway.node.gateway.listChanged(CONSENT_CHANNEL);
    for (const n of [0, 1, 2]) expect(await statusOf('proven', of(n))).toBe(0);

    await gateway.apply(policies(['textVersion', 'source']));
    expect(await statusOf('proven', of(0))).toBe(0x407);
    expect(await statusOf('proven', of(1))).toBe(0);
    // Two consents do not make a whole one.
    expect(await statusOf('proven', of(2))).toBe(0x407);
    await give(of(0).destination_addr, ['textVersion', 'source', 'at']);
    await give(of(1).destination_addr, ['source']);
    await gateway.node.gateway.listChanged(CONSENT_CHANNEL);
    expect(await statusOf('proven', of(0))).toBe(0);
    expect(await statusOf('proven', of(1))).toBe(0x407);

    await gateway.apply(policies([]));
    for (const n of [0, 1, 2]) expect(await statusOf('proven', of(n))).toBe(0);
  });

  it('holds after a restart', async () => {
    await gateway.apply(policies(['evidence']));
    const [with_, without] = [
      { destination_addr: '966500000108' },
      { destination_addr: '966500000109' },
    ];
    await give(with_.destination_addr, ['evidence']);
    await give(without.destination_addr, ['textVersion', 'source', 'at']);
    const beside = await gateway.beside();
    const there = await Esme.bind(beside.port, { systemId: 'proven' });
    try {
      expect((await there.submit(with_)).command_status).toBe(0);
      expect((await there.submit(without)).command_status).toBe(0x407);
    } finally {
      await there.close();
      await beside.close();
    }
  });
});

describe('optOut', () => {
  it('holds for a class, a sender or all messages of an account', async () => {
    const account = await gateway.accountId('stopper');
    const codes = await gateway.accountId('stopperCodes');
    for (const one of [account, codes])
      await optOut(one, RECIPIENT, { trafficClass: 'promotional' });
    await eventually(async () => expect(await statusOf('stopper')).toBe(0x406));
    expect(await statusOf('stopperCodes')).toBe(0);
    const other = { destination_addr: '966500000003' };
    await optOut(account, other.destination_addr, { sender: 'shop' });
    await eventually(async () => expect(await statusOf('stopper', other)).toBe(0x406));
    expect(await statusOf('stopper', { ...other, source_addr: 'Other' })).toBe(0);
  });

  it('holds for a sender also where another, made after it, was committed first', async () => {
    const account = await gateway.accountId('stopper');
    const [first, second] = ['966500000005', '966500000006'];
    await inTransaction(gateway.pool, async (client) => {
      const scope = await scopeId(client, { sender: 'slow' });
      await optOut(account, second, { sender: 'quick' });
      const quick = { destination_addr: second, source_addr: 'quick' };
      await eventually(async () => expect(await statusOf('stopper', quick)).toBe(0x406));
      const hash = sealing().numberHash(first);
      await setOptOuts(client, { account, scope, out: true }, [optOutSettings([hash])]);
    });
    const slow = { destination_addr: first, source_addr: 'slow' };
    await eventually(async () => expect(await statusOf('stopper', slow)).toBe(0x406));
  });

  it('holds for every account whose policy looks at it, live on every node, until it is lifted', async () => {
    const beside = await gateway.beside();
    const there = await Esme.bind(beside.port, { systemId: 'stopperCodes' });
    const fields = { destination_addr: '966500000004' };
    const on = async () => (await there.submit(fields)).command_status;
    try {
      expect(await on()).toBe(0);
      await optOut(ALL_ACCOUNTS, fields.destination_addr);
      await eventually(async () => expect(await on()).toBe(0x406));
      await eventually(async () => expect(await statusOf('stopper', fields)).toBe(0x406));
      expect(await statusOf('free', fields)).toBe(0);
      await optOut(ALL_ACCOUNTS, fields.destination_addr, {}, false);
      await eventually(async () => expect(await on()).toBe(0));
    } finally {
      await there.close();
      await beside.close();
    }
  });
});

describe('a message that waited', () => {
  const later = { schedule_delivery_time: '000000010000000R' };

  it('does not go to who opted out meanwhile, and goes to the others', async () => {
    const esme = await bind('patient');
    const [out, stays] = ['966500000061', '966500000062'];
    const refused = await esme.accepted({ destination_addr: out, ...later });
    const sent = await esme.accepted({ destination_addr: stays, ...later });
    await optOut(await gateway.accountId('patient'), out);
    await gateway.node.gateway.listChanged(OPT_OUT_CHANNEL);
    await gateway.sendNow(refused, sent);
    expect((await esme.receiptOf(refused)).state).toBe('REJECTD');
    await gateway.ended(refused, { state: 'REJECTD', fault: 'customer', refund: '0.1' });
    await eventually(() => expect(carrier.submits.map((one) => one.destination)).toContain(stays));
    expect((await gateway.end(sent)).state).toBeUndefined();
    expect(carrier.submits.map((one) => one.destination)).not.toContain(out);
    const timeline = await readTimeline(gateway.pool, messageId(BigInt(refused)));
    expect(timeline?.events).toContainEqual(
      expect.objectContaining({
        event: 'refusedByPolicy',
        detail: 'rule optOut: the recipient has opted out',
      }),
    );
  });

  it('goes where no rule asks', async () => {
    const esme = await bind('free');
    const out = '966500000063';
    const id = await esme.accepted({ destination_addr: out, ...later });
    await optOut(await gateway.accountId('free'), out);
    await gateway.node.gateway.listChanged(OPT_OUT_CHANNEL);
    await gateway.sendNow(id);
    await eventually(() => expect(carrier.submits.map((one) => one.destination)).toContain(out));
  });
});

describe('suspended destinations', () => {
  const PAKISTAN = { destination_addr: '923001234567' };

  it('are refused by the policy that suspends them', async () => {
    expect(await statusOf('afghan', PAKISTAN)).toBe(0x404);
    expect(await statusOf('afghan')).toBe(0);
    expect(await statusOf('free', PAKISTAN)).toBe(0);
  });

  it('are refused to every account by an order, and what is queued for them ends REJECTD and is refunded', async () => {
    await gateway.setPaused('main', true);
    const esme = await bind('queued');
    const id = await esme.accepted(PAKISTAN);
    const stays = await esme.accepted({ destination_addr: RECIPIENT });
    const order = { country: 'PK', reason: 'not registered', order: 'PTA 7' };
    await inTransaction(gateway.pool, (client) => putSuspension(client, order, 'test'));
    await eventually(async () => expect(await statusOf('queued', PAKISTAN)).toBe(0x404));
    expect((await esme.receiptOf(id)).state).toBe('REJECTD');
    await gateway.ended(id, { state: 'REJECTD', fault: 'customer', refund: '0.1' });
    expect((await gateway.end(stays)).state).toBeUndefined();
    await inTransaction(gateway.pool, (client) => removeSuspension(client, 'country PK'));
    await gateway.setPaused('main', false);
    await eventually(async () => expect(await statusOf('free', PAKISTAN)).toBe(0));
  });
});

describe('recipientPattern', () => {
  it('refuses serial recipients over parallel binds before the run is complete, and not those of another account', async () => {
    const binds = [await bind('serial'), await bind('serial'), await bind('serial')];
    const statuses: number[] = [];
    for (let i = 0; i < 30; i++) {
      const esme = binds[i % 3];
      const response = await esme?.submit({ destination_addr: `9665000001${10 + i}` });
      statuses.push(response?.command_status ?? -1);
    }
    expect(statuses.slice(0, 9).every((status) => status === 0)).toBe(true);
    expect(statuses.slice(9).every((status) => status === 0x40a)).toBe(true);
    const free = await bind('free');
    for (let i = 0; i < 12; i++)
      expect((await free.submit({ destination_addr: `9665000001${10 + i}` })).command_status).toBe(
        0,
      );
  });
});

describe('recipientPattern that is changed', () => {
  it('is in force at once, with what came before', async () => {
    const to = (n: number) => ({ destination_addr: `96650000031${n}` });
    for (let n = 0; n < 4; n++) expect(await statusOf('serialAnew', to(n))).toBe(0);
    const patternedAnew = policy({ recipientPattern: { run: 5 } });
    await gateway.apply(JSON.stringify({ policies: { ...POLICIES, patternedAnew } }));
    expect(await statusOf('serialAnew', to(4))).toBe(0x40a);
    await gateway.apply(JSON.stringify({ policies: POLICIES }));
    expect(await statusOf('serialAnew', to(4))).toBe(0);
  });
});

describe('recipientPattern of a submit_multi', () => {
  it('refuses the same ones when it is sent again', async () => {
    const esme = await bind('serialToMany');
    const numbers = Array.from({ length: 12 }, (_, i) => `9665000002${10 + i}`);
    const refused = () =>
      new Promise<[address: string, status: number][]>((resolve) => {
        const dest_address = numbers.map((destination_addr) => ({
          dest_addr_ton: 1,
          dest_addr_npi: 1,
          destination_addr,
        }));
        const fields = { source_addr_ton: 5, source_addr: 'Shop', short_message: 'to many' };
        esme.session.submit_multi({ ...fields, dest_address }, ({ unsuccess_sme }) =>
          resolve(
            (unsuccess_sme ?? []).map((one) => [one.destination_addr, one.error_status_code]),
          ),
        );
      });
    const last = numbers.slice(9).map((number) => [number, 0x40a]);
    expect(await refused()).toEqual(last);
    expect(await refused()).toEqual(last);
  });
});

describe('hours', () => {
  it('refuse outside them', async () => {
    expect(await statusOf('night')).toBe(0x409);
    expect(await statusOf('free')).toBe(0);
  });

  it('defer until they begin, to the minute, and refuse what is not valid as long', async () => {
    const esme = await bind('later');
    const id = await esme.accepted({});
    const [row] = await gateway.sql<{ at: Date }>('select at from scheduled where id = $1', [id]);
    const begins = new Date(now);
    begins.setUTCHours(now.getUTCHours() + 2, 0, 0, 0);
    expect(row?.at.toISOString()).toBe(begins.toISOString());
    // Half an hour.
    expect(await statusOf('later', { validity_period: '000000003000000R' })).toBe(0x409);
  });
});

describe('senderRegistered', () => {
  it('passes what is approved, until it is blocked', async () => {
    expect(await statusOf('senders')).toBe(0x0a);
    const account = await gateway.accountId('senders');
    const any = {
      trafficClass: '',
      country: 'SA',
      operator: '',
      from: undefined,
      until: undefined,
    };
    const put = (status: 'approved' | 'blocked' | 'removed') =>
      inTransaction(gateway.pool, (client) =>
        putSenders(client, [{ account, sender: 'SHOP', status, note: undefined, ...any }]),
      );
    await put('approved');
    await eventually(async () => expect(await statusOf('senders')).toBe(0));
    expect(await statusOf('senders', { destination_addr: '923001234567' })).toBe(0x0a);
    await put('blocked');
    await eventually(async () => expect(await statusOf('senders')).toBe(0x0a));
    await put('approved');
    await eventually(async () => expect(await statusOf('senders')).toBe(0));
    await put('removed');
    await eventually(async () => expect(await statusOf('senders')).toBe(0x0a));
  });
});

describe('classes, duplicates and caps', () => {
  it('refuse by their own statuses', async () => {
    expect(await statusOf('onlyCodes')).toBe(0x40c);
    expect(await statusOf('onlyCodesToo')).toBe(0);
    expect(await statusOf('repeating')).toBe(0);
    expect(await statusOf('repeating')).toBe(0x40b);
    expect(await statusOf('repeating', { short_message: 'other' })).toBe(0);
    expect([await statusOf('many'), await statusOf('many')]).toEqual([0, 0]);
    expect(await statusOf('many')).toBe(0x40d);
    expect(await statusOf('many', { destination_addr: '966500000009' })).toBe(0);
  });
});
