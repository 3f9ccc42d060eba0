import { CODES_MAX } from './alphabets.ts';

/*
 * A tree of letters as one table, four integers a node: bits of the codes below 32 that go on from it, bits of those
 * from 32 on, its first child, and what stands at it. Children are neighbours in the order of their codes, so that a letter
 * that does not go on costs one look at a node that is at hand, and none a hash.
 */

/** Integers of a node. */
export const NODE_INTS = 4;
const HIGH_BITS = 1;
const CHILD = 2;
const VALUE = 3;
const BITS = 32;

/** The node that a code leads to; 0: none. */
export function childOf(nodes: Int32Array, node: number, code: number): number {
  const at = node * NODE_INTS;
  const low = nodes[at] ?? 0;
  if (code < BITS) {
    const bit = 1 << code;
    return (low & bit) === 0 ? 0 : (nodes[at + CHILD] ?? 0) + bitsOf(low & (bit - 1));
  }
  const high = nodes[at + HIGH_BITS] ?? 0;
  const bit = 1 << code; // by 32 less: shifts are modulo 32
  if ((high & bit) === 0) return 0;
  return (nodes[at + CHILD] ?? 0) + bitsOf(low) + bitsOf(high & (bit - 1));
}

/** What stands at a node. */
export function valueAt(nodes: Int32Array, node: number): number {
  return nodes[node * NODE_INTS + VALUE] ?? 0;
}

/** Bits that are set (Warren, Hacker's Delight, 5-1). */
function bitsOf(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555);
  const fours = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** What a tree is made from: nodes from 1 to `count`, in whatever order. */
export interface LooseTree {
  readonly count: number;
  /** Pairs of `node * CODES_MAX + code` and the node that it leads to; 0: no edge stands there. */
  readonly edges: Int32Array;
  childOf(node: number, code: number): number;
  /** By node. */
  readonly values: Int32Array;
}

/** A tree as a table, and its new nodes by the old ones. */
export interface PackedTree {
  readonly nodes: Int32Array;
  readonly numbers: Int32Array;
}

/** Numbers the nodes anew, level by level, those without a parent first; node 0 leads nowhere. */
export function packTree({ count, edges, childOf, values }: LooseTree): PackedTree {
  const old = looseNodes(count, edges);
  const numbers = new Int32Array(count + 1);
  const order = new Int32Array(count + 1);
  let made = 0;
  const number = (node: number) => {
    made += 1;
    order[made] = node;
    numbers[node] = made;
  };
  for (let node = 1; node <= count; node++) if (old.isChild[node] === 0) number(node);
  const nodes = new Int32Array((count + 1) * NODE_INTS);
  for (let at = 1; at <= made; at++) {
    const node = order[at] ?? 0;
    const low = old.bits[node * 2] ?? 0;
    const high = old.bits[node * 2 + 1] ?? 0;
    nodes.set([low, high, made + 1, values[node] ?? 0], at * NODE_INTS);
    for (let code = 0; code < CODES_MAX; code++)
      if (((code < BITS ? low : high) & (1 << code)) !== 0) number(childOf(node, code));
  }
  return { nodes, numbers };
}

/** Of each node the codes that go on from it, as bits, and whether any leads to it. */
function looseNodes(count: number, edges: Int32Array) {
  const bits = new Int32Array((count + 1) * 2);
  const isChild = new Uint8Array(count + 1);
  for (let at = 0; at < edges.length; at += 2) {
    const key = edges[at] ?? 0;
    if (key === 0) continue;
    const code = key % CODES_MAX;
    const word = Math.floor(key / CODES_MAX) * 2 + (code < BITS ? 0 : 1);
    bits[word] = (bits[word] ?? 0) | (1 << code);
    isChild[edges[at + 1] ?? 0] = 1;
  }
  return { bits, isChild };
}
