import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CODES_MAX } from '../../../src/domain/words/alphabets.ts';
import { childOf, packTree, valueAt } from '../../../src/domain/words/word-tree.ts';

/** Words as codes, put into nodes numbered as they come. */
function looseTree(words: readonly (readonly number[])[]) {
  const edges = new Map<number, number>();
  let count = 1;
  for (const word of words) {
    let node = 1;
    for (const code of word) {
      const key = node * CODES_MAX + code;
      if (!edges.has(key)) edges.set(key, ++count);
      node = edges.get(key) ?? 0;
    }
  }
  const values = Int32Array.from({ length: count + 1 }, (_, node) => node * 7);
  // Free places stand between, as in a table of open addressing.
  const table = Int32Array.from([...edges].flatMap(([key, to]) => [key, to, 0, 0]));
  return {
    count,
    edges: table,
    values,
    childOf: (node: number, code: number) => edges.get(node * CODES_MAX + code) ?? 0,
  };
}

describe('packTree', () => {
  it('leads where the loose tree does, for every code, and keeps what stands at each node', () => {
    const word = fc.array(fc.integer({ min: 1, max: CODES_MAX - 1 }), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(fc.array(word, { maxLength: 60 }), (words) => {
        const loose = looseTree(words);
        const { nodes, numbers } = packTree(loose);
        for (let node = 1; node <= loose.count; node++) {
          const packed = numbers[node] ?? 0;
          expect(valueAt(nodes, packed)).toBe(node * 7);
          for (let code = 1; code < CODES_MAX; code++)
            expect(childOf(nodes, packed, code)).toBe(numbers[loose.childOf(node, code)] ?? 0);
        }
      }),
      { numRuns: 30 },
    );
  });
});
