import { cpSync, existsSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startSimulatedCustomer } from '../../src/simulator/customer.ts';
import {
  ADMIN_TOKEN,
  CRYPTO_KEY,
  type DaemonSpec,
  ENTRY,
  postmasterOf,
  TestDaemon,
  until,
} from '../support/daemon.ts';
import { guardedFolder } from '../support/guard.ts';
import { createDatabase, withClient } from '../support/postgres.ts';

/** As a fresh machine has it: no key and no token given. */
const FRESH = { CRYPTO_KEY: undefined, ADMIN_TOKEN: undefined };
const ROOT = dirname(dirname(ENTRY));
const LAST_LINE = 'Ctrl-C drains and stops';

/** A folder of a test's own, and the daemons that are started in it. */
class Demo {
  readonly folder: string;
  readonly #daemons: TestDaemon[] = [];

  constructor(folder: string) {
    this.folder = folder;
  }

  async start(
    env: Record<string, string | undefined> = {},
    more: Partial<DaemonSpec> = {},
  ): Promise<TestDaemon> {
    const daemon = await TestDaemon.start({
      folder: this.folder,
      env: { ...FRESH, ...env },
      ...more,
    });
    this.#daemons.push(daemon);
    return daemon;
  }

  data(name: string): string {
    return join(this.folder, 'data', name);
  }

  secret(name: string): string {
    return readFileSync(this.data(name), 'utf8').trim();
  }

  /** Names of all accounts and carriers in the embedded database. */
  async objects(): Promise<string[]> {
    const url = postmasterOf(this.data(''))?.url ?? '';
    return withClient(url, async (client) => {
      const { rows } = await client.query<{ name: string }>(
        'select name from account union all select name from carrier',
      );
      return rows.map((row) => row.name);
    });
  }

  async end(): Promise<void> {
    await Promise.all(this.#daemons.map((daemon) => daemon.kill()));
  }
}

async function demo(test: (demo: Demo) => Promise<void>): Promise<void> {
  const guard = guardedFolder();
  const one = new Demo(guard.path);
  try {
    await test(one);
  } finally {
    await one.end();
    await guard.release();
  }
}

/** Once the demo has said all that it says. */
async function shown(daemon: TestDaemon): Promise<string> {
  return until('the demo has spoken', () => daemon.stdout.includes(LAST_LINE) && daemon.stdout);
}

describe.concurrent('the demo', () => {
  it('shows a real message and its money, where to bind, in the words of the documentation, and no secret; a second start keeps the data', () =>
    demo(async (demo) => {
      const first = await demo.start({ SMPP_HOST: '0.0.0.0', HTTP_HOST: '0.0.0.0' });
      const said = await shown(first);
      const [serving] = first.log('serving');
      expect(serving?.smpp).toMatch(/^127\.0\.0\.1:/);
      expect(serving?.http).toMatch(/^http:\/\/127\.0\.0\.1:/);
      expect(said).toContain('Balance before 1000, after 999.95 credits.');
      expect(said).toMatch(/^ .*\bstate=DELIVRD\b/m);
      for (const word of ['accepted', 'charged', 'sent', 'delivered', 'settled'])
        expect(said).toMatch(new RegExp(`^ .*\\b${word}\\b`, 'm'));
      for (const name of ['demo-smpp-password', 'admin-token', 'crypto-key']) {
        expect(statSync(demo.data(name)).mode & 0o777, name).toBe(0o600);
        expect(demo.secret(name).length, name).toBeGreaterThanOrEqual(8);
        expect(said, name).not.toContain(demo.secret(name));
      }
      expect(said).toContain(demo.data('demo-smpp-password'));
      expect(said).toContain(demo.data('admin-token'));
      const id = /\/v1\/messages\/(\d+)/.exec(said)?.[1];
      const password = demo.secret('demo-smpp-password');
      expect((await first.stop('SIGINT')).code).toBe(0);

      const second = await demo.start();
      const saidAgain = await shown(second);
      expect(saidAgain).not.toContain('sample message');
      expect(demo.secret('demo-smpp-password')).toBe(password);
      const get = async (path: string) => {
        const response = await fetch(`${second.httpUrl}${path}`, {
          headers: { authorization: `Bearer ${demo.secret('admin-token')}` },
        });
        return response.json();
      };
      expect(await get('/v1/accounts/demo/balance')).toMatchObject({ credits: '999.95' });
      expect(await get(`/v1/messages/${id}`)).toMatchObject({ state: 'DELIVRD' });
      const customer = startSimulatedCustomer({
        host: '127.0.0.1',
        port: second.smppPort,
        systemId: 'demo',
        password,
        messages: 3,
      });
      expect((await customer.done).receipts).toEqual({ DELIVRD: 3 });
      await until('three more are charged', async () => {
        const { credits } = (await get('/v1/accounts/demo/balance')) as { credits: string };
        return credits === '999.8';
      });
      await second.stop();
    }));

  it('charges by its tariff: another price in config/demo.yaml prints another sum', () =>
    demo(async (demo) => {
      const copy = join(demo.folder, 'checkout');
      for (const name of ['bin', 'src', 'sql', 'config', 'package.json'])
        cpSync(join(ROOT, name), join(copy, name), { recursive: true });
      symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
      const file = join(copy, 'config', 'demo.yaml');
      const text = readFileSync(file, 'utf8');
      expect(text).toContain('"966": "0.05"');
      writeFileSync(file, text.replace('"966": "0.05"', '"966": "0.123456"'));
      const daemon = await demo.start({}, { entry: join(copy, 'bin', 'smppgate.js') });
      expect(await shown(daemon)).toContain('Balance before 1000, after 999.876544 credits.');
      await daemon.stop();
    }));

  it('is not made with DEMO=false, in production, with RESOURCES_FILE, or in a database that holds anything', () =>
    demo(async (demo) => {
      const resources = {
        tariffs: { flat: { '*': '1' } },
        terms: { standard: {} },
        policies: { open: { rules: [] } },
        accounts: [{ name: 'mine', tariff: 'flat', terms: 'standard', policy: 'open', binds: [] }],
        carriers: [],
        routes: [],
      };
      const starts: [string, Record<string, string>, object, string[]][] = [
        ['DEMO=false', { DEMO: 'false' }, {}, []],
        ['NODE_ENV=production', { NODE_ENV: 'production' }, {}, []],
        ['RESOURCES_FILE', {}, { resources }, ['mine']],
        ['a database that is not empty', {}, {}, ['mine']],
      ];
      for (const [what, env, more, found] of starts) {
        const daemon = await demo.start({ ...env, SMPP_HOST: '0.0.0.0' }, more);
        expect(await demo.objects(), what).toEqual(found);
        expect(existsSync(demo.data('demo-smpp-password')), what).toBe(false);
        expect(daemon.log('serving')[0]?.smpp, what).toMatch(/^0\.0\.0\.0:/);
        expect((await daemon.stop()).code, what).toBe(0);
        expect(daemon.stdout, what).not.toContain('sample message');
        expect(
          daemon.log('demo objects exist beside a listener that is not loopback'),
          what,
        ).toEqual([]);
      }
    }));

  it('is never made in the database of DATABASE_URL, empty as it may be', () =>
    demo(async (demo) => {
      const database = await createDatabase({ empty: true });
      const daemon = await demo.start({ CRYPTO_KEY, ADMIN_TOKEN }, { databaseUrl: database.url });
      const counts = await withClient(database.url, (client) =>
        client.query('select (select count(*) from account) + (select count(*) from carrier) as n'),
      );
      expect(String(counts.rows[0]?.n)).toBe('0');
      await daemon.stop();
      expect(daemon.stdout).not.toContain(LAST_LINE);
      await database.drop();
    }));

  it('is warned of while its objects stand beside a listener that is not loopback', () =>
    demo(async (demo) => {
      const first = await demo.start();
      await shown(first);
      await first.stop();
      const second = await demo.start({ DEMO: 'false', SMPP_HOST: '0.0.0.0' });
      await second.logged('demo objects exist beside a listener that is not loopback');
      await second.stop();
    }));
});
