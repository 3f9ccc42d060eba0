import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Esme } from '../gateway/esme.ts';
import { type TestDaemon, until } from '../support/daemon.ts';
import { PASSWORD, Stage } from './stage.ts';

let stage: Stage;
let daemon: TestDaemon;

beforeAll(async () => {
  stage = await Stage.open();
  await stage.startCarrier();
  daemon = await stage.startDaemon({
    resources: stage.resources({
      accounts: ['acme', 'slow'],
      bindOf: { slow: { windowMax: 2, bindsMax: 1, segmentsPerSecond: 1, burst: 1 } },
    }),
  });
});
afterAll(() => stage.close());

function bind(systemId: string, more: { as?: 'receiver' | 'transceiver'; password?: string } = {}) {
  return Esme.bind(daemon.smppPort, { systemId, password: PASSWORD, ...more });
}

/** A metric with the labels of a customer. */
function of(systemId: string, labels: Record<string, string> = {}): Record<string, string> {
  return { side: 'customer', peer: systemId, ...labels };
}

async function refused(systemId: string, password: string): Promise<void> {
  const { esme, response } = await Esme.tryBind(daemon.smppPort, { systemId, password });
  expect(response.command_status).not.toBe(0);
  await esme.close();
}

describe('metrics of binds', () => {
  it('counts sessions by side, peer and type, each bind and how it ended', async () => {
    const event = (name: string, systemId = 'acme') =>
      daemon.metric('smppgate_bind_events_total', of(systemId, { event: name }));
    const [one, two, three] = await Promise.all([
      bind('acme'),
      bind('acme'),
      bind('acme', { as: 'receiver' }),
    ]);
    expect(await daemon.metric('smppgate_binds', of('acme', { type: 'transceiver' }))).toBe(2);
    expect(await daemon.metric('smppgate_binds', of('acme', { type: 'receiver' }))).toBe(1);
    expect(await daemon.metric('smppgate_binds_limit', of('acme'))).toBe(20);
    expect(await event('bound')).toBe(3);
    await Promise.all([one.close(), two.close()]);
    await three.cut();
    await until('they are gone', async () => (await event('lost')) === 1);
    await until('the others too', async () => (await event('unbound')) === 2);
    expect(await daemon.metric('smppgate_binds', of('acme'))).toBe(0);
    await refused('acme', 'wrong');
    await refused('nobody', 'wrong');
    expect(await event('refusedPassword')).toBe(1);
    expect(await event('refusedPassword', '-')).toBe(1);
    const slow = await bind('slow');
    await refused('slow', PASSWORD);
    expect(await event('tooManyBinds', 'slow')).toBe(1);
    await slow.close();
  });

  it('shows what is over the rate and over the window by peer', async () => {
    await until(
      'the carrier is bound',
      async () => (await daemon.metric('smppgate_binds', { side: 'carrier' })) === 2,
    );
    const slow = await until('its place is free again', () => bind('slow').catch(() => undefined));
    const result = (name: string) =>
      daemon.metric('smppgate_submits_total', { account: 'slow', result: name });
    const figures = async () => [
      await daemon.metric('smppgate_throttled_total', of('slow')),
      await result('throttled'),
      await result('queueFull'),
    ];
    const before = await figures();
    const answers = await Promise.all(Array.from({ length: 8 }, () => slow.submit({})));
    const count = (status: number) =>
      answers.filter((answer) => answer.command_status === status).length;
    expect(count(0x58)).toBeGreaterThan(0);
    expect(await figures()).toEqual([
      (before[0] ?? 0) + count(0x58),
      (before[1] ?? 0) + count(0x58),
      (before[2] ?? 0) + count(0x14),
    ]);
    await slow.close();
  });

  it('counts the sessions to a carrier one by one, shows 0 when there is none, and its refusals', async () => {
    const carrier = { side: 'carrier', peer: 'sim' };
    const event = (name: string) =>
      daemon.metric('smppgate_bind_events_total', { ...carrier, event: name });
    expect(await event('bound')).toBe(2);
    expect(await daemon.metric('smppgate_binds_limit', carrier)).toBe(2);
    await stage.carrier?.close();
    await until(
      'they are gone',
      async () => (await daemon.metric('smppgate_binds', carrier)) === 0,
    );
    expect(await daemon.get<string>('/metrics')).toContain(
      'smppgate_binds{side="carrier",peer="sim",type="transceiver"} 0',
    );
    await until('both ended', async () => (await event('lost')) + (await event('unbound')) === 2);
    await stage.startCarrier({ password: 'another' });
    await until('it refuses us', async () => (await event('refusedByCarrier')) > 0);
    await until('the history says so', async () => {
      const { binds } = await daemon.get<{ binds: { event: string; reason: string }[] }>(
        '/v1/binds/history?carrier=sim',
      );
      return binds.some((row) => row.event === 'refused' && row.reason.startsWith('ESME_R'));
    });
  });

  it('has no address, number or session in any label', async () => {
    const own = (await daemon.get<string>('/metrics'))
      .split('\n')
      .filter((line) => line.startsWith('smppgate_'));
    // `le` is a bound of a histogram.
    const values = own.flatMap((line) =>
      [...line.matchAll(/([a-z]+)="([^"]*)"/g)].flatMap(([, name, value]) =>
        name === 'le' ? [] : [value],
      ),
    );
    expect(values.filter((value) => /127\.0\.0|9665|nobody|[0-9]{5}/.test(value ?? ''))).toEqual(
      [],
    );
  });
});
