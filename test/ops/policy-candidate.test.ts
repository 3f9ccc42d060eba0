import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { candidatePolicies } from '../../src/ops/policy-candidate.ts';
import { type OpsBench, startOps } from './ops-bench.ts';

let ops: OpsBench;
beforeAll(async () => {
  ops = await startOps();
  const stored = `classes: {adverts: {lane: bulk}}
wordLists: {en: {language: en, words: "[fraud]\\nprize"}}
tariffs: {t: {"*": "0.1"}}
terms: {none: {}}
accounts: [{name: acme, tariff: t, terms: none}]
`;
  await ops.request('PUT', '/v1/resources', stored, { 'content-type': 'application/yaml' });
});
afterAll(() => ops.stop());

async function faultsOf(rule: string): Promise<string[]> {
  const made = await candidatePolicies(ops.pool, `policies: {p: {rules: [${rule}]}}`, undefined);
  return 'faults' in made ? made.faults.map(({ key, message }) => `${key} ${message}`) : [];
}

describe('candidatePolicies', () => {
  it('takes names that the store has', async () => {
    expect(await faultsOf('{words: {lists: [en], categories: [fraud]}}')).toEqual([]);
    expect(await faultsOf('{consent: {}, when: {classes: [adverts], accounts: [acme]}}')).toEqual(
      [],
    );
  });

  it('refuses those that neither it nor the file has', async () => {
    const at = 'policies.p.rules[0]';
    expect(await faultsOf('{words: {lists: [ru]}}')).toEqual([
      `${at}.words.lists[0] refers to ru, which is not in wordLists`,
    ]);
    expect(await faultsOf('{words: {lists: [en], categories: [frod]}}')).toEqual([
      `${at}.words.categories[0] refers to frod, which is a category of none of its lists`,
    ]);
    expect(await faultsOf('{consent: {}, when: {classes: [advert], accounts: [acne]}}')).toEqual([
      `${at}.when.accounts[0] refers to acne, which is not in accounts`,
      `${at}.when.classes[0] refers to advert, which is not in classes`,
    ]);
  });
});
