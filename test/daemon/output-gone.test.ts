import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ADMIN_TOKEN, ENTRY, type TestDaemon, until } from '../support/daemon.ts';
import { Stage } from './stage.ts';

let stage: Stage;
let daemon: TestDaemon;

beforeAll(async () => {
  stage = await Stage.onDatabase();
  daemon = await stage.startDaemon({ name: 'one', resources: stage.resources() });
});

afterAll(() => stage.close());

describe('output that nobody reads any more', () => {
  it('ends a command well, without a stack', async () => {
    const child = spawn(process.execPath, [ENTRY, 'account', 'show', 'acme'], {
      env: { ...process.env, SMPPGATE_URL: daemon.httpUrl, ADMIN_TOKEN },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.destroy();
    let said = '';
    child.stderr.on('data', (text) => {
      said += text;
    });
    const [code] = await once(child, 'close');
    expect([code, said]).toEqual([0, '']);
  });

  it('does not end a gateway: it goes on without its log', async () => {
    daemon.stopReading();
    const file = join(stage.folder, 'one', 'resources.json');
    const explained = '/v1/routes/explain?to=966500000001&account=acme';
    for (const price of ['0.07', '0.08']) {
      writeFileSync(file, JSON.stringify(stage.resources({ price })));
      daemon.signal('SIGHUP'); // which is a line of the log
      await until(`the price is ${price}`, async () => {
        const { unitPrice } = await daemon.get<{ unitPrice: string | null }>(explained);
        return unitPrice === price;
      });
    }
    expect(daemon.isRunning).toBe(true);
  });
});
