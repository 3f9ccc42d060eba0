import type { PduInput } from 'smpp';
import smpp from 'smpp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestGateway } from '../support/gateway.ts';
import { Esme } from './esme.ts';
import { resources } from './resources.ts';
import { ScriptedCarrier } from './scripted-carrier.ts';

/** A vendor's TLV, which npm smpp has to be told of. */
const vendor = smpp as unknown as {
  addTLV(tag: string, options: { id: number; type: unknown }): void;
  types: { tlv: { buffer: unknown } };
};
vendor.addTLV('traffic_kind', { id: 0x1500, type: vendor.types.tlv.buffer });
const kind = (hex: string) => ({ traffic_kind: Buffer.from(hex, 'hex') }) as PduInput;

const LANE = { otp: 0, transactional: 1, promotional: 2 };
let otp: ScriptedCarrier;
let rest: ScriptedCarrier;
let gateway: TestGateway;
let esme: Esme;
let plain: Esme;

beforeAll(async () => {
  otp = await ScriptedCarrier.listen();
  rest = await ScriptedCarrier.listen();
  gateway = await TestGateway.start(
    resources({
      accounts: {
        sorted: {
          classBy: {
            tlv: { tag: 0x1500, values: { '0x01': 'otp', promo: 'promotional' } },
            senders: { BANK: 'otp', 'SHOP*': 'promotional', 'SHOPCODE*': 'otp', OWN: 'personal' },
          },
          classes: ['otp', 'transactional', 'promotional', 'personal'],
        },
        plain: { trafficClass: 'promotional' },
        narrow: {
          classes: ['transactional', 'promotional'],
          classBy: {
            tlv: { tag: 0x1500, values: { '0x01': 'otp' } },
            senders: { BANK: 'otp' },
          },
        },
      },
      carriers: { otp: { port: otp.port }, rest: { port: rest.port } },
      routes: [
        { prefix: '', carriers: [{ name: 'rest' }] },
        { prefix: '', class: 'otp', carriers: [{ name: 'otp' }] },
      ],
    }),
  );
  esme = await Esme.bind(gateway.port, { systemId: 'sorted' });
  plain = await Esme.bind(gateway.port, { systemId: 'plain' });
});

afterAll(async () => {
  await esme?.close();
  await plain?.close();
  await gateway?.close();
  await otp?.down();
  await rest?.down();
});

/** Of which lane a message is, and which carrier had it. */
async function sent(from: Esme, fields: PduInput): Promise<[lane: number, to: 'otp' | 'rest']> {
  const before = { otp: otp.submits.length, rest: rest.submits.length };
  const id = await from.accepted(fields);
  await eventually(() =>
    expect(otp.submits.length + rest.submits.length).toBe(before.otp + before.rest + 1),
  );
  const [row] = await gateway.sql<{ lane: number }>('select lane from message where id = $1', [id]);
  return [row?.lane ?? -1, otp.submits.length > before.otp ? 'otp' : 'rest'];
}

describe('classBy', () => {
  it('sorts messages by their TLV, then their sender, then their account: lane and route alike', async () => {
    expect(await sent(esme, { source_addr: 'OTHER' })).toEqual([LANE.transactional, 'rest']);
    expect(await sent(esme, { source_addr: 'BANK' })).toEqual([LANE.otp, 'otp']);
    expect(await sent(esme, { source_addr: 'SHOP-7' })).toEqual([LANE.promotional, 'rest']);
    expect(await sent(esme, { source_addr: 'SHOPCODE1' })).toEqual([LANE.otp, 'otp']);
    expect(await sent(esme, { source_addr: 'SHOP-7', ...kind('01') })).toEqual([LANE.otp, 'otp']);
    // "promo", with the NUL of a C-Octet String.
    const promo = kind('70726f6d6f00');
    expect(await sent(esme, { source_addr: 'BANK', ...promo })).toEqual([LANE.promotional, 'rest']);
  });

  it('knows a sender whatever its case', async () => {
    expect(await sent(esme, { source_addr: 'bank' })).toEqual([LANE.otp, 'otp']);
    expect(await sent(esme, { source_addr: 'Shop-7' })).toEqual([LANE.promotional, 'rest']);
    expect(await sent(esme, { source_addr: 'ShopCode1' })).toEqual([LANE.otp, 'otp']);
    expect(await sent(esme, { source_addr: 'banker' })).toEqual([LANE.transactional, 'rest']);
  });

  it('leaves a message whose TLV names nothing to its sender', async () => {
    for (const value of ['02', '', '0100000001', '00'])
      expect(await sent(esme, { source_addr: 'BANK', ...kind(value) })).toEqual([LANE.otp, 'otp']);
  });

  it('gives no lane to a TLV of an account that was not given any', async () => {
    expect(await sent(plain, { source_addr: 'BANK', ...kind('01') })).toEqual([
      LANE.promotional,
      'rest',
    ]);
  });

  it('is the same after a restart: a message that waits keeps the route of its class', async () => {
    await gateway.setPaused('otp', true);
    const before = otp.submits.length;
    const id = await esme.accepted({ source_addr: 'SHOP-7', ...kind('01') });
    await gateway.drain();
    await gateway.up();
    await gateway.setPaused('otp', false);
    await eventually(() => expect(otp.submits.length).toBe(before + 1));
    await eventually(async () => expect(await gateway.dispatches(id)).toHaveLength(1));
    esme = await Esme.bind(gateway.port, { systemId: 'sorted' });
  });
});

describe('classes', () => {
  it('refuse what a message says to be another, whatever the policy (0x40C), and charge nothing', async () => {
    const narrow = await Esme.bind(gateway.port, { systemId: 'narrow' });
    expect((await narrow.submit({ source_addr: 'BANK' })).command_status).toBe(0x40c);
    expect((await narrow.submit(kind('01'))).command_status).toBe(0x40c);
    expect(await gateway.entries('narrow')).toEqual(['top_up +10']);
    expect((await narrow.submit({ source_addr: 'OTHER' })).command_status).toBe(0);
    await narrow.close();
  });

  it('are refused by apply where the account itself could not send', async () => {
    const given = resources({
      accounts: { narrow: { classes: ['promotional'] } },
      carriers: { otp: { port: otp.port, prefix: '' } },
    });
    await expect(gateway.apply(given)).rejects.toThrow(/must be one of its classes/);
  });

  it('are refused by apply where there is no such class', async () => {
    const given = resources({
      accounts: { narrow: { classBy: { senders: { BANK: 'otps' } } } },
      carriers: { otp: { port: otp.port, prefix: '' } },
    });
    await expect(gateway.apply(given)).rejects.toThrow(/otps/);
  });

  it('are refused by apply where one sender in two cases is of two', async () => {
    const given = (senders: object) =>
      resources({
        accounts: { narrow: { classBy: { senders } } },
        carriers: { otp: { port: otp.port, prefix: '' }, rest: { port: rest.port, prefix: '7' } },
      });
    await expect(gateway.apply(given({ 'BANK*': 'otp', 'Bank*': 'promotional' }))).rejects.toThrow(
      /Bank\*/,
    );
    await gateway.apply(given({ BANK: 'otp', Bank: 'otp', 'BANK*': 'promotional' }));
  });
});
