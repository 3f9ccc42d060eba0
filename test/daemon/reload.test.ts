import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../support/daemon.ts';
import { Stage } from './stage.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await Stage.onDatabase();
});

afterAll(() => stage.close());

describe('SIGHUP', () => {
  it('brings a changed RESOURCES_FILE into force for new messages, and leaves the old when the file is bad', async () => {
    await stage.startCarrier({ receipts: { delayMs: 300 } });
    const daemon = await stage.startDaemon({ name: 'one', resources: stage.resources() });
    const file = join(stage.folder, 'one', 'resources.json');
    const send = async (destination: string) => {
      const customer = stage.startCustomer(daemon.smppPort, 'acme', { messages: 1, destination });
      expect((await customer.done).receipts).toEqual({ DELIVRD: 1 });
    };
    const prices = () =>
      stage.value("select string_agg(unit_price::text, ' ' order by id) from message");
    await send('966500000001');
    writeFileSync(file, JSON.stringify(stage.resources({ price: '0.07' })));
    daemon.signal('SIGHUP');
    const price = async (): Promise<string | null> => {
      const route = await daemon.get<{ unitPrice: string | null }>(
        '/v1/routes/explain?to=966500000001&account=acme',
      );
      return route.unitPrice;
    };
    await until('the new price is in force', async () => (await price()) === '0.07');
    await send('966500000002');
    expect(await prices()).toBe('50000 70000');

    writeFileSync(file, '{"tariffs": {"flat": {"*": "0.1234567"}}}');
    daemon.signal('SIGHUP');
    const failed = await daemon.logged('reload failed');
    expect(String(failed.reason)).toMatch(/line 1.*tariffs\.flat|tariffs\.flat.*line 1/);
    await send('966500000003');
    expect(await prices()).toBe('50000 70000 70000');

    writeFileSync(file, 'not: [closed');
    daemon.signal('SIGHUP');
    await daemon.logged('reload failed', undefined, 2);
    await send('966500000004');
    expect(await daemon.get('/v1/accounts/acme/balance')).toMatchObject({ credits: '999.74' });
    expect(daemon.isRunning).toBe(true);
  });
});
