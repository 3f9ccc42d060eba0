import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RESOURCES } from '../../store/ledger-traffic.ts';
import { type OpsBench, startOps } from '../ops-bench.ts';

/*
 * What names a network of which nobody knows a number would hold for no message: it is refused by name.
 */

let ops: OpsBench;
let account: string;
beforeAll(async () => {
  ops = await startOps();
  expect((await apply(RESOURCES)).status).toBe(200);
  const { json } = await ops.request('GET', '/v1/accounts');
  account = json.accounts[0].name;
});
afterAll(() => ops.stop());

const apply = (text: string) =>
  ops.request('PUT', '/v1/resources', text, { 'content-type': 'application/yaml' });
const networks = (text: string) => apply(`networks: {${text}}`);
const suspend = (network: string) =>
  ops.request('PUT', '/v1/suspensions', { network, reason: 'PTA order' });
const open = (network: string) => ops.request('DELETE', '/v1/suspensions', { network });
const sender = (operator: string, method: 'PUT' | 'DELETE' = 'PUT') =>
  ops.request(method, '/v1/senders', {
    ...{ account, sender: 'ACME', operator },
    ...(method === 'PUT' && { status: 'approved' }),
  });
const number = (method: 'PUT' | 'DELETE', network?: string) =>
  ops.request(method, '/v1/number-networks', {
    number: '923051234567',
    ...(network && { network }),
  });

describe.each([
  ['an order', suspend, open],
  ['a sender', sender, (operator: string) => sender(operator, 'DELETE')],
])('%s that names a network', (_, name, forget) => {
  it('holds by an MCC of the ITU alone', async () => {
    expect((await name('410')).status).toBe(200);
    await forget('410');
    expect(await name('999')).toMatchObject({
      status: 409,
      json: {
        type: 'urn:smppgate:problem:network-unknown',
        detail: expect.stringContaining('999'),
      },
    });
  });

  it('is refused by MCC and MNC until prefixes or numbers are known', async () => {
    const refused = { status: 409, json: { detail: expect.stringMatching(/41006.*networks/) } };
    expect(await name('41006')).toMatchObject(refused);
    expect((await networks('"41006": {prefixes: []}')).status).toBe(200);
    expect(await name('41006')).toMatchObject(refused);

    expect((await number('PUT', '41006')).status).toBe(200);
    expect((await name('41006')).status).toBe(200);
    await forget('41006');
    await number('DELETE');
    expect(await name('41006')).toMatchObject(refused);

    expect((await networks('"41006": {prefixes: ["92305"]}')).status).toBe(200);
    expect((await name('41006')).status).toBe(200);
    // A longer code that begins alike is another operator's.
    expect((await name('410061')).status).toBe(409);
  });

  it('keeps its prefixes while it is named', async () => {
    for (const without of ['', '"41006": {prefixes: []}'])
      expect(await networks(without)).toMatchObject({
        status: 422,
        json: { errors: [{ message: expect.stringContaining('has to keep its prefixes') }] },
      });
    expect((await networks('"41006": {prefixes: ["92305", "92306"]}')).status).toBe(200);
    await forget('41006');
    expect((await networks('')).status).toBe(200);
  });
});

describe('a resource that names a network', () => {
  const RULE =
    '{name: a, action: refuse, suspendedDestinations: {destinations: [{network: "NET", reason: x}]}}';
  const CASES: [what: string, text: string][] = [
    ['policies', `policies: {own: {rules: [${RULE}]}}`],
    ['routes', 'routes: [{network: "NET", carriers: [{name: sim}]}]'],
  ];

  it.each(CASES)('%s: needs it in networks, or an MCC', async (kind, text) => {
    const dryRun = (network: string, more = '') =>
      ops.request('PUT', '/v1/resources?dryRun=true', `${text.replace('NET', network)}\n${more}`, {
        'content-type': 'application/yaml',
      });
    const message = async (network: string) => {
      const { status, json } = await dryRun(network);
      expect(status).toBe(422);
      expect(json.errors).toHaveLength(1);
      expect(json.errors[0].at).toContain(kind);
      return json.errors[0].message;
    };
    expect(await message('41006')).toMatch(
      /refers to 41006, which is not in networks: .*name the MCC alone, 410$/,
    );
    expect(await message('999')).toMatch(/refers to 999, .* no country's mobile country code$/);
    expect(await dryRun('41006', 'networks: {"41006": {prefixes: ["92305"]}}')).toMatchObject({
      status: 200,
    });
    expect(await dryRun('410')).toMatchObject({ status: 200 });
  });

  it('may be a price list of the world', async () => {
    const csv = 'prefix,network,price\n*,,1\n,41006,2\n';
    const imported = await ops.request(
      'PUT',
      '/v1/tariffs/standard?dryRun=true&allowLargeChanges=true',
      csv,
      {
        'content-type': 'text/csv',
      },
    );
    expect(imported).toMatchObject({ status: 200 });
  });
});
