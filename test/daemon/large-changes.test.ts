import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failedStart, type TestDaemon, until } from '../support/daemon.ts';
import { Stage } from './stage.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await Stage.onDatabase();
  await stage.startCarrier({ receipts: { delayMs: 10 } });
});

afterAll(() => stage.close());

/** The price of each message that was accepted, in micro-credits. */
const prices = () =>
  stage.value("select string_agg(unit_price::text, ' ' order by id) from message");

async function send(daemon: TestDaemon): Promise<void> {
  const customer = stage.startCustomer(daemon.smppPort, 'acme', {
    messages: 1,
    destination: '966500000001',
  });
  expect((await customer.done).receipts).toEqual({ DELIVRD: 1 });
}

/** Which files are in force: what /readyz warns of, and the metric. */
async function fileInForce(daemon: TestDaemon): Promise<[warnings: string[], metric: number]> {
  const ready = await daemon.get<{ ok: boolean; warnings: string[] }>('/readyz');
  expect(ready.ok).toBe(true);
  return [ready.warnings, await daemon.metric('smppgate_resources_file_in_force')];
}

const IN_FORCE = [[], 1];
const NOT_IN_FORCE = [[expect.stringContaining('RESOURCES_FILE')], 0];

describe('a RESOURCES_FILE that changes prices too much', () => {
  const file = () => join(stage.folder, 'one', 'resources.json');
  const startWith = (price: string, ...flags: string[]) =>
    stage.startDaemon({ name: 'one', resources: stage.resources({ price }), flags });

  it('does not keep the gateway from starting: what is stored stays in force until the file is mended', async () => {
    const first = await startWith('0.05');
    await send(first);
    expect(await fileInForce(first)).toEqual(IN_FORCE);
    await first.stop();

    const daemon = await startWith('0.0001');
    const refused = await daemon.logged('resources file not applied');
    expect(refused.level).toBe('error');
    expect(refused.reason).toContain('*: 0.05 -> 0.0001');
    expect(refused.reason).toMatch(/--allow-large-changes of .*serve/);
    expect(await fileInForce(daemon)).toEqual(NOT_IN_FORCE);
    await send(daemon);
    expect(await prices()).toBe('50000 50000');

    daemon.signal('SIGHUP');
    await daemon.logged('reload failed');
    expect(await fileInForce(daemon)).toEqual(NOT_IN_FORCE);
    writeFileSync(file(), JSON.stringify(stage.resources({ price: '0.06' })));
    daemon.signal('SIGHUP');
    await until('the file is in force', async () => (await fileInForce(daemon))[1] === 1);
    expect(await fileInForce(daemon)).toEqual(IN_FORCE);
    await send(daemon);
    expect(await prices()).toBe('50000 50000 60000');
    await daemon.stop();
  });

  it('comes into force at one start with --allow-large-changes', async () => {
    const before = await prices();
    const daemon = await startWith('9', '--allow-large-changes');
    expect(daemon.log('resources file not applied')).toEqual([]);
    expect(await fileInForce(daemon)).toEqual(IN_FORCE);
    await send(daemon);
    expect(await prices()).toBe(`${before} 9000000`);
    // Only at the start: what comes later is asked again.
    writeFileSync(file(), JSON.stringify(stage.resources({ price: '0.001' })));
    daemon.signal('SIGHUP');
    expect((await daemon.logged('reload failed')).reason).toContain('*: 9 -> 0.001');
    expect(await fileInForce(daemon)).toEqual(NOT_IN_FORCE);
    await daemon.stop();
  });

  it('ends the start when anything else is wrong with it, too', async () => {
    const { tariffs } = stage.resources({ price: '0.0001' }) as { tariffs: object };
    const resources = { tariffs, routes: [{ prefix: '', carriers: [{ name: 'nobody' }] }] };
    const spec = { folder: join(stage.folder, 'two'), resources };
    const { databaseUrl = '' } = stage;
    const failed = await failedStart({ ...spec, databaseUrl });
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain('refers to nobody');
    expect(failed.stderr).toContain('0.0001');
  });
});
