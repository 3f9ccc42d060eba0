import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestGateway } from '../support/gateway.ts';
import { Esme, type EsmeOptions } from './esme.ts';
import { resources, type TestResources } from './resources.ts';

let gateway: TestGateway;
const setup: TestResources = {
  accounts: {
    alice: {},
    changing: {},
    foreign: { bind: { allowFrom: ['192.0.2.0/24'] } },
    local: { bind: { allowFrom: ['127.0.0.0/8'] } },
    nobody: { bind: { allowFrom: [] } },
    stopped: {},
    guessed: {},
    gone: {},
    ending: {},
    pausing: {},
  },
  carriers: { none: { port: 1, prefix: '1' } },
};

beforeAll(async () => {
  gateway = await TestGateway.start(resources(setup));
  await gateway.setStatus('stopped', 'suspended');
});

afterAll(() => gateway?.close());

/** Tries to bind and tells the status; a refused session must be closed by the gateway. */
async function tried(options: EsmeOptions): Promise<number> {
  const { esme, response } = await Esme.tryBind(gateway.port, options);
  if (response.command_status === 0) await esme.close();
  else await eventually(() => expect(esme.closed).toBe(true));
  return response.command_status;
}

describe('a bind', () => {
  it.each([
    { why: 'a wrong password', options: { systemId: 'alice', password: 'wrong' }, status: 0x0d },
    { why: 'an unknown name', options: { systemId: 'nobody-at-all' }, status: 0x0d },
    { why: 'an empty name', options: { systemId: '' }, status: 0x0d },
    { why: 'an address not allowed', options: { systemId: 'foreign' }, status: 0x0d },
    { why: 'no address allowed', options: { systemId: 'nobody' }, status: 0x0d },
    { why: 'an address allowed', options: { systemId: 'local' }, status: 0 },
    { why: 'a suspended account', options: { systemId: 'stopped' }, status: 0x0d },
    { why: 'the right password', options: { systemId: 'alice' }, status: 0 },
  ] as const)('with $why is answered $status', async ({ options, status }) => {
    expect(await tried(options)).toBe(status);
  });

  it('is banned for a while after ten failures from one address, even with the right password', async () => {
    for (let guess = 0; guess < 10; guess++)
      expect(await tried({ systemId: 'guessed', password: `g${guess}` })).toBe(0x0d);
    expect(await tried({ systemId: 'guessed' })).toBe(0x0d);
    // Another name from the same address is not touched.
    expect(await tried({ systemId: 'alice' })).toBe(0);
  });

  it('needs the new password as soon as that is changed, remembered or not', async () => {
    expect(await tried({ systemId: 'changing' })).toBe(0);
    expect(await tried({ systemId: 'changing' })).toBe(0); // by the remembered proof
    const changing = { bind: { password: 'changed' } };
    await gateway.apply(resources({ ...setup, accounts: { ...setup.accounts, changing } }));
    expect(await tried({ systemId: 'changing' })).toBe(0x0d);
    expect(await tried({ systemId: 'changing', password: 'changed' })).toBe(0);
  });

  it('of version 3.3 gets no TLV at all, and one of 3.4 or 5.0 our version', async () => {
    const versions = [0x00, 0x33, 0x34, 0x50];
    const answers = [];
    for (const version of versions) {
      const { esme, response } = await Esme.tryBind(gateway.port, { systemId: 'alice', version });
      answers.push(response.sc_interface_version);
      expect(response).toMatchObject({ command_status: 0, system_id: 'smppgate' });
      await esme.close();
    }
    expect(answers.slice(0, 2)).toEqual([undefined, undefined]);
    expect(answers.slice(2)).not.toContain(undefined);
  });

  it('as receiver may not submit, and as transmitter gets no receipts', async () => {
    const receiver = await Esme.bind(gateway.port, { systemId: 'alice', as: 'receiver' });
    const refused = await receiver.submit({ destination_addr: '12025550101' });
    expect(refused.command_status).toBe(0x04); // ESME_RINVBNDSTS
    expect(refused.command).toBe('submit_sm_resp');
    await receiver.close();
  });

  it('ends with its resource, and its account keeps its money', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'gone' });
    const { gone: _, ...others } = setup.accounts;
    const without = JSON.parse(resources({ ...setup, accounts: { ...others, gone: {} } })) as {
      accounts: { name: string; binds: unknown[] }[];
    };
    for (const account of without.accounts) if (account.name === 'gone') account.binds = [];
    await gateway.apply(JSON.stringify(without));
    await eventually(() => expect(esme.closed).toBe(true));
    expect(await tried({ systemId: 'gone' })).toBe(0x0d);
    expect(await gateway.money('gone')).toEqual({ credits: '10', reserved: '0' });
  });
});

describe('an account that is terminated', () => {
  it('is unbound at once, and may not bind again; a suspended one stays bound', async () => {
    const ending = await Esme.bind(gateway.port, { systemId: 'ending' });
    const pausing = await Esme.bind(gateway.port, { systemId: 'pausing' });
    await gateway.setStatus('pausing', 'suspended');
    await gateway.setStatus('ending', 'terminated');
    await eventually(() => expect(ending.closed).toBe(true));
    expect(await tried({ systemId: 'ending' })).toBe(0x0d);
    const refused = await pausing.submit({ destination_addr: '12025550101' });
    expect(refused.command_status).toBe(0x403);
    expect(pausing.closed).toBe(false);
    await pausing.close();
  });
});

describe('an operation that is not offered', () => {
  it('is answered ESME_RINVCMDID, and the session goes on', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'alice' });
    const status = await new Promise<number>((resolve) => {
      esme.session.broadcast_sm({ message_id: '', source_addr: 'Shop' }, (pdu) =>
        resolve(pdu.command_status),
      );
    });
    expect(status).toBe(0x03);
    await new Promise((resolve) => esme.session.enquire_link(resolve));
    await esme.close();
  });
});
