import { describe, expect, it } from 'vitest';
import { diffResources } from '../../src/domain/resource-diff.ts';
import { exportResources, parseResources } from '../../src/domain/resource-file.ts';
import { routeName } from '../../src/domain/route-name.ts';
import { routeSchema } from '../../src/domain/route-schema.ts';
import { applied, MINIMAL, parsed } from './resource-samples.ts';

const nameOf = (fits: object) =>
  routeName(routeSchema.parse({ ...fits, carriers: [{ name: 's' }] }));
const withRoutes = (...routes: string[]) =>
  MINIMAL.replace(/routes:[\s\S]*/, `routes:\n${routes.map((one) => `  - ${one}\n`).join('')}`);
const errorsOf = (text: string) => {
  const result = parseResources(text);
  return 'errors' in result ? result.errors : [];
};

describe('routeName', () => {
  it('is the prefix of a route that has nothing else', () => {
    expect(nameOf({ prefix: '' })).toBe('');
    expect(nameOf({ prefix: '966' })).toBe('966');
  });

  it('names what narrows it, and quotes what has blanks', () => {
    expect(nameOf({ network: '42001' })).toBe('network 42001');
    expect(nameOf({ prefix: '', account: 'acme' })).toBe('any account=acme');
    expect(nameOf({ prefix: '966', sender: 'MY "SHOP"', class: 'otp' })).toBe(
      '966 sender="MY \\"SHOP\\"" class=otp',
    );
    expect(nameOf({ prefix: '966', hours: { timeZone: 'UTC', times: ['22:00-06:00'] } })).toBe(
      '966 hours="daily 22:00-06:00 UTC"',
    );
  });

  it('is one for a numeric sender with "+" and without', () => {
    expect(nameOf({ prefix: '', sender: '+9665000*' })).toBe('any sender=9665000*');
  });
});

describe('a file with routes', () => {
  it('refuses the same route twice, and says which', () => {
    const one = '{prefix: "966", account: acme, carriers: [{name: sim}]}';
    expect(errorsOf(withRoutes(one, one))).toEqual([
      { line: 9, key: 'routes[1]', message: '966 account=acme stands twice' },
    ]);
  });

  it('refuses routes that are equal but for hours that overlap, and names both', () => {
    const at = (times: string, zone = 'UTC') =>
      `{prefix: "966", hours: {timeZone: ${zone}, times: ["${times}"]}, carriers: [{name: sim}]}`;
    expect(errorsOf(withRoutes(at('08:00-12:00'), at('12:00-18:00')))).toEqual([]);
    expect(errorsOf(withRoutes(at('08:00-12:00'), at('11:00-18:00')))).toEqual([
      {
        line: 9,
        key: 'routes[1].hours',
        message:
          '966 hours="daily 11:00-18:00 UTC" is open at the same time as 966 hours="daily 08:00-12:00 UTC"',
      },
    ]);
    expect(errorsOf(withRoutes(at('08:00-12:00'), at('12:00-18:00', 'Asia/Riyadh')))).toMatchObject(
      [{ message: expect.stringContaining('has hours of another time zone than 966 hours=') }],
    );
  });

  it('refuses a route with both prefix and network, with neither, and a wrong network', () => {
    for (const fits of ['prefix: "9", network: 42001', 'account: acme', 'network: 4200'])
      expect(errorsOf(withRoutes(`{${fits}, carriers: [{name: sim}]}`))).toHaveLength(1);
  });

  it('refuses a prefix that two networks have, and names the other', () => {
    const text = `${MINIMAL}networks:\n  42001: {prefixes: [96650, 96653]}\n  42003: {prefixes: [96653]}\n`;
    expect(errorsOf(text)).toEqual([
      { line: 11, key: 'networks.42003.prefixes[0]', message: 'is a prefix of network 42001' },
    ]);
  });

  it('refuses leastCost over a carrier without a cost, and dangling references', async () => {
    const route = (more: string) => withRoutes(`{prefix: "", ${more}, carriers: [{name: sim}]}`);
    const refused = async (text: string) => {
      const diff = diffResources(await applied(parsed(MINIMAL)), parsed(text), () => false);
      return 'errors' in diff ? diff.errors.map(({ key, message }) => `${key} ${message}`) : [];
    };
    expect(await refused(route('select: leastCost'))).toEqual([
      'routes."".carriers[0].name has no cost: the route selects by leastCost',
    ]);
    expect(
      await refused(route('select: leastCost').replace('port: 2785', 'port: 2785, cost: t')),
    ).toEqual([]);
    expect(await refused(route('account: nobody'))).toEqual([
      'routes.any account=nobody.account refers to nobody, which is not in accounts',
    ]);
    expect(errorsOf(MINIMAL.replace('port: 2785', 'port: 2785, cost: none'))).toMatchObject([
      { key: 'carriers[0].cost', message: 'refers to none, which is not in tariffs' },
    ]);
    expect(errorsOf(`classes: {}\n${route('class: vip')}`)).toMatchObject([
      { key: 'routes[0].class', message: 'refers to vip, which is not in classes' },
    ]);
  });

  it('comes back from its export as an empty diff', async () => {
    const text = `${withRoutes(
      '{network: 42001, sender: 0500*, carriers: [{name: sim, allowLoss: true}]}',
      '{prefix: "", select: leastCost, class: otp, account: acme, carriers: [{name: sim}]}',
      '{prefix: "7", hours: {timeZone: Asia/Riyadh, days: [mon, sun]}, carriers: [{name: sim, weight: 0}]}',
    ).replace(
      'port: 2785',
      'port: 2785, cost: t',
    )}networks: {42001: {operator: 1st, prefixes: [96653, 96650]}}\n`;
    const stored = await applied(parsed(text));
    expect([...stored.routes.keys()]).toEqual([
      'network 42001 sender=0500*',
      'any account=acme class=otp',
      '7 hours="sun,mon 00:00-24:00 Asia/Riyadh"',
    ]);
    expect(stored.networks.get('42001')).toEqual({ operator: '1st', prefixes: ['96650', '96653'] });
    const diff = diffResources(stored, parsed(exportResources(stored)), () => false);
    expect(diff).toMatchObject({ ok: { changes: [] } });
  });
});
