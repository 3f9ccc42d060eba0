import { describe, expect, it } from 'vitest';
import { keyText, readYaml } from '../../src/domain/yaml-document.ts';

const plain = () => false;

function read(text: string) {
  const document = readYaml(text, plain);
  if ('errors' in document) throw new Error(JSON.stringify(document.errors));
  return document;
}

function errorsOf(text: string) {
  const document = readYaml(text, plain);
  return 'errors' in document ? document.errors : [];
}

describe('readYaml', () => {
  it('reads YAML, and JSON with tabs', () => {
    expect(read('a: 1\nb: [x, null]').value).toEqual({ a: 1, b: ['x', null] });
    expect(read('{\n\t"a": 1,\n\t"b": ["x"]\n}\n').value).toEqual({ a: 1, b: ['x'] });
    expect(read('').value).toBeNull();
  });

  it('keeps a number as it was written where that is wanted', () => {
    const document = readYaml('a: 0.10\nb: 0.10\n007: x', ([key]) => key === 'a');
    expect('value' in document && document.value).toEqual({ a: '0.10', b: 0.1, '007': 'x' });
  });

  it('unfolds anchors, each value at its own path', () => {
    const document = read('a: &x {n: 1}\nb: *x\nc:\n  - *x');
    expect(document.value).toEqual({ a: { n: 1 }, b: { n: 1 }, c: [{ n: 1 }] });
    expect(document.lineOf(['c', 0])).toBe(4);
    expect(document.lineOf(['c', 0, 'n'])).toBe(1);
  });

  it('finds the line of a key, or of what is around it', () => {
    const document = read('a:\n  b: 1\n  c:\n    - d: 2\n');
    expect(document.lineOf(['a', 'b'])).toBe(2);
    expect(document.lineOf(['a', 'c', 0, 'd'])).toBe(4);
    expect(document.lineOf(['a', 'zz'])).toBe(1);
    expect(document.lineOf(['a', 'c', 7])).toBe(3);
    expect(document.lineOf([])).toBe(1);
  });

  it.each([
    ['a: 1\nb:\n  c: 1\n  c: 2', 4, 'b.c', 'stands twice'],
    ['a: 1\n"a": 2', 2, 'a', 'stands twice'],
    ['__proto__: 1', 1, '__proto__', 'is not a known key'],
    ['a: 1\n? [x]\n: 2', 2, '', 'has a key that is not plain text'],
    ['a: *b', 1, 'a', 'is an alias without an anchor before it'],
    ['a: &a [*a]', 1, 'a[0]', 'is an alias without an anchor before it'],
    ['a: 1\n---\nb: 2', 2, '', 'has several documents; one is allowed'],
    ['a: !x 1', 1, '', 'has a tag ("!"), which is not supported'],
    ['a: @x', 1, '', 'has a value that needs quotes'],
    ['a: b: c', 1, '', 'has a second ": " in one line; put the value in quotes'],
    ['a: "x', 1, '', 'has no closing quote, bracket or separator'],
  ])('refuses %j', (text, line, key, message) => {
    expect(errorsOf(text)).toEqual([{ line, key, message }]);
  });

  it('refuses aliases that unfold to too much, soon', () => {
    const bomb = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
    for (let i = 1; i < 12; i++)
      bomb.push(
        `a${i}: &a${i} [${Array(10)
          .fill(`*a${i - 1}`)
          .join(', ')}]`,
      );
    const errors = errorsOf(bomb.join('\n'));
    expect(errors).toHaveLength(1);
    expect(errors[0]?.message).toBe('unfolds to too much: use fewer aliases');
  });

  it('refuses what is nested too deeply', () => {
    expect(errorsOf('['.repeat(100_000))[0]?.message).toMatch(/nested too deeply|no closing/);
    expect(errorsOf(`${'['.repeat(5_000)}${']'.repeat(5_000)}`)[0]?.message ?? 'fine').toMatch(
      /nested too deeply|fine/,
    );
  });

  it.each([
    'password: @hunter2',
    'password: *hunter2',
    'password: "hunter2',
    'password: hun: hunter2',
    'password: !hunter2 x',
    'password: [hunter2',
  ])('never repeats a value: %s', (text) => {
    const errors = errorsOf(text);
    expect(errors.length).toBeGreaterThan(0);
    expect(JSON.stringify(errors)).not.toContain('hunter2');
  });
});

describe('keyText', () => {
  it('writes a path as people do', () => {
    expect(keyText(['accounts', 0, 'binds', 1, 'windowMax'])).toBe(
      'accounts[0].binds[1].windowMax',
    );
    expect(keyText([])).toBe('');
  });
});
