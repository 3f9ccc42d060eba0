import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OpsBench, startOps } from '../ops-bench.ts';

let ops: OpsBench;
beforeAll(async () => {
  ops = await startOps();
  const applied = await ops.request(
    'PUT',
    '/v1/resources',
    `tariffs: {standard: {"966": "0.05", "*": "0.10"}, other: {"*": "1"}}
terms: {t: {}}
accounts:
  - {name: acme, tariff: standard, terms: t, prices: [{prefix: "7", class: otp, price: "0.02"}]}
`,
    { 'content-type': 'application/yaml' },
  );
  expect(applied.status).toBe(200);
});
afterAll(() => ops.stop());

const put = (csv: string, query = '') =>
  ops.request('PUT', `/v1/tariffs/standard${query}`, csv, { 'content-type': 'text/csv' });
const get = async () => (await ops.request('GET', '/v1/tariffs/standard')).text;
const HEADING = 'prefix,network,class,sender,from,until,price\r\n';

describe('/v1/tariffs/{name}', () => {
  it('gives a tariff as CSV that it takes back without a difference', async () => {
    expect(await get()).toBe(`${HEADING}966,,,,,,0.05\r\n*,,,,,,0.1\r\n`);
    expect((await put(await get())).json).toMatchObject({ applied: false, prices: [] });
  });

  it('says in a dry run what would change, and changes nothing', async () => {
    const before = await get();
    const answer = await put('prefix,price\n966,0.06\n7,0.02\n*,0.1\n', '?dryRun=true');
    expect(answer.json).toMatchObject({
      applied: false,
      prices: [
        { price: '966', before: '0.05', after: '0.06' },
        { price: '7', before: null, after: '0.02' },
      ],
    });
    expect(await get()).toBe(before);
  });

  it('refuses prices ten times off, by name, until they are allowed', async () => {
    const csv = 'prefix,class,price\n966,,0.5\n966,otp,0.04\n*,,0.1\n';
    const refused = await put(csv);
    expect(refused.status).toBe(422);
    expect(refused.json.detail).toContain('966: 0.05 -> 0.5');
    expect(refused.json.detail).toContain('?allowLargeChanges=true');
    expect(refused.json.detail).not.toContain('otp');
    expect((await put(csv, '?dryRun=true')).status).toBe(422);
    const taken = await put(csv, '?allowLargeChanges=true');
    expect(taken.json).toMatchObject({ applied: true });
    expect(await get()).toBe(`${HEADING}966,,,,,,0.5\r\n966,,otp,,,,0.04\r\n*,,,,,,0.1\r\n`);
    expect(ops.runtime.told.some((line) => line.includes('catalog'))).toBe(true);
  });

  it('refuses a row with more cells than the heading: a decimal comma is no price of 0', async () => {
    const { status, json } = await put('prefix,price\n966,0,06\n*,0.1\n');
    expect([status, json.errors]).toEqual([
      422,
      [{ at: 'line 2', message: expect.stringContaining('has 3 cells, the heading 2') }],
    ]);
    // Empty cells behind the last one are what tables write.
    expect((await put('prefix,price\n966,0.06,,\n*,0.1\n', '?dryRun=true')).status).toBe(200);
  });

  it('refuses a file of a heading alone, which would take every price away', async () => {
    const { status, json } = await put('prefix,price\n');
    expect([status, json.detail]).toEqual([422, expect.stringContaining('no price follows')]);
  });

  it('refuses prices of a class that there is not, and above a million', async () => {
    const unknown = await put('prefix,class,price\n966,opt,0.05\n*,,0.1\n', '?dryRun=true');
    expect([unknown.status, unknown.json.detail]).toEqual([422, expect.stringContaining('opt')]);
    const query = '?dryRun=true&allowLargeChanges=true';
    const high = await put('prefix,price\n966,1000000.000001\n*,0.1\n', query);
    expect([high.status, high.json.detail]).toEqual([
      422,
      expect.stringContaining('line 2: price: must be at most 1000000'),
    ]);
    expect((await put('prefix,price\n966,1000000\n*,0.1\n', query)).status).toBe(200);
  });

  it('leaves other tariffs as they are', async () => {
    expect((await ops.request('GET', '/v1/tariffs/other')).text).toContain('*,,,,,,1\r\n');
    expect((await ops.request('GET', '/v1/tariffs/none')).status).toBe(404);
  });

  it('names each fault with its line', async () => {
    const answer = await put('prefix,price\n966,0.05\n96x,0.05\n7,1.2345678\n\n7,-1\n');
    expect(answer.status).toBe(422);
    expect(answer.json.errors.map(({ at }: { at: string }) => at)).toEqual([
      'line 3, prefix',
      'line 4, price',
      'line 6, price',
    ]);
    expect((await put('number,price\n966,1\n')).json.detail).toContain('heading');
    expect((await put('prefix,price\n966,1\n966,2\n')).json.errors).toMatchObject([
      { at: 'line 3', message: 'stands twice' },
    ]);
  });
});

describe('PUT /v1/resources, with prices', () => {
  const apply = (text: string, query = '') =>
    ops.request('PUT', `/v1/resources${query}`, text, { 'content-type': 'application/yaml' });

  it('refuses a large change with its line unless it is allowed', async () => {
    const text = 'tariffs:\n  standard: {"966": "0.5", "*": "0.1"}\n  other:\n    "*": "20"\n';
    const refused = await apply(text);
    expect(refused.status).toBe(422);
    expect(refused.json.detail).toContain('*: 1 -> 20');
    expect((await apply(text, '?allowLargeChanges=true')).json.applied).toBe(true);
  });

  it("refuses a large change of an account's own price as well", async () => {
    const text = (price: string) => `accounts:
  - {name: acme, tariff: standard, terms: t, prices: [{prefix: "7", class: otp, price: "${price}"}]}\n`;
    expect((await apply(text('0.2'))).json.detail).toContain('7 class otp: 0.02 -> 0.2');
    const prices = [{ prefix: '7', class: 'otp', price: '0.2' }];
    const patched = (query: string) =>
      ops.request('PATCH', `/v1/accounts/acme${query}`, { prices });
    expect((await patched('')).json.detail).toContain('?allowLargeChanges=true');
    expect((await patched('?allowLargeChanges=true')).status).toBe(200);
    expect((await apply(text('0.02'), '?allowLargeChanges=true')).status).toBe(200);
    expect((await apply(text('0.03'))).json.applied).toBe(true);
  });

  it('refuses what changes for an account by another tariff, or without its own prices, but not a new account', async () => {
    const accounts = (...specs: string[]) =>
      apply(`accounts:\n${specs.map((spec) => `  - {terms: t, ${spec}}\n`).join('')}`);
    const made = await accounts(
      'name: mover, tariff: standard',
      'name: dearer, tariff: other, prices: {"*": "0.1"}',
    );
    expect(made.json.applied).toBe(true);
    const moved = await accounts('name: mover, tariff: other');
    expect([moved.status, moved.json.errors]).toEqual([
      422,
      [{ at: 'line 2, accounts.mover.tariff', message: expect.stringContaining('*: 0.1 -> 20') }],
    ]);
    const bare = await ops.request('PATCH', '/v1/accounts/dearer', { prices: null });
    expect([bare.status, bare.json.detail]).toEqual([422, expect.stringContaining('*: 0.1 -> 20')]);
    expect((await accounts('name: mover, tariff: other, prices: {"*": "0.2"}')).status).toBe(200);
  });

  it('exports what it takes back without a difference', async () => {
    const exported = await ops.request('GET', '/v1/resources', undefined, {
      accept: 'application/yaml',
    });
    expect((await apply(exported.text)).json).toMatchObject({ applied: false, lines: [] });
  });

  it('names the line of a fault in the list form', async () => {
    const answer = await apply(
      'tariffs:\n  t:\n    - {prefix: "1", price: "1"}\n    - {prefix: "1", prise: "1"}\n',
    );
    expect(answer.status).toBe(422);
    expect(answer.json.detail).toContain('line 4');
    expect(answer.json.detail).toContain('prise');
  });
});
