import { describe, expect, it } from 'vitest';
import { compileNetworks, sharedPrefixes } from '../../src/domain/networks.ts';

describe('compileNetworks', () => {
  const networks = compileNetworks([
    ['420', { prefixes: ['966'] }],
    ['42001', { operator: 'stc', prefixes: ['96650', '96653'] }],
  ]);

  it('takes the longest prefix of a number, else the MCC of its country', () => {
    expect(networks.networkOf('966501234567')).toBe('42001');
    expect(networks.networkOf('966541234567')).toBe('420');
    expect(networks.networkOf('923001234567')).toBe('410');
    expect(networks.networkOf('99912345678')).toBeUndefined();
    expect(['966541234567', '923001234567'].map((number) => networks.hasPrefixOf(number))).toEqual([
      true,
      false,
    ]);
  });

  it('knows what an operator is called where the resources say so', () => {
    expect(networks.operatorOf('42001')).toBe('stc');
    expect(networks.operatorOf('420')).toBeUndefined();
  });
});

describe('sharedPrefixes', () => {
  it('names both networks of a prefix', () => {
    const two = [
      ['42001', { prefixes: ['96650'] }],
      ['42003', { prefixes: ['96654', '96650'] }],
    ] as const;
    expect(
      sharedPrefixes(two.map(([code, spec]) => [code, { prefixes: [...spec.prefixes] }])),
    ).toEqual([{ network: '42003', first: '42001', index: 1 }]);
  });
});
