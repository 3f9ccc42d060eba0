import { describe, expect, it } from 'vitest';
import { diffLines, diffResources, type ResourceDiff } from '../../src/domain/resource-diff.ts';
import { emptyResourceSet, type ResourceSet } from '../../src/domain/resources.ts';
import { applied, EXAMPLE, hide, MINIMAL, matches, parsed } from './resource-samples.ts';

function diffOf(current: ResourceSet, text: string): ResourceDiff {
  const diff = diffResources(current, parsed(text), matches);
  if ('errors' in diff) throw new Error(JSON.stringify(diff.errors));
  return diff.ok;
}

function errorsOf(current: ResourceSet, text: string) {
  const diff = diffResources(current, parsed(text), matches);
  return 'errors' in diff ? diff.errors.map(({ key, message }) => `${key} ${message}`) : [];
}

describe('diffResources', () => {
  it('adds everything to an empty store, with the opening credit', () => {
    const diff = diffOf(emptyResourceSet(), EXAMPLE);
    expect(diffLines(diff)).toEqual([
      '+ tariffs standard',
      '+ terms platform-fault-only',
      '+ classes otp',
      '+ classes transactional',
      '+ classes promotional',
      '+ classes personal',
      '+ policies open',
      '+ accounts acme',
      '+ carriers sim',
      '+ routes ""',
    ]);
    expect([...diff.openings]).toEqual([['acme', 1_000_000_000n]]);
  });

  it('is empty when the same file comes again, and counts its credit no second time', async () => {
    const diff = diffOf(
      await applied(parsed(EXAMPLE)),
      EXAMPLE.replace('credit: "1000"', 'credit: "5000"'),
    );
    expect(diffLines(diff)).toEqual([]);
    expect([...diff.openings]).toEqual([]);
  });

  it('refuses an opening credit below the smallest top-up of its terms', async () => {
    const text = EXAMPLE.replace('topUpMinimum: "0"', 'topUpMinimum: "1000.5"');
    expect(text).not.toBe(EXAMPLE);
    expect(errorsOf(emptyResourceSet(), text)).toEqual([
      'accounts.acme.credit must be at least 1000.5, the topUpMinimum of its terms',
    ]);
    expect(errorsOf(await applied(parsed(EXAMPLE)), text)).toEqual([]);
  });

  it('touches only the kinds in the file', async () => {
    const stored = await applied(parsed(MINIMAL));
    const diff = diffOf(stored, 'tariffs: {t: {"*": "0.2"}, extra: {"*": "1"}}');
    expect(diffLines(diff)).toEqual(['~ tariffs t: * "0.1" -> "0.2"', '+ tariffs extra']);
    expect(diff.result.accounts).toBe(stored.accounts);
    expect(diff.notInFile).toEqual([]);
  });

  it('removes what the file leaves out when nothing uses it', async () => {
    const stored = await applied(parsed(`${MINIMAL}policies: {old: {}}\n`));
    const diff = diffOf(stored, 'policies: {}\nroutes: []\ncarriers: []');
    expect(diffLines(diff)).toEqual(['- routes ""', '- carriers sim', '- policies old']);
    expect(diff.result.routes.size).toBe(0);
  });

  it('refuses to remove what is in use, also by accounts that are not in the file', async () => {
    const stored = await applied(parsed(MINIMAL));
    expect(errorsOf(stored, 'tariffs: {}\nterms: {other: {}}\naccounts: []')).toEqual([
      'accounts.acme.tariff refers to t, which the file would remove from tariffs',
      'accounts.acme.terms refers to none, which the file would remove from terms',
    ]);
    expect(errorsOf(stored, 'carriers: []')).toEqual([
      'routes."".carriers[0].name refers to sim, which the file would remove from carriers',
    ]);
  });

  it('refuses references to what neither file nor store has', async () => {
    const text = 'accounts: [{name: b, tariff: nope, terms: none}]';
    expect(errorsOf(await applied(parsed(MINIMAL)), text)).toEqual([
      'accounts.b.tariff refers to nope, which is not in tariffs',
    ]);
  });

  it('keeps an account that the file leaves out, and says so', async () => {
    const diff = diffOf(
      await applied(parsed(MINIMAL)),
      'accounts: [{name: b, tariff: t, terms: none}]',
    );
    expect(diffLines(diff)).toEqual(['+ accounts b', '= accounts acme: not in the file, kept']);
    expect([...diff.result.accounts.keys()]).toEqual(['acme', 'b']);
  });

  it('refuses a system_id of an account that is not in the file', async () => {
    const text =
      'accounts: [{name: b, tariff: t, terms: none, binds: [{systemId: acme, password: p}]}]';
    expect(errorsOf(await applied(parsed(MINIMAL)), text)).toEqual([
      'accounts.b.binds[0].systemId acme is a system_id of account acme',
    ]);
  });

  it('says that a password changed and never what it was or is', async () => {
    const stored = await applied(parsed(MINIMAL));
    const text = MINIMAL.replace('password: secret', 'password: hunter2').replace(
      'password: gw',
      'password: hunter3',
    );
    const diff = diffOf(stored, text);
    expect(diffLines(diff)).toEqual([
      '~ accounts acme: binds[acme].password changed',
      '~ carriers sim: password changed',
    ]);
    const shown = JSON.stringify([
      diffLines(diff),
      diff.changes.map((change) => 'fields' in change && change.fields),
    ]);
    expect(shown).not.toMatch(/hunter|#/);
    expect(diff.result.accounts.get('acme')?.binds[0]).toMatchObject({ password: 'hunter2' });
  });

  it('sees a stored hash that was replaced by another one', async () => {
    const text = MINIMAL.replace('password: secret', 'passwordHash: "#other"');
    expect(diffLines(diffOf(await applied(parsed(MINIMAL)), text))).toEqual([
      '~ accounts acme: binds[acme].password changed',
    ]);
  });

  it('keeps the stored secret in place of a clear one that matches, and of one that is generated once', async () => {
    const stored = await applied(parsed(MINIMAL));
    const text = MINIMAL.replace('password: secret', 'password: {generate: true}').replace(
      '"0.1"',
      '"0.2"',
    );
    const diff = diffOf(stored, text);
    expect(diffLines(diff)).toEqual(['~ tariffs t: * "0.1" -> "0.2"']);
    expect(diff.result.accounts.get('acme')?.binds[0]).toMatchObject({
      passwordHash: hide('secret'),
    });
    expect(diff.result.carriers.get('sim')).toMatchObject({ sealedPassword: hide('gw') });
  });

  it('names fields that changed, hides profiles, and takes lists of values for sets', async () => {
    const profile = (phone: string) => `refusals: submit, profile: {phone: "${phone}"}`;
    const before = MINIMAL.replace('terms: none', `terms: none, ${profile('+966500000001')}`);
    const after = before
      .replace('+966500000001', '+966500000002')
      .replace('password: secret', 'password: secret, windowMax: 50, allowFrom: ["10.0.0.0/8"]')
      .replace('refusals: submit', 'refusals: receipt');
    expect(diffLines(diffOf(await applied(parsed(before)), after))).toEqual([
      '~ accounts acme: binds[acme].windowMax 100 -> 50, binds[acme].allowFrom ["10.0.0.0/8"] added, refusals "submit" -> "receipt", profile.phone changed',
    ]);
  });

  it('sees the order of rules, which decides, but not that of values', async () => {
    const rules = (...names: string[]) =>
      `policies: {p: {rules: [${names.map((name) => `{name: ${name}, bannedWords: {words: [x, y]}}`).join(', ')}]}}`;
    const stored = await applied(parsed(rules('a', 'b')));
    expect(diffOf(stored, rules('b', 'a')).changes).toHaveLength(1);
    expect(diffOf(stored, rules('a', 'b').replaceAll('[x, y]', '[y, x]')).changes).toHaveLength(0);
  });
});
