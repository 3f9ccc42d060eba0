import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diffResources } from '../../src/domain/resource-diff.ts';
import { exportResources, parseResources } from '../../src/domain/resource-file.ts';
import { RULE_KINDS } from '../../src/domain/rules/kinds.ts';
import { applied, EXAMPLE, MINIMAL, matches, parsed } from './resource-samples.ts';

function errorsOf(text: string, suggest?: () => string) {
  const result = parseResources(text, suggest === undefined ? {} : { suggest });
  return 'errors' in result ? result.errors : [];
}

describe('parseResources', () => {
  it('reads the documented example', () => {
    const file = parsed(EXAMPLE);
    expect(file.tariffs?.get('standard')).toEqual({ '966': '0.05', '7': '0.00645', '*': '0.1' });
    expect(file.accounts?.get('acme')).toMatchObject({
      credit: '1000',
      statusFor: { insufficientCredit: 0x401 },
    });
    expect(file.routes?.get('')?.carriers).toEqual([
      { name: 'sim', weight: 1, priority: 1, allowLoss: false },
    ]);
  });

  it('has the example’s values for defaults', () => {
    const example = parsed(EXAMPLE);
    const minimal = parsed(MINIMAL);
    expect(minimal.terms?.get('none')).toEqual(example.terms?.get('platform-fault-only'));
    const {
      statusFor: _,
      limits: __,
      credit: ___,
      binds,
      ...account
    } = example.accounts?.get('acme') ?? { binds: [] };
    expect(minimal.accounts?.get('acme')).toMatchObject({ ...account, tariff: 't', terms: 'none' });
    const { allowFrom: ____, burst: _____, ...bind } = binds[0] ?? {};
    expect(minimal.accounts?.get('acme')?.binds).toEqual([bind]);
    expect(minimal.carriers?.get('sim')).toEqual({
      ...example.carriers?.get('sim'),
      host: 'localhost',
    });
  });

  it('reads the same from JSON', () => {
    const json =
      '{"tariffs":{"t":{"966":0.05}},\n\t"routes":[{"prefix":"","carriers":[{"name":"sim"}]}]}';
    expect(parsed(json)).toEqual(
      parsed('tariffs: {t: {"966": "0.05"}}\nroutes: [{prefix: "", carriers: [{name: sim}]}]'),
    );
  });

  it('reads the shipped demo', () => {
    const demo = parsed(readFileSync(new URL('../../config/demo.yaml', import.meta.url), 'utf8'));
    expect(demo.accounts?.get('demo')).toMatchObject({
      credit: '1000',
      binds: [{ password: { generate: true } }],
    });
    expect(demo.carriers?.get('sim')).toMatchObject({
      host: '127.0.0.1',
      port: 0,
      password: { generate: true },
    });
    expect(demo.terms?.get('platform-fault-only')).toEqual(parsed(MINIMAL).terms?.get('none'));
  });

  it('touches nothing when it is empty', () => {
    expect(parsed('')).toEqual({});
    expect(parsed('# only a comment\n')).toEqual({});
  });

  it('takes unquoted numbers by their text: money, prefixes, names, passwords', () => {
    const file = parsed(
      'tariffs: {t: {966: 0.10, 0: 1}}\nroutes: [{prefix: 966, carriers: [{name: 7}]}]',
    );
    expect(file.tariffs?.get('t')).toEqual({ '966': '0.1', '0': '1' });
    expect([...(file.routes?.keys() ?? [])]).toEqual(['966']);
  });

  it.each([
    ['tariffs: {t: {"*": 0.0000001}}', 'tariffs.t.*', 'has more than six decimals'],
    ['tariffs: {t: {"*": 1.1234567890123456789}}', 'tariffs.t.*', 'has more than six decimals'],
    ['tariffs: {t: {"*": "-1"}}', 'tariffs.t.*', 'must not be negative'],
    ['tariffs: {t: {"*": 1e-3}}', 'tariffs.t.*', 'is not a decimal number such as "0.05"'],
    ['tariffs: {t: {"+966": "1"}}', 'tariffs.t.+966', 'must be 1 to 15 digits, or "*"'],
    ['tarifs: {}', 'tarifs', 'is not a known key'],
    ['terms: {a: {chargeon: submit}}', 'terms.a.chargeon', 'is not a known key'],
    ['terms: {a: {chargeOn: later}}', 'terms.a.chargeOn', 'expected one of "submit"|"delivered"'],
    [
      'terms: {a: {refundIntoExpired: {extendDays: 0}}}',
      'terms.a.refundIntoExpired.extendDays',
      'must be a whole number from 1 to 36500',
    ],
    [
      'terms: {a: {refundIntoExpired: never}}',
      'terms.a.refundIntoExpired',
      'must be forfeit, restore or {extendDays: N}',
    ],
    ['classes: {a: {lane: slow}}', 'classes.a.lane', 'expected one of "fast"|"normal"|"bulk"'],
    [
      'policies: {p: {rules: [{name: x}]}}',
      'policies.p.rules[0]',
      `needs exactly one kind of: ${Object.keys(RULE_KINDS).join(', ')}`,
    ],
    [
      'routes: [{prefix: "9a", carriers: [{name: s}]}]',
      'routes[0].prefix',
      'must be digits, or "" for every number',
    ],
    [
      'routes: [{prefix: "", carriers: []}]',
      'routes[0].carriers',
      'must name at least one carrier',
    ],
    ['accounts: {acme: {}}', 'accounts', 'expected array, received object'],
  ])('refuses %s', (text, key, message) => {
    expect(errorsOf(`# a comment first\n${text}`)).toEqual([{ line: 2, key, message }]);
  });

  const account = (rest: string, bind = 'systemId: a, password: b') =>
    `accounts:\n  - name: acme\n    tariff: t\n    terms: m\n    ${rest}\n    binds:\n      - {${bind}}\n`;

  it.each([
    ['credits: 5', 5, 'accounts[0].credits', 'is not a known key'],
    ['credit: 0.1234567', 5, 'accounts[0].credit', 'has more than six decimals'],
    [
      'validityDefaultHours: 200',
      5,
      'accounts[0].validityDefaultHours',
      'must not be over validityMaxHours',
    ],
    ['statusFor: {nosuch: 5}', 5, 'accounts[0].statusFor.nosuch', 'is not a known key'],
    [
      'statusFor: {throttled: 0}',
      5,
      'accounts[0].statusFor.throttled',
      'must be a whole number from 1 to 4294967295',
    ],
    [
      'receipts: {dates: local}',
      5,
      'accounts[0].receipts.dates',
      'must be utc or an offset such as "+03:00"',
    ],
  ])('names line and key of %s in an account', (rest, line, key, message) => {
    expect(errorsOf(account(rest))).toEqual([{ line, key, message }]);
  });

  it.each([
    ['systemId: "", password: b', 'systemId', 'must not be empty'],
    ['systemId: ab, password: ""', 'password', 'must not be empty'],
    ['systemId: ab, password: pässword', 'password', 'must be printable ASCII'],
    ['systemId: ab', 'password', 'needs either password or passwordHash'],
    [
      'systemId: ab, password: b, passwordHash: c',
      'password',
      'needs either password or passwordHash',
    ],
    [
      'systemId: ab, password: b, windowMax: 0',
      'windowMax',
      'must be a whole number from 1 to 10000',
    ],
    [
      'systemId: ab, password: b, allowFrom: [10.0.0.0/40]',
      'allowFrom[0]',
      'must be a network such as 192.0.2.0/24',
    ],
    ['systemId: ab, password: {generate: no}', 'password', 'must be text, or {generate: true}'],
    ['systemId: ab, password: b, bindMax: 8', 'bindMax', 'is not a known key'],
  ])('names line and key of a bind with %s', (bind, key, message) => {
    expect(errorsOf(account('refusals: submit', bind))).toEqual([
      { line: 7, key: `accounts[0].binds[0].${key}`, message },
    ]);
  });

  it('refuses what SMPP does not carry and suggests a random one, without telling the secret', () => {
    const errors = errorsOf(
      account('refusals: submit', 'systemId: sixteen-octets-x, password: hunter2hunter2'),
      () => 'Random23',
    );
    expect(errors).toEqual([
      {
        line: 7,
        key: 'accounts[0].binds[0].systemId',
        message: 'must be at most 15 octets (SMPP); a random one: Random23',
      },
      {
        line: 7,
        key: 'accounts[0].binds[0].password',
        message: 'must be at most 8 octets (SMPP); a random one: Random23',
      },
    ]);
    expect(
      errorsOf(account('refusals: submit', 'systemId: fifteen-octets., password: eight888')),
    ).toEqual([]);
  });

  it('refuses names, system_ids and prefixes that stand twice', () => {
    const text = [
      'accounts:',
      '  - {name: a, tariff: t, terms: m, binds: [{systemId: x, password: p}]}',
      '  - {name: b, tariff: t, terms: m, binds: [{systemId: x, password: p}]}',
      '  - {name: a, tariff: t, terms: m}',
      'routes:',
      '  - {prefix: "9", carriers: [{name: s}, {name: s}]}',
      '  - {prefix: 9, carriers: [{name: s}]}',
    ].join('\n');
    expect(errorsOf(text)).toEqual([
      { line: 3, key: 'accounts[1].binds[0].systemId', message: 'x stands twice' },
      { line: 4, key: 'accounts[2].name', message: 'a stands twice' },
      { line: 6, key: 'routes[0].carriers[1].name', message: 's stands twice' },
      { line: 7, key: 'routes[1].prefix', message: '9 stands twice' },
    ]);
  });

  it('refuses references to what its own kinds do not have, and leaves those of absent kinds to the diff', () => {
    const text = MINIMAL.replace('tariff: t', 'tariff: missing').replace(
      '[{name: sim}]',
      '[{name: other}]',
    );
    expect(errorsOf(text)).toEqual([
      { line: 4, key: 'accounts[0].tariff', message: 'refers to missing, which is not in tariffs' },
      {
        line: 8,
        key: 'routes[0].carriers[0].name',
        message: 'refers to other, which is not in carriers',
      },
    ]);
    expect(errorsOf(account('refusals: submit'))).toEqual([]);
    expect(errorsOf(MINIMAL.replace('terms: none', 'terms: none, trafficClass: vip'))).toEqual([]);
    expect(
      errorsOf(`classes: {}\n${MINIMAL.replace('terms: none', 'terms: none, trafficClass: vip')}`),
    ).toHaveLength(1);
  });

  it('keeps profile fields as they were written', () => {
    const file = parsed(account('profile: {company: ACME Ltd, phone: 0551234567, vip: true}'));
    expect(file.accounts?.get('acme')?.profile).toEqual({
      company: 'ACME Ltd',
      phone: '0551234567',
      vip: true,
    });
  });

  it('takes a former password with its time, and neither without the other', () => {
    const bind = (more: string) => MINIMAL.replace('password: secret', `password: secret, ${more}`);
    const until = 'formerPasswordUntil: 2026-12-01T00:00:00Z';
    expect(
      parsed(bind(`formerPassword: 0123, ${until}`)).accounts?.get('acme')?.binds,
    ).toMatchObject([{ formerPassword: '0123', formerPasswordUntil: '2026-12-01T00:00:00.000Z' }]);
    const refused = [
      'formerPassword: old',
      'formerPasswordHash: h',
      until,
      `formerPassword: old, formerPasswordHash: h, ${until}`,
      'formerPassword: old, formerPasswordUntil: 2026-12-01',
      'formerPassword: old, formerPasswordUntil: 2026-12-01T00:00:00',
      'formerPassword: old, formerPasswordUntil: 2026-13-01T00:00:00Z',
      `formerPassword: ninechars, ${until}`,
      `formerPassword: {generate: true}, ${until}`,
    ];
    for (const more of refused) {
      const errors = errorsOf(bind(more));
      expect([more, errors.length]).toEqual([more, 1]);
      expect(errors[0]?.key).toMatch(/^accounts\[0\]\.binds\[0\]\.formerPassword(Until)?$/);
      expect(errors[0]?.message).not.toContain('ninechars');
    }
  });

  it('takes fingerprints of certificates as they are written anywhere', () => {
    const bind = (list: string) =>
      MINIMAL.replace('password: secret', `password: secret, certificates: ${list}`);
    const digits = '1234567890'.repeat(6).concat('1234');
    const file = parsed(bind(`["${'AB:'.repeat(31)}CD", "${'Ef'.repeat(32)}", ${digits}]`));
    expect(file.accounts?.get('acme')?.binds[0]?.certificates).toEqual([
      `${'ab'.repeat(31)}cd`,
      'ef'.repeat(32),
      digits,
    ]);
    for (const wrong of ['sha1', 'ab'.repeat(20), `${'ab:'.repeat(32)}`, `${'ab'.repeat(31)}:cd`])
      expect(errorsOf(bind(`["${wrong}"]`))).toMatchObject([
        { key: 'accounts[0].binds[0].certificates[0]' },
      ]);
  });

  it('refuses a file that is too large, before it reads it', () => {
    expect(errorsOf('#'.repeat(32 * 1024 * 1024 + 1))).toEqual([
      { line: 1, key: '', message: 'is larger than 32 MiB' },
    ]);
  });

  it('tells the line of what is in the file, by name', () => {
    const result = parseResources(EXAMPLE);
    if ('errors' in result) throw new Error('the example must parse');
    expect(result.lineOf(['accounts', 'acme', 'tariff'])).toBe(26);
    expect(result.lineOf(['tariffs', 'standard'])).toBe(2);
    expect(result.lineOf(['routes', ''])).toBe(55);
  });
});

describe('exportResources', () => {
  it('writes what parses back to an empty diff, with secrets as they are stored', async () => {
    const stored = await applied(parsed(EXAMPLE));
    const text = exportResources(stored);
    expect(text).not.toMatch(/password: |credit: /);
    const diff = diffResources(stored, parsed(text), () => false);
    expect(diff).toMatchObject({ ok: { changes: [], notInFile: [] } });
  });

  const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,12}$/);
  const word = fc.string({ minLength: 1, maxLength: 10, unit: 'grapheme' });
  const file = fc.record({
    tariffs: fc.dictionary(
      name,
      fc.dictionary(
        fc.stringMatching(/^[0-9]{1,15}$/),
        fc.stringMatching(/^[0-9]{1,6}(\.[0-9]{1,6})?$/),
      ),
    ),
    terms: fc.dictionary(
      name,
      fc.record(
        { creditValidDays: fc.nat(1000), refundAutomatic: fc.subarray(['platform', 'carrier']) },
        { requiredKeys: [] },
      ),
    ),
    policies: fc.dictionary(
      name,
      fc.record({
        rules: fc.array(fc.record({ bannedWords: fc.record({ words: fc.array(word) }) })),
      }),
    ),
    carriers: fc.uniqueArray(
      fc.record({
        name,
        host: fc.domain(),
        port: fc.integer({ min: 1, max: 65535 }),
        systemId: fc.stringMatching(/^[!-~]{1,15}$/),
        password: fc.stringMatching(/^[!-~]{1,8}$/),
        longMessages: fc.constantFrom('udh', 'sar', 'payload'),
      }),
      { selector: (carrier) => carrier.name },
    ),
  });

  it('round-trips any resources to an empty diff, from YAML and from JSON', async () => {
    await fc.assert(
      fc.asyncProperty(file, async (data) => {
        const stored = await applied(parsed(JSON.stringify(data)));
        for (const text of [exportResources(stored), JSON.stringify(data)]) {
          expect(diffResources(stored, parsed(text), matches)).toMatchObject({
            ok: { changes: [] },
          });
        }
      }),
      { numRuns: 60 },
    );
  });
});
