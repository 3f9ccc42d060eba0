import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type PolicySpec, ruleSchema } from '../../src/domain/policy-schema.ts';
import { diffResources } from '../../src/domain/resource-diff.ts';
import { parseResources } from '../../src/domain/resource-file.ts';
import { accountSchema } from '../../src/domain/resource-schema.ts';
import { emptyResourceSet, type ResourceSet } from '../../src/domain/resources.ts';
import { networkCode } from '../../src/domain/route-schema.ts';
import { name } from '../../src/domain/schema-parts.ts';
import { category } from '../../src/domain/word-list-schema.ts';
import { applied, matches, parsed } from './resource-samples.ts';

/** What all the files below refer to, and a rule that has each name right. */
const BASE = `tariffs: {t: {"*": "0.1"}}
terms: {none: {}}
classes: {promo: {lane: bulk}}
wordLists: {en: {language: en, category: general, words: "[gambling]\\ncasino\\n[fraud]\\nprize"}}
networks: {"42001": {prefixes: ["96650"]}}
accounts: [{name: acme, tariff: t, terms: none}]
`;

/** Each place of a rule that names something: a name that there is, and one that there is not. */
const PLACES: Record<
  string,
  readonly [rule: (given: string) => object, right: string, wrong: string]
> = {
  'when.accounts[]': [(one) => ({ when: { accounts: [one] }, consent: {} }), 'acme', 'acne'],
  'when.classes[]': [(one) => ({ when: { classes: [one] }, consent: {} }), 'promo', 'promotion'],
  'senderRegistered.suffixes{}': [
    (one) => ({ senderRegistered: { suffixes: { [one]: '-AD' } } }),
    'promo',
    'adverts',
  ],
  'senderRegistered.prefixes{}': [
    (one) => ({ senderRegistered: { prefixes: { [one]: 'AD-' } } }),
    'otp',
    'otpp',
  ],
  'classes.allowed[]': [(one) => ({ classes: { allowed: [one] } }), 'personal', 'person'],
  'deliveryFalls.classes[]': [(one) => ({ deliveryFalls: { classes: [one] } }), 'otp', 'otpp'],
  'closedPrefixes.allowed{}': [
    (one) => ({ closedPrefixes: { allowed: { [one]: ['92'] } } }),
    'acme',
    'acne',
  ],
  'words.lists[]': [(one) => ({ words: { lists: [one] } }), 'en', 'eng'],
  'words.categories[]': [
    (one) => ({ words: { lists: ['en'], categories: [one] } }),
    'fraud',
    'frod',
  ],
  'suspendedDestinations.destinations[].network': [
    (network) => ({ suspendedDestinations: { destinations: [{ network, reason: 'x' }] } }),
    '42001',
    '42010',
  ],
};

/** The same of an account. */
const ACCOUNT_PLACES: Record<string, readonly [part: (given: string) => object, right: string]> = {
  tariff: [(tariff) => ({ tariff }), 't'],
  terms: [(terms) => ({ terms }), 'none'],
  policy: [(policy) => ({ policy }), 'open'],
  trafficClass: [(trafficClass) => ({ trafficClass }), 'promo'],
  'classBy.tlv.values{}': [
    (one) => ({ classBy: { tlv: { tag: 0x1500, values: { x: one } } } }),
    'promo',
  ],
  'classBy.senders{}': [(one) => ({ classBy: { senders: { BANK: one } } }), 'otp'],
  'classes[]': [(one) => ({ classes: ['transactional', one] }), 'promo'],
  'binds[].trafficClass': [
    (trafficClass) => ({ binds: [{ systemId: 'a', password: 'b', trafficClass }] }),
    'promo',
  ],
};

/** Where a schema takes names: of resources, categories, networks; `{}` are keys of a map, or its values. */
function placesOf(schema: unknown, at = ''): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const { pattern, properties, items, propertyNames, additionalProperties, anyOf } =
    schema as Record<string, object | undefined>;
  const here = NAME_PATTERNS.has(String(pattern)) ? [at] : [];
  const under = Object.entries(properties ?? {}).flatMap(([key, part]) =>
    placesOf(part, at === '' ? key : `${at}.${key}`),
  );
  return [
    ...here,
    ...under,
    ...placesOf(items, `${at}[]`),
    ...placesOf(propertyNames, `${at}{}`),
    ...placesOf(additionalProperties, `${at}{}`),
    ...((anyOf as object[] | undefined) ?? []).flatMap((part) => placesOf(part, at)),
  ];
}

const jsonOf = (schema: z.ZodType) =>
  z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Record<string, unknown>;
const NAME_PATTERNS = new Set(
  [name, category, networkCode].map((schema) => String(jsonOf(schema).pattern)),
);

function errorsOf(current: ResourceSet, text: string): string[] {
  const read = parseResources(text);
  if ('errors' in read) return read.errors.map(({ key, message }) => `${key} ${message}`);
  const diff = diffResources(current, read.ok, matches);
  return 'errors' in diff ? diff.errors.map(({ key, message }) => `${key} ${message}`) : [];
}

const policyOf = (...rules: object[]) => `policies: ${JSON.stringify({ p: { rules } })}\n`;

const stored = async () => applied(parsed(BASE));

/** What an earlier version let through. */
function withStored(set: ResourceSet, ...rules: object[]): ResourceSet {
  const read = parseResources(policyOf(...rules));
  const spec = 'ok' in read ? read.ok.policies?.get('p') : undefined;
  return { ...set, policies: new Map([['p', spec as PolicySpec]]) };
}

describe('names in rules', () => {
  it('are all the places where their schema takes one', () => {
    expect(placesOf(jsonOf(ruleSchema)).sort()).toEqual(Object.keys(PLACES).sort());
    const own = placesOf(jsonOf(accountSchema)).filter((place) => place !== 'name');
    expect(own.sort()).toEqual(Object.keys(ACCOUNT_PLACES).sort());
  });

  it.each(Object.entries(PLACES))(
    'are there or are refused: %s',
    async (place, [rule, right, wrong]) => {
      const [key] = [place.replaceAll('[]', '[0]')];
      const at = (one: string) => `policies.p.rules[1].${key.replace('{}', `.${one}`)}`;
      const file = (one: string) => policyOf({ length: { maxSegments: 1 } }, rule(one));
      expect(errorsOf(await stored(), file(right))).toEqual([]);
      const [error, ...more] = errorsOf(await stored(), file(wrong));
      expect(error).toMatch(`${at(wrong)} refers to ${wrong}, which is`);
      expect(more).toEqual([]);
      // In one file, which has them all.
      expect(errorsOf(emptyResourceSet(), `${BASE}${file(right)}`)).toEqual([]);
      expect(errorsOf(emptyResourceSet(), `${BASE}${file(wrong)}`)).toEqual([error]);
    },
  );

  it.each(Object.entries(ACCOUNT_PLACES))(
    'of accounts as well: %s',
    async (place, [part, right]) => {
      const file = (one: string) =>
        `accounts: ${JSON.stringify([{ name: 'b', tariff: 't', terms: 'none', ...part(one) }])}\n`;
      expect(errorsOf(await stored(), file(right))).toEqual([]);
      const [error, ...more] = errorsOf(await stored(), file('nosuch'));
      const beginning = place.split(/[[{]/)[0];
      expect(error).toMatch(`accounts.b.${beginning}`);
      expect(error).toMatch(/ refers to nosuch, which is not in (tariffs|terms|policies|classes)$/);
      expect(more).toEqual([]);
    },
  );

  it('are told with their line', () => {
    const read = parseResources(`${BASE}policies:
  p:
    rules:
      - words:
          lists: [en]
          categories:
            - gambling
            - frod
`);
    expect(read).toEqual({
      errors: [
        {
          line: 14,
          key: 'policies.p.rules[0].words.categories[1]',
          message: 'refers to frod, which is a category of none of its lists',
        },
      ],
    });
  });
});

describe('categories of rules', () => {
  const rule = (...categories: string[]) =>
    policyOf({ words: { lists: ['en', 'ru'], categories } });
  const lists = (en: string, ru: string) =>
    `wordLists: ${JSON.stringify({ en: { language: 'en', words: en }, ru: { language: 'ru', words: ru } })}\n`;
  const NONE = ' refers to general, which is a category of none of its lists';

  it('are those of any of its lists that have an entry', () => {
    const errors = (words: string) =>
      errorsOf(emptyResourceSet(), lists(words, '[adult]\nпорно') + rule('general', 'adult'));
    expect(errors('casino')).toEqual([]);
    expect(errors('# none\n\ncasino\n[fraud]\nprize')).toEqual([]);
    expect(errors('[fraud]\nprize\n []\ncasino')).toEqual([]);
    expect(errors('[not a heading\n[fraud]\nprize')).toEqual([]);
    expect(errors('# [fraud]\ncasino [x]')).toEqual([]);
    expect(errors('[fraud]\nprize')).toEqual([`policies.p.rules[0].words.categories[0]${NONE}`]);
    expect(errors('[general]\n# nothing\n  [fraud]  \r\nprize')).toEqual([
      `policies.p.rules[0].words.categories[0]${NONE}`,
    ]);
  });

  it('are not known of a list that is emptied, and again when it is filled', async () => {
    const before = await applied(parsed(lists('casino', 'казино') + rule('general')));
    expect(errorsOf(before, lists('', 'казино'))).toEqual([]);
    expect(errorsOf(before, lists('[fraud]\nprize', ''))).toEqual([]);
    expect(errorsOf(before, lists('[fraud]\nprize', '[fraud]\nприз'))).toEqual([
      `policies.p.rules[0].words.categories[0]${NONE}`,
    ]);
  });
});

describe('names that were stored before they were checked', () => {
  const wrong = { when: { classes: ['promotion'] }, consent: {} };

  it('keep nobody from changing something else, and not from leaving them', async () => {
    const before = withStored(await stored(), wrong);
    expect(errorsOf(before, 'terms: {none: {}, other: {}}')).toEqual([]);
    expect(errorsOf(before, 'classes: {promo: {lane: normal}}')).toEqual([]);
    expect(errorsOf(before, policyOf(wrong))).toEqual([]);
    expect(errorsOf(before, policyOf())).toEqual([]);
  });

  it('are refused with any change of the policy, and others beside them', async () => {
    const before = withStored(await stored(), wrong);
    const error =
      'policies.p.rules[0].when.classes[0] refers to promotion, which is not in classes';
    expect(errorsOf(before, policyOf({ ...wrong, mode: 'monitor' }))).toEqual([error]);
    const promo = { when: { classes: ['promo'] }, consent: {} };
    expect(errorsOf(withStored(await stored(), wrong, promo), 'classes: {}')).toEqual([
      'policies.p.rules[1].when.classes[0] refers to promo, which the file would remove from classes',
    ]);
  });
});
