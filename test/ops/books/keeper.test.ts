import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CarrierFiles, dayOf } from '../../../src/ops/books/carrier-files.ts';
import { DAY_MS } from '../../../src/ops/books/carrier-report.ts';
import { Keeper } from '../../../src/ops/books/keeper.ts';
import { createLog } from '../../../src/ops/logs.ts';
import { connectStore } from '../../../src/store/pool.ts';
import { eventually } from '../../support/gateway.ts';
import { BooksStand } from './books-stand.ts';

let stand: BooksStand;
let folder: string;
let now = Date.now();
const logged: string[] = [];
let keeper: Keeper;
let rival: Keeper;
beforeAll(async () => {
  stand = await BooksStand.start();
  folder = mkdtempSync(join(tmpdir(), 'smppgate-books-'));
  const { gateway } = stand;
  const log = createLog('info', { write: (line) => logged.push(line) });
  const [{ url } = { url: '' }] = [gateway.pool.options.connectionString].map((url) => ({ url }));
  const made = () =>
    new Keeper({
      pool: gateway.pool,
      connect: () => connectStore({ url: url ?? '', applicationName: 'books' }),
      counter: stand.counter,
      files: new CarrierFiles({ pool: gateway.pool, log, folder }),
      log,
      now: () => now,
    });
  keeper = made();
  rival = made();
  await stand.send('alice', { destination_addr: '966500000001' });
});
afterAll(async () => {
  await keeper.close();
  await rival.close();
  await stand.close();
  rmSync(folder, { recursive: true });
});

const scrape = async (name: string) =>
  new RegExp(`^smppgate_${name} (\\S+)$`, 'm').exec(await stand.ops.metrics.scrape())?.[1];

describe('Keeper', () => {
  it('chains the ledger, checks the books, and says so in metrics', async () => {
    expect(Number(await scrape('ledger_chain_lag_entries'))).toBeGreaterThan(0);
    expect((await scrape('ledger_mismatches'))?.toLowerCase()).toBe('nan');
    await keeper.turn();
    expect(await scrape('ledger_chain_lag_entries')).toBe('0');
    expect(await scrape('ledger_mismatches')).toBe('0');
  });

  it('counts no message of which a neighbour may still come', async () => {
    // It is younger than 20 s.
    expect(await stand.gateway.sql('select from message_group')).toEqual([]);
  });

  it('is one for all nodes', async () => {
    await stand.send('alice', { destination_addr: '966500000001' });
    await rival.turn();
    expect(Number(await scrape('ledger_chain_lag_entries'))).toBeGreaterThan(0);
    await keeper.turn();
    expect(await scrape('ledger_chain_lag_entries')).toBe('0');
  });

  it('keeps a difference that it found until a whole reconciliation finds none', async () => {
    const tamper = async (by: number) => {
      await stand.gateway.sql('alter table ledger_entry disable trigger ledger_is_immutable');
      await stand.gateway.sql(
        'update ledger_entry set messages = messages + $1 where id = (select min(id) from ledger_entry)',
        [by],
      );
      await stand.gateway.sql('alter table ledger_entry enable trigger ledger_is_immutable');
    };
    await tamper(1);
    now += 61_000;
    await keeper.turn();
    expect(await scrape('ledger_mismatches')).toBe('1');
    expect(
      logged.some(
        (line) => line.includes('does not reconcile') && line.includes('entryIsAsChained'),
      ),
    ).toBe(true);
    await tamper(-1);
    now += 61_000;
    await keeper.turn();
    expect(await scrape('ledger_mismatches')).toBe('1');
    expect((await stand.ops.request('GET', '/v1/reconciliation')).json).toMatchObject({ ok: true });
    expect(await scrape('ledger_mismatches')).toBe('0');
  });

  it('writes the file of each carrier for the days before, for its owner alone', async () => {
    now = Date.now() + 2 * DAY_MS;
    const carrier = join(folder, 'up');
    await keeper.turn();
    const today = dayOf(Date.now());
    await eventually(() => expect(existsSync(join(carrier, `${today}.csv`))).toBe(true));
    const file = join(carrier, `${today}.csv`);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'utf8').trimEnd().split('\r\n')).toHaveLength(3);
    const names = () => readdirSync(carrier);
    const last = `${dayOf(now - 1_800_000 - DAY_MS)}.csv`;
    await eventually(() => expect(names()).toContain(last));
    expect(names().length).toBeGreaterThanOrEqual(7);
    expect(names().filter((name) => name.endsWith('.part'))).toEqual([]);
  });

  it('leaves a file that is there, and removes old ones', async () => {
    const carrier = join(folder, 'up');
    const kept = readdirSync(carrier).toSorted().at(-1) ?? '';
    writeFileSync(join(carrier, kept), 'as it was');
    writeFileSync(join(carrier, '2020-01-01.csv'), 'old');
    now += DAY_MS;
    await keeper.turn();
    await eventually(() => expect(existsSync(join(carrier, '2020-01-01.csv'))).toBe(false));
    expect(readFileSync(join(carrier, kept), 'utf8')).toBe('as it was');
  });

  it('writes the last days of a carrier that left the resources, and none after', async () => {
    const apart = mkdtempSync(join(tmpdir(), 'smppgate-books-'));
    const log = createLog('info', { write: () => {} });
    await stand.gateway.sql('update carrier set removed_at = now()');
    await new CarrierFiles({ pool: stand.gateway.pool, log, folder: apart }).work(
      Date.now() + 3 * DAY_MS,
    );
    const last = readdirSync(join(apart, 'up')).toSorted().at(-1) ?? '';
    const rows = readFileSync(join(apart, 'up', last), 'utf8')
      .trimEnd()
      .split('\r\n');
    rmSync(apart, { recursive: true });
    const [carrier] = await stand.gateway.sql<{ removed_at: Date }>(
      'select removed_at from carrier',
    );
    expect(last).toBe(`${dayOf(carrier?.removed_at.getTime() ?? 0)}.csv`);
    expect(rows).toHaveLength(3);
  });
});
