import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Config } from '../../../src/config.ts';
import { adminTokenPath, ensureAdminToken } from '../../../src/ops/admin-token.ts';
import { runCli } from '../../../src/ops/cli/program.ts';
import { type Accepted, LedgerTraffic, RESOURCES } from '../../store/ledger-traffic.ts';
import { createDatabase } from '../../support/postgres.ts';
import { ADMIN_TOKEN, type OpsBench, startOps } from '../ops-bench.ts';

let traffic: LedgerTraffic;
let ops: OpsBench;
let folder: string;
let message: Accepted;
beforeAll(async () => {
  traffic = await LedgerTraffic.start();
  ops = await startOps({ pool: traffic.pool });
  [message] = (await traffic.accept({ account: 'acme' })) as [Accepted];
  folder = mkdtempSync(join(tmpdir(), 'smppgate-cli-'));
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await ops.stop();
  await traffic.stop();
});

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  readonly served: Config[];
}

async function run(line: string | string[], env: Record<string, string> = {}): Promise<Ran> {
  const ran = { out: '', err: '', served: [] as Config[] };
  const io = {
    out: (text: string) => {
      ran.out += text;
    },
    err: (text: string) => {
      ran.err += text;
    },
  };
  const code = await runCli(typeof line === 'string' ? line.split(' ') : line, {
    io,
    env: { SMPPGATE_URL: ops.url, ADMIN_TOKEN, ...env },
    serve: async (config) => {
      ran.served.push(config);
    },
    addSimulateCommands: async (program) => {
      program
        .command('simulate')
        .command('carrier')
        .action(() => io.out('a carrier\n'));
    },
    addBenchCommand: async (program) => {
      program.command('bench').action(() => io.out('a bench\n'));
    },
  });
  return { code, ...ran };
}

describe('runCli', () => {
  it('prints help for the program and for every command, and ends with 0', async () => {
    const help = await run('--help');
    expect(help).toMatchObject({ code: 0, err: '' });
    const commands = [...help.out.matchAll(/^ {2}([a-z-]+) {2,}/gm)].map(([, name]) => name);
    expect(commands).toEqual([
      'serve',
      'migrate',
      'apply',
      'export',
      'tariff',
      'terms',
      'account',
      'message',
      'moderation',
      'receipt',
      'refund',
      'reconcile',
      'report',
      'carrier',
      'bans',
      'route',
      'binds',
      'audit',
      'trace',
      'opt-outs',
      'consents',
      'senders',
      'suspensions',
      'policy',
      'simulate',
      'bench',
      'config',
    ]);
    for (const command of commands) {
      const own = await run(`${command} --help`);
      expect([command, own.code]).toEqual([command, 0]);
      expect(own.out).toContain(`Usage: smppgate ${command}`);
      expect((await run(`help ${command}`)).out).toBe(own.out);
    }
  });

  it('has --json on every command that answers', async () => {
    const lines = [
      'migrate',
      'apply',
      'export',
      'account list',
      'account show',
      'account create',
      'account top-up',
      'account balance',
      'account statement',
      'account lots',
      'account expiring',
      'account purchase-refund',
      'account forfeit',
      'account signals',
      'account conversions',
      'account suspend',
      'account resume',
      'account terminate',
      'message show',
      'message list',
      'refund request',
      'refund list',
      'refund show',
      'refund investigate',
      'refund approve',
      'refund refuse',
      'refund pay',
      'refund outage declare',
      'refund outage list',
      'refund outage end',
      'refund outage withdraw',
      'reconcile',
      'carrier list',
      'carrier pause',
      'carrier probe',
      'carrier profiles',
      'carrier resume',
      'bans list',
      'bans lift',
      'route explain',
      'route requeue',
      'route numbers import',
      'route numbers get',
      'route numbers delete',
      'binds list',
      'binds history',
      'trace',
      'opt-outs list',
      'opt-outs add',
      'opt-outs remove',
      'consents list',
      'consents add',
      'consents remove',
      'senders list',
      'senders add',
      'senders remove',
      'suspensions list',
      'suspensions add',
      'suspensions remove',
      'config show',
      'serve',
    ];
    for (const line of lines) expect((await run(`${line} --help`)).out).toContain('--json');
  });

  it('ends with 2 for what it does not understand', async () => {
    for (const line of [
      'nonsense',
      'account nonsense',
      'account list --nonsense',
      'apply',
      'account top-up acme 5',
      'simulate --x',
    ]) {
      const ran = await run(line);
      expect([line, ran.code]).toEqual([line, 2]);
      expect(ran.err).not.toBe('');
    }
    expect((await run([])).code).toBe(2);
  });

  it('hands simulate and bench to their own parts', async () => {
    expect(await run('simulate carrier')).toMatchObject({ code: 0, out: 'a carrier\n' });
    expect(await run('bench')).toMatchObject({ code: 0, out: 'a bench\n' });
  });

  it('says in one line when no daemon answers, and when the token is wrong or missing', async () => {
    const away = await run('account list', { SMPPGATE_URL: 'http://127.0.0.1:1' });
    expect(away.code).toBe(1);
    expect(away.err).toMatch(/^smppgate: no daemon answers at http:\/\/127.0.0.1:1 .*\n$/);
    expect(await run('account list', { ADMIN_TOKEN: 'wrong' })).toMatchObject({
      code: 1,
      err: expect.stringContaining('does not know this token'),
    });
    expect(await run('account list', { ADMIN_TOKEN: '', DATA_DIR: folder })).toMatchObject({
      code: 1,
      err: expect.stringContaining('set ADMIN_TOKEN'),
    });
  });

  it('finds the token that the daemon keeps in its folder', async () => {
    writeFileSync(adminTokenPath(folder), `${ADMIN_TOKEN}\n`);
    expect(await run('account balance acme', { ADMIN_TOKEN: '', DATA_DIR: folder })).toMatchObject({
      code: 0,
    });
  });

  it('ends with 2 and names every wrong setting', async () => {
    const ran = await run('serve', { SMPP_PORT: 'x', HTTP_PORT: '99999' });
    expect(ran.code).toBe(2);
    expect(ran.err.trim().split('\n')).toHaveLength(2);
    expect(ran.served).toEqual([]);
    expect((await run('account list', { SMPPGATE_URL: 'nowhere' })).code).toBe(2);
  });
});

describe('serve', () => {
  it('runs the daemon with flags over the environment', async () => {
    const ran = await run('serve --smpp-port 0 --log-level warn', {
      SMPP_PORT: '2999',
      HTTP_PORT: '0',
    });
    expect(ran.code).toBe(0);
    expect(ran.served).toMatchObject([
      { smpp: { port: 0 }, http: { port: 0 }, log: { level: 'warn' } },
    ]);
  });

  it('takes no secret as a flag', async () => {
    const { out } = await run('serve --help');
    expect(out).toContain('--smpp-port');
    expect(out).not.toContain('--admin-token');
    expect(out).not.toContain('--crypto-key');
  });
});

describe('config show', () => {
  it('prints settings with their source and hides secrets', async () => {
    const ran = await run('config show --json --smpp-port 0', { ADMIN_TOKEN: 'hide-me' });
    const settings = JSON.parse(ran.out).settings;
    expect(settings).toContainEqual({ key: 'smpp.port', value: '0', source: 'flag' });
    expect(settings).toContainEqual({ key: 'admin.token', value: '(set)', source: 'ADMIN_TOKEN' });
    expect((await run('config show', { ADMIN_TOKEN: 'hide-me' })).out).not.toContain('hide-me');
  });
});

describe('apply and export', () => {
  it('shows the diff, applies it, and exports what applies without a difference', async () => {
    const file = join(folder, 'resources.yaml');
    writeFileSync(file, RESOURCES.replace('"*": "0.05"', '"*": "0.06"'));
    const dry = await run(['apply', file, '--dry-run']);
    expect(dry).toMatchObject({ code: 0 });
    expect(dry.out).toBe('~ tariffs standard: * "0.05" -> "0.06"\nnot applied (dry run)\n');
    expect((await run(['apply', file])).out).toContain('applied, version 2');
    expect((await run(['apply', file])).out).toBe('nothing to change\n');
    const exported = join(folder, 'exported.yaml');
    writeFileSync(exported, (await run('export')).out);
    expect((await run(['apply', exported, '--dry-run'])).out).toBe('nothing would change\n');
    expect(JSON.parse((await run('export --json')).out).accounts).toHaveLength(2);
  });

  it('prints a line for every fault of the file and fails', async () => {
    const file = join(folder, 'wrong.yaml');
    writeFileSync(file, 'tariffs: {a: {"*": "x"}}\nterm: {}\n');
    const ran = await run(['apply', file]);
    expect(ran.code).toBe(1);
    expect(ran.err.trim().split('\n')).toEqual([
      expect.stringMatching(/^smppgate: line 1, tariffs\.a\.\*: is not a decimal/),
      'smppgate: line 2, term: is not a known key',
    ]);
    expect((await run(['apply', join(folder, 'none.yaml')])).code).toBe(1);
    writeFileSync(file, RESOURCES.replace('"*": "0.05"', '"*": "0.6"'));
    const large = ['apply', file, '--dry-run'];
    expect((await run(large)).err).toContain('--allow-large-changes');
    expect((await run([...large, '--allow-large-changes'])).code).toBe(0);
  });
});

describe('account', () => {
  it('creates an account with a bind and prints its password once', async () => {
    const made = await run(
      'account create newco --tariff standard --terms submit --credit 2 --system-id newco --json',
    );
    const answer = JSON.parse(made.out);
    expect(answer).toMatchObject({ name: 'newco', credits: '2', systemId: 'newco' });
    expect(answer.password).toMatch(/^.{8}$/);
    expect((await run('account show newco')).out).not.toContain(answer.password);
  });

  it("prints what is unusual of an account's traffic", async () => {
    expect(await run('account signals acme')).toMatchObject({
      code: 0,
      out: 'nothing is unusual\n',
    });
    await ops.pool.query(
      `insert into traffic_alert (account, rule, prefix, detail)
       select id, 'deliveryFalls codes', '99450', $1 from account where name = 'acme'`,
      [{ measure: 'deliveryRatio', value: 0.31, usual: 0.9, messages: 60 }],
    );
    const { out } = await run('account signals acme');
    expect(out).toMatch(/^since +last seen +rule +prefix +measure +is +usually +messages\n/);
    expect(out).toMatch(/Z +deliveryFalls codes +99450 +deliveryRatio +0\.310 +0\.900 +60\n$/);
    const { signals } = JSON.parse((await run('account signals acme --json')).out);
    expect(signals).toMatchObject([{ prefix: '99450', value: 0.31, usual: 0.9 }]);
    expect(await run('account signals nobody')).toMatchObject({ code: 1 });
    await ops.pool.query('delete from traffic_alert');
  });

  it('tops up once a reference', async () => {
    const line = 'account top-up newco 5 --reference r1';
    expect((await run(line)).out).toContain('available  7');
    expect((await run(line)).out).toContain('posted before');
    expect(await run('account top-up newco 6 --reference r1')).toMatchObject({ code: 1 });
    expect(JSON.parse((await run('account balance newco --json')).out).credits).toBe('7');
  });

  it('prints lists, balances and statements for people', async () => {
    expect((await run('account list')).out).toMatch(/^name +status +credits/);
    expect((await run('account balance newco')).out).toContain('available  7');
    const statement = await run('account statement newco');
    expect(statement.out).toMatch(/^opening 0\n/);
    expect(statement.out).toMatch(/closing 7\n$/);
  });

  it('shows lots and what expires, pays a purchase back and forfeits', async () => {
    expect((await run('account lots newco')).out).toBe('none\n'); // one balance
    await ops.pool.query(
      `update resource set spec = spec || '{"topUpExtendsBalance": false, "creditValidDays": 5}'
       where kind = 'terms' and name = (select spec->>'terms' from account where name = 'newco')`,
    );
    await run('account top-up newco 2 --reference lot-1');
    expect((await run('account lots newco')).out).toMatch(/lot-1 +2 +2 +0 +\d{4}-/);
    expect((await run('account statement newco')).out).toContain('(lot lot-1)');
    expect((await run('account expiring --days 6')).out).toMatch(/newco +lot-1 +2 +\d{4}-/);
    const back = ['account', 'purchase-refund', 'newco', 'lot-1', '--reference', 'note 1'];
    expect((await run([...back, '--reason', 'withdrawn'])).out).toContain('purchase_refund');
    expect((await run([...back, '--reason', 'withdrawn'])).out).toContain('posted before');
    expect(
      (await run(['account', 'forfeit', 'newco', '--reference', 'f', '--reason', 'x'])).out,
    ).toContain('forfeit');
    expect((await run('account balance newco')).out).toContain('available  0');
  });

  it('asks for refunds, decides them, and declares outages', async () => {
    const words = ['--reference', 'ticket 1', '--reason', 'nothing came'];
    const asked = await run(['refund', 'request', 'newco', '77', ...words]);
    expect(asked.out).toContain('77 is no message of the account');
    expect((await run(['refund', 'request', 'newco', ...words])).code).toBe(2);
    const listed = await run('refund list --state refused');
    const [, id = ''] = /^(\d+) +newco +ticket 1 +refused/m.exec(listed.out) ?? [];
    expect((await run(`refund show ${id}`)).out).toContain('refused');
    expect(await run(['refund', 'approve', id, '--reason', 'x'])).toMatchObject({
      ...{ code: 1, err: expect.stringContaining('final') },
    });
    expect((await run(['refund', 'pay', id, '--reference', 'p'])).err).toContain('is refused');
    const declare = ['refund', 'outage', 'declare', '--from', '2026-12-01T08:00:00Z'];
    expect((await run([...declare, '--reason', 'down'])).out).toMatch(/declaredBy/);
    expect((await run('refund outage list')).out).toMatch(/lasts +any +any +0 +down/);
    const end = 'refund outage end 1 --until 2026-12-01T09:00:00Z';
    expect((await run(end)).out).toMatch(/until +2026-12-01T09:00:00.000Z/);
    expect(await run('refund outage end 1')).toMatchObject({
      ...{ code: 1, err: expect.stringContaining('has its end') },
    });
    expect((await run('refund outage end 99')).code).toBe(1);
    expect((await run('refund outage withdraw 1')).out).toMatch(/withdrawnAt +\d{4}/);
  });

  it('corrects credits up and down, and prints every entry as CSV', async () => {
    const up = await run('account adjust acme 0.5 --reference up --reason goodwill --json');
    expect(JSON.parse(up.out)).toMatchObject({ kind: 'adjustment', credits: '0.5' });
    const down = ['account', 'adjust', 'acme', '-0.5', '--reference', 'down', '--reason', '=1+1'];
    expect((await run(down)).out).toContain('-0.5');
    expect((await run(down)).out).toContain('posted before');
    const csv = (await run('account statement acme --csv')).out.split('\r\n');
    expect(csv[0]).toMatch(/^id,at,kind,amount,reserved,balance,messages,segments,reference,/);
    expect(csv.at(-2)).toMatch(/,adjustment,-0\.5,0,[0-9.]+,0,0,down,,[^,]*,'=1\+1,/);
    const { entries } = JSON.parse((await run('account statement acme --json --limit 1000')).out);
    expect(csv).toHaveLength(entries.length + 2);
    expect((await run('account statement acme --csv --limit 5')).code).toBe(2);
  });

  it('reads a campaign as customers export it', async () => {
    const file = join(folder, 'campaign.csv');
    writeFileSync(file, '\ufefftime;"Message_ID";to\r\nx;"81";1\r\n\r\nx;82;1\r\nx;81;1\r\n');
    const asked = ['refund', 'request', 'acme', '--file', file, '--reference', 'table'];
    const made = await run([...asked, '--reason', 'undelivered', '--json']);
    expect(JSON.parse(made.out).unknownIds).toEqual(['81', '82']);
    writeFileSync(file, 'id;to\n81;1\n;2\n');
    expect((await run([...asked, '--reason', 'undelivered'])).err).toContain('line 3: has no id');
  });

  it('suspends, resumes and terminates with a reason', async () => {
    const to = (verb: string) => run(['account', verb, 'newco', '--reason', 'a test', '--json']);
    expect(JSON.parse((await to('suspend')).out).status).toBe('suspended');
    expect(JSON.parse((await to('resume')).out).status).toBe('active');
    expect(JSON.parse((await to('terminate')).out).status).toBe('terminated');
    expect(await to('resume')).toMatchObject({ code: 1, err: expect.stringContaining('for good') });
  });
});

describe('message, carrier, route, reconcile', () => {
  it('prints a timeline', async () => {
    const shown = await run(`message show ${message.id}`);
    expect(shown.out).toContain('charged');
    expect(JSON.parse((await run(`message show ${message.id} --json`)).out).events).toHaveLength(2);
    expect((await run('message show 1')).code).toBe(1);
    expect((await run('message list --account acme')).out).toContain(String(message.id));
  });

  it('lists, pauses and resumes carriers and explains routes', async () => {
    expect((await run('carrier list')).out).toBe('none\n');
    expect((await run('carrier profiles')).out).toMatch(/^sinch +Sinch$/m);
    const { out } = await run('carrier profiles smpp-3.3');
    expect(out).toMatch(/^# An SMSC of SMPP 3\.3/);
    expect(out).toMatch(/^# https?:.* \(\d{4}-\d\d-\d\d\)$/m);
    expect(out).toMatch(/^ids:\n {2}response: hex\n {2}receipt: decimal$/m);
    expect(await run('carrier profiles nope')).toMatchObject({ code: 1 });
    expect(await run('carrier probe sim')).toMatchObject({ code: 2 });
    expect(await run('carrier probe sim --to 966500000001 --wait soon')).toMatchObject({ code: 2 });
    expect(await run('carrier probe none --to 966500000001')).toMatchObject({ code: 1 });
    expect((await run('carrier pause sim')).out).toBe('sim: paused\n');
    expect((await run('carrier resume sim')).code).toBe(0);
    expect((await run('carrier pause none')).code).toBe(1);
  });

  it('explains routes', async () => {
    const { out } = await run('route explain 966500000001 --account acme --sender ACME');
    expect(out).toMatch(/^network +42001 stc \(from the table of numbers\)$/m);
    expect(out).toMatch(/^chosen +sim, where it waits: no candidate is usable$/m);
    expect(out).toMatch(/^why +it has the longer prefix$/m);
    expect(out).toMatch(/^sim +1 +1 +0.04 +0.05 +0.01 +100 % +not bound$/m);
    const json = JSON.parse((await run('route explain 966500000001 --class otp --json')).out);
    expect(json).toMatchObject({ class: 'otp', unitPrice: null });
  });

  it('routes anew what is queued', async () => {
    expect(await run('route requeue')).toMatchObject({ code: 0, out: '7 moved, 3 kept\n' });
    expect((await run('route requeue --carrier none')).code).toBe(1);
  });

  it('imports, finds and deletes networks of numbers', async () => {
    const file = join(folder, 'ported.csv');
    writeFileSync(file, 'number,network\n+966500000001,42003\n\n966500000002,42001\n');
    const csv = await run(['route', 'numbers', 'import', file]);
    expect(csv).toMatchObject({ code: 0, out: '2 numbers, 2 changed\n' });
    writeFileSync(file, '{"number": "966500000002", "network": "42003"}\n');
    expect((await run(['route', 'numbers', 'import', file])).out).toBe('1 numbers, 1 changed\n');
    expect((await run('route numbers get 966500000002')).out).toContain('42003');
    expect((await run('route numbers delete 966500000002')).out).toBe('1 changed\n');
    expect((await run('route numbers get 966500000002')).code).toBe(1);
    writeFileSync(file, '966500000003,42001\nletters,42001\n');
    expect(await run(['route', 'numbers', 'import', file])).toMatchObject({
      code: 1,
      err: expect.stringContaining('line 2: has no international number'),
    });
    expect((await run('route numbers get 966500000003')).code).toBe(1);
    expect((await run('route numbers import /no/such/file')).code).toBe(1);
  });

  it('fails when the ledger does not reconcile', async () => {
    expect(await run('reconcile')).toMatchObject({ code: 0, out: '3 accounts reconcile\n' });
    await traffic.tamper('update balance set credits = credits + 1 where account = 1 and side = 0');
    const ran = await run('reconcile');
    await traffic.tamper('update balance set credits = credits - 1 where account = 1 and side = 0');
    expect(ran.code).toBe(1);
    expect(ran.err).toContain('the ledger does not reconcile: 1 difference');
    expect(ran.out).toContain('balanceIsSumOfEntries');
  });
});

describe('opt-outs', () => {
  it('adds, lists and removes numbers, also from a file', async () => {
    const file = join(folder, 'numbers');
    writeFileSync(file, '966500000002\n\n+966500000003\n');
    expect((await run('opt-outs add acme 966500000001')).out).toBe('acme: 1 changed\n');
    expect((await run(`opt-outs add acme --file ${file}`)).out).toBe('acme: 2 changed\n');
    expect((await run('opt-outs list acme')).out.split('\n')).toHaveLength(5);
    expect((await run('opt-outs list acme --number 966500000003')).out).toContain('operator');
    expect((await run('opt-outs remove acme 966500000001')).code).toBe(0);
    const left = JSON.parse((await run('opt-outs list acme --json')).out);
    expect(left.optOuts).toHaveLength(2);
    expect((await run('opt-outs add acme')).code).toBe(2);
  });

  it('takes a long file, or none of it where a line is wrong', async () => {
    const file = join(folder, 'many-numbers');
    const numbers = Array.from({ length: 60_000 }, (_, i) => String(966_510_000_000 + i));
    writeFileSync(file, `number\n${numbers.with(43_210, 'letters').join('\n')}\n`);
    const refused = await run(`opt-outs add acme --file ${file}`);
    expect(refused.code).toBe(1);
    expect(refused.err).toContain('line 43212: has no international number');
    const listed = async () => (await run('opt-outs list acme --number 966510000007')).out;
    expect(await listed()).not.toContain('operator');
    writeFileSync(file, numbers.join('\r\n'));
    expect((await run(`opt-outs add acme --file ${file}`)).out).toBe('acme: 60000 changed\n');
    expect(await listed()).toContain('operator');
    // Twice is once.
    expect((await run(`opt-outs add acme --file ${file}`)).out).toBe('acme: 0 changed\n');
    expect((await run(`opt-outs remove acme --file ${file}`)).out).toBe('acme: 60000 changed\n');
    expect(await listed()).not.toContain('operator');
  });
});

describe('consents, senders and suspensions', () => {
  it('adds, lists and removes them, lists from files', async () => {
    const consents = join(folder, 'consents.csv');
    writeFileSync(
      consents,
      'number,class,source\n966500000002,promotional,shop\n966500000003,,web\n',
    );
    expect((await run(`consents add acme ${consents}`)).out).toBe('acme: 2 changed\n');
    const many = Array.from({ length: 101_000 }, (_, i) => `${966_520_000_000 + i},shop`);
    const long = join(folder, 'many-consents.csv');
    // In two requests: the columns are named in each, and lines are the file's.
    writeFileSync(long, `number,source\n${many.with(100_503, 'letters,shop').join('\n')}\n`);
    const refused = await run(`consents add acme ${long}`);
    expect(refused.err).toContain('line 100505: has no international number');
    expect(refused.err).toContain('lines before line 100001 may be taken');
    writeFileSync(long, `number,source\n${many.join('\n')}`);
    expect((await run(`consents remove acme ${long}`)).out).toBe('acme: 99999 changed\n');
    expect((await run('consents list acme')).out).toMatch(/966500000002\s+promotional\s+shop/);
    expect((await run(`consents remove acme ${consents}`)).out).toBe('acme: 2 changed\n');
    const senders = join(folder, 'senders.ndjson');
    writeFileSync(senders, '{"sender":"ACME","status":"approved"}\n');
    expect((await run(`senders add * ${senders}`)).out).toBe('*: 1 changed\n');
    expect((await run('senders list *')).out).toMatch(/ACME\s+approved/);
    expect((await run('suspensions add --country PK --reason PTA')).code).toBe(0);
    expect((await run('suspensions list')).out).toMatch(/PK\s+PTA/);
    expect((await run('suspensions remove --country PK --reason open')).code).toBe(0);
    expect((await run('suspensions remove --country PK --reason open')).code).toBe(1);
  });
});

describe('migrate', () => {
  it('brings an empty database to this version, and finds it current then', async () => {
    const empty = await createDatabase({ empty: true });
    const env = { DATABASE_URL: empty.url, CRYPTO_KEY: 'x'.repeat(32) };
    const first = JSON.parse((await run('migrate --json', env)).out);
    expect(first.applied[0]).toBe('0001_init.sql');
    expect((await run('migrate', env)).out).toBe(`the database is current (${first.current})\n`);
    await empty.drop();
  });

  it('says in one line when the database does not answer', async () => {
    const ran = await run('migrate', {
      DATABASE_URL: 'postgresql://127.0.0.1:1/x',
      CRYPTO_KEY: 'x'.repeat(32),
    });
    expect(ran.code).toBe(1);
    expect(ran.err.trim().split('\n')).toHaveLength(1);
  });
});

describe('ensureAdminToken', () => {
  it('makes a token once, readable by its owner only', async () => {
    const dataDir = join(folder, 'data');
    const made = ensureAdminToken(dataDir, undefined);
    expect(made.token).toMatch(/^[\w-]{43}$/);
    expect(made.path).toBe(adminTokenPath(dataDir));
    expect(ensureAdminToken(dataDir, undefined)).toEqual(made);
    expect(ensureAdminToken(dataDir, 'own')).toEqual({ token: 'own', path: undefined });
    const { statSync } = await import('node:fs');
    expect(statSync(adminTokenPath(dataDir)).mode & 0o777).toBe(0o600);
  });
});

describe('main.ts', () => {
  const main = fileURLToPath(new URL('../../../src/main.ts', import.meta.url));
  const start = (...args: string[]) =>
    promisify(execFile)(process.execPath, [main, ...args], { env: {} });

  it('runs as a process with its exit codes', async () => {
    expect((await start('--help')).stdout).toContain('Usage: smppgate');
    await expect(start('nonsense')).rejects.toMatchObject({ code: 2 });
    await expect(start('account', 'list')).rejects.toMatchObject({ code: 1 });
  });
});
