import { createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { compileCatalog } from '../../src/domain/compile-catalog.ts';
import { CreditKeeper } from '../../src/gateway/credit-keeper.ts';
import type { GatewayObserver } from '../../src/gateway/observer.ts';
import { createLog } from '../../src/ops/logs.ts';
import { createMetrics } from '../../src/ops/metrics.ts';
import { WebhookSender } from '../../src/ops/webhooks.ts';
import { readResources } from '../../src/store/resource-rows.ts';
import { type OpsBench, startOps, testSecrets } from './ops-bench.ts';

const SECRET = 'a secret of sixteen or more';

interface Taken {
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

let ops: OpsBench;
let server: Server;
let taken: Taken[] = [];
let answer = 204;

beforeAll(async () => {
  ops = await startOps();
  server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk) => {
      text += chunk;
    });
    request.on('end', () => {
      taken.push({ headers: request.headers, text });
      response.writeHead(answer, { location: 'http://127.0.0.1:1/' }).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await ops.request(
    'PUT',
    '/v1/resources',
    `
tariffs: {standard: {"*": "0.05"}}
terms: {lots: {topUpExtendsBalance: false, creditValidDays: 20}}
accounts:
  - name: acme
    tariff: standard
    terms: lots
    credit: "10"
    creditLine: "2.5"
    warnings: {expiryDays: [1, 30, 7], balanceBelow: "5"}
    webhook: {url: "http://127.0.0.1:${port}/credit", secret: "${SECRET}"}
`,
    { 'content-type': 'application/yaml' },
  );
});
afterAll(async () => {
  await new Promise((resolve) => server.close(resolve));
  await ops.stop();
});
beforeEach(() => {
  taken = [];
  answer = 204;
});

async function parts() {
  const client = await ops.pool.connect();
  const stored = await readResources(client).finally(() => client.release());
  const compiled = compileCatalog(stored);
  const told: string[] = [];
  const observer = {
    money: () => {},
    note: (_: string, what: string, fields: object) =>
      told.push(`${what} ${JSON.stringify(fields)}`),
    creditWarning: (_: unknown, event: string) => told.push(event),
  } as unknown as GatewayObserver;
  const keeper = new CreditKeeper({ pool: ops.pool, observer, catalog: () => compiled });
  const metrics = createMetrics();
  const sender = new WebhookSender({
    pool: ops.pool,
    metrics,
    log: createLog('silent', { write: () => {} }),
    catalog: () => compiled,
    open: (sealed) => testSecrets().open(sealed),
    now: Date.now,
  });
  return { keeper, sender, told, metrics };
}

/** A keeper that was not there before warns at once. */
async function warn(): Promise<string[]> {
  const { keeper, told } = await parts();
  await keeper.work(Date.now(), performance.now() + 60_000);
  return told;
}

const spend = (credits: string, reference: string) =>
  ops.request('POST', '/v1/accounts/acme/adjustments', { credits, reference, reason: 'test' });
const expireIn = (days: number) =>
  ops.pool.query("update lot set expires_at = now() + $1 * interval '1 day' where not own", [days]);

describe('CreditKeeper', () => {
  it('warns of an expiry once for each of its days, of the nearest only', async () => {
    expect(await warn()).toEqual(['credit.expiring']); // 20 days: within 30
    expect(await warn()).toEqual([]);
    await expireIn(0.5); // within 7 and 1
    expect(await warn()).toEqual(['credit.expiring']);
    expect(await warn()).toEqual([]);
    const { rows } = await ops.pool.query(
      "select body->>'withinDays' as days, body->>'lot' as lot from webhook_event order by id",
    );
    expect(rows).toEqual([
      { days: '30', lot: 'opening' },
      { days: '1', lot: 'opening' },
    ]);
  });

  it('warns of low credit once, and again after it was not low', async () => {
    await spend('-5', 'down to 5');
    expect(await warn()).toEqual([]);
    await spend('-0.000001', 'below 5');
    expect(await warn()).toEqual(['credit.low']);
    expect(await warn()).toEqual([]);
    await spend('1', 'up');
    expect(await warn()).toEqual([]);
    await spend('-2', 'down again');
    expect(await warn()).toEqual(['credit.low']);
  });

  it('leaves low credit on the page for as long as it is low', async () => {
    const page = async () => (await ops.request('GET', '/')).text;
    // 10 - 5 - 0.000001 + 1 - 2, warned below 5.
    expect(await page()).toMatch(/Low credit.*<td>acme<\/td><td>3\.999999<\/td><td>5<\/td>/s);
    await spend('2', 'up again');
    expect(await page()).toContain('No account is below what it is warned at.');
    await spend('-2', 'and down');
  });

  it('takes what is expired from the books and says so', async () => {
    await expireIn(-0.001);
    expect(await warn()).toEqual(['credit.expired', 'credit.low'].slice(0, 1));
    const balance = await ops.request('GET', '/v1/accounts/acme/balance');
    expect(balance.json).toMatchObject({ credits: '0', reserved: '0', available: '0' });
  });
});

describe('WebhookSender', () => {
  it('sends each event once, signed, without anything but what it is about', async () => {
    const { sender } = await parts();
    await sender.look();
    await sender.look();
    await sender.close();
    expect(taken.map(({ headers }) => headers['x-smppgate-event']).toSorted()).toEqual([
      'credit.expired',
      'credit.expiring',
      'credit.expiring',
      'credit.low',
      'credit.low',
    ]);
    for (const { headers, text } of taken) {
      const [, seconds = '', mac] =
        /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers['x-smppgate-signature'])) ?? [];
      expect(Math.abs(Number(seconds) * 1_000 - Date.now())).toBeLessThan(60_000);
      expect(createHmac('sha256', SECRET).update(`${seconds}.${text}`).digest('hex')).toBe(mac);
      expect(JSON.parse(text)).toMatchObject({
        id: headers['x-smppgate-delivery'],
        event: headers['x-smppgate-event'],
        account: 'acme',
      });
    }
  });

  it('tries again later, longer each time, and does not follow a redirect', async () => {
    await ops.pool.query(
      `insert into webhook_event (account, event, cause, body, next_try_at) values (1, 'credit.low', 'x', '{}', now())`,
    );
    const waits: number[] = [];
    const { sender, metrics } = await parts();
    for (const status of [500, 302, 404]) {
      answer = status;
      await ops.pool.query(
        "update webhook_event set next_try_at = now() where cause = 'x' and next_try_at is not null",
      );
      await sender.look();
      const { rows } = await ops.pool.query(
        "select extract(epoch from next_try_at - now())::float8 as wait, status, tries from webhook_event where cause = 'x'",
      );
      expect(rows[0]).toMatchObject({ status });
      waits.push(rows[0].wait);
    }
    expect(taken).toHaveLength(3);
    // 10, 20 and 40 s, less what the look at them took.
    expect(waits[0]).toBeGreaterThan(1);
    expect(waits[1]).toBeGreaterThan(11);
    expect(waits[2]).toBeGreaterThan(31);
    await ops.pool.query(
      "update webhook_event set next_try_at = now(), tries = 29 where cause = 'x'",
    );
    await sender.look();
    const { rows } = await ops.pool.query(
      "select next_try_at from webhook_event where cause = 'x'",
    );
    expect(rows[0].next_try_at).toBeNull();
    expect(await metrics.scrape()).toContain(
      'smppgate_webhooks_total{account="acme",result="givenUp"} 1',
    );
    await sender.close();
    metrics.close();
  });

  it('is not held up by a server that never answers, and leaves the event to the next look', async () => {
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    await ops.request('PATCH', '/v1/accounts/acme', {
      webhook: { url: `http://127.0.0.1:${port}/` },
    });
    await ops.pool.query(
      `insert into webhook_event (account, event, cause, body, next_try_at) values (1, 'credit.low', 'y', '{}', now())`,
    );
    const { sender } = await parts();
    const look = sender.look();
    await expect
      .poll(
        async () =>
          (await ops.pool.query("select tries from webhook_event where cause = 'y'")).rows[0].tries,
      )
      .toBe(1);
    await sender.close();
    await look;
    silent.closeAllConnections();
    await new Promise((resolve) => silent.close(resolve));
    const { rows } = await ops.pool.query(
      "select next_try_at > now() as later from webhook_event where cause = 'y'",
    );
    expect(rows[0].later).toBe(true);
  });
});

describe('the webhook of an account', () => {
  it('keeps its secret sealed, and a round trip of export is an empty diff', async () => {
    const { json } = await ops.request('GET', '/v1/resources');
    const exported = JSON.stringify(json);
    expect(exported).not.toContain(SECRET);
    const again = await ops.request('PUT', '/v1/resources', exported, {
      'content-type': 'application/json',
    });
    expect(again.json).toMatchObject({ applied: false, lines: [] });
  });

  it('changes its secret by a patch, and shows none', async () => {
    const patched = await ops.request('PATCH', '/v1/accounts/acme', {
      webhook: { secret: 'another secret, long enough' },
    });
    expect(patched.status).toBe(200);
    expect(testSecrets().open(patched.json.spec.webhook.sealedSecret)).toBe(
      'another secret, long enough',
    );
  });

  it.each([
    'http://example.com/',
    'https://user:word@example.com/',
    'ftp://127.0.0.1/',
    'http://127.0.0.1.example.com/',
  ])('is not %s', async (url) => {
    const patched = await ops.request('PATCH', '/v1/accounts/acme', { webhook: { url } });
    expect(patched.status).toBe(422);
  });
});
