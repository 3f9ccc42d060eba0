import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type Scalar,
  type YAMLMap,
} from 'yaml';

/** Where a value stands: keys of maps and indexes of lists. */
export type DataPath = readonly (string | number)[];

/** What is wrong with a file. `key` is the path in words: `accounts[0].binds[0].windowMax`, "" for the whole file. */
export interface FileError {
  readonly line: number;
  readonly key: string;
  readonly message: string;
}

/** A YAML (or JSON, its subset) document as plain data. */
export interface YamlDocument {
  readonly value: unknown;
  /** The line, from 1, of the value at a path, or of the nearest thing around it that exists. */
  lineOf(path: DataPath): number;
}

/** Nodes that aliases may add to a file: 10,000 accounts that share all they can add some 200,000; half a second. */
const UNFOLDED_MAX = 500_000;

/**
 * Reads one document. Refused, each with its line: bad syntax, duplicate keys, unknown tags, several documents,
 * aliases that unfold to too much or to themselves. No message repeats a value of the file: it may be a secret.
 * @param keepsSource paths at which a number is wanted as it was written: "0.10" and not 0.1
 */
export function readYaml(
  text: string,
  keepsSource: (path: DataPath) => boolean,
): YamlDocument | { readonly errors: readonly FileError[] } {
  const lines = new LineCounter();
  // uniqueKeys: the parser compares each key with each other; the reader below does it in one pass.
  const options = {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: false,
    schema: 'core',
    logLevel: 'error',
  } as const;
  let document: ReturnType<typeof parseDocument>;
  try {
    document = parseDocument(text, options);
  } catch (error) {
    if (error instanceof RangeError)
      return { errors: [{ line: 1, key: '', message: 'is nested too deeply' }] };
    throw error;
  }
  const faults = [...document.errors, ...document.warnings];
  if (faults.length > 0) {
    return {
      errors: faults.map(({ code, pos }) => ({
        line: lines.linePos(pos[0]).line,
        key: '',
        message: syntaxMessage(code),
      })),
    };
  }
  const reader = new NodeReader(keepsSource, (node) => lineOfNode(node, lines));
  const value = reader.read(document.contents);
  if (reader.errors.length > 0) return { errors: reader.errors };
  return {
    value,
    lineOf: (path) => lineOfNode(locate(document.contents, path, reader.anchors), lines),
  };
}

/** A path in words. */
export function keyText(path: DataPath): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else text += `${text === '' ? '' : '.'}${part === '' ? '""' : part}`;
  }
  return text;
}

/** Turns nodes into plain data, remembering anchors on the way. */
class NodeReader {
  readonly anchors = new Map<string, Node>();
  readonly errors: FileError[] = [];
  readonly #keepsSource: (path: DataPath) => boolean;
  readonly #lineOf: (node: Node) => number;
  readonly #path: (string | number)[] = [];
  #unfolding = 0;
  #unfolded = 0;

  constructor(keepsSource: (path: DataPath) => boolean, lineOf: (node: Node) => number) {
    this.#keepsSource = keepsSource;
    this.#lineOf = lineOf;
  }

  read(node: unknown): unknown {
    if (isAlias(node)) return this.#alias(node.source, node);
    const value = this.#plain(node);
    // Only now: an alias inside its own anchor finds nothing and is refused.
    const anchor = isScalar(node) || isMap(node) || isSeq(node) ? node.anchor : undefined;
    if (anchor !== undefined) this.anchors.set(anchor, node as Node);
    return value;
  }

  #plain(node: unknown): unknown {
    if (this.#unfolding > 0) this.#unfolded += 1;
    if (isMap(node)) return this.#map(node);
    if (isSeq(node)) {
      return node.items.map((item, index) => this.#at(index, item));
    }
    if (!isScalar(node)) return null;
    return typeof node.value === 'number' && this.#keepsSource(this.#path)
      ? sourceOf(node)
      : node.value;
  }

  #map(node: YAMLMap): Record<string, unknown> {
    const entries = new Map<string, unknown>();
    for (const pair of node.items) {
      const keyNode = pair.key;
      if (!isScalar(keyNode) || keyNode.value === null) {
        this.#refuse(isNodeLike(keyNode) ? keyNode : node, 'has a key that is not plain text');
        continue;
      }
      const key = sourceOf(keyNode);
      if (entries.has(key) || key === '__proto__') {
        this.#path.push(key);
        this.#refuse(keyNode, entries.has(key) ? 'stands twice' : 'is not a known key');
        this.#path.pop();
      }
      entries.set(key, this.#at(key, pair.value));
    }
    return Object.fromEntries(entries);
  }

  #at(key: string | number, node: unknown): unknown {
    this.#path.push(key);
    const value = this.read(node);
    this.#path.pop();
    return value;
  }

  #alias(name: string, node: Node): unknown {
    const target = this.anchors.get(name);
    if (target === undefined) return this.#refuse(node, 'is an alias without an anchor before it');
    if (this.#unfolded > UNFOLDED_MAX)
      return this.#refuse(node, 'unfolds to too much: use fewer aliases');
    this.#unfolding += 1;
    const value = this.#plain(target);
    this.#unfolding -= 1;
    return value;
  }

  #refuse(node: Node, message: string): undefined {
    // One message a file is enough for an alias bomb, which would repeat it a million times.
    if (this.errors.at(-1)?.message !== message) {
      this.errors.push({ line: this.#lineOf(node), key: keyText(this.#path), message });
    }
    return undefined;
  }
}

/** A scalar as it was written, without quotes: 007 stays 007. */
function sourceOf(scalar: Scalar): string {
  return typeof scalar.value === 'string' ? scalar.value : (scalar.source ?? String(scalar.value));
}

function isNodeLike(value: unknown): value is Node {
  return isMap(value) || isSeq(value) || isScalar(value) || isAlias(value);
}

function locate(root: unknown, path: DataPath, anchors: ReadonlyMap<string, Node>): unknown {
  let at = root;
  let node = resolved(root, anchors);
  for (const part of path) {
    const inner = childOf(node, part);
    if (inner === undefined) return at;
    // Of a map's entry the key is meant: that is the line where its reader looks.
    at = inner.at;
    node = resolved(inner.value, anchors);
  }
  return at;
}

function childOf(
  node: unknown,
  part: string | number,
): { readonly at: unknown; readonly value: unknown } | undefined {
  if (isSeq(node) && typeof part === 'number') {
    const item = node.items[part];
    return item === undefined ? undefined : { at: item, value: item };
  }
  if (!isMap(node)) return undefined;
  const pair = node.items.find((each) => isScalar(each.key) && sourceOf(each.key) === String(part));
  return pair === undefined ? undefined : { at: pair.key, value: pair.value };
}

function resolved(node: unknown, anchors: ReadonlyMap<string, Node>): unknown {
  return isAlias(node) ? anchors.get(node.source) : node;
}

function lineOfNode(node: unknown, lines: LineCounter): number {
  const offset = isNodeLike(node) ? node.range?.[0] : undefined;
  return offset === undefined ? 1 : lines.linePos(offset).line;
}

/** Our own words for the parser's codes: its own quote the file. */
function syntaxMessage(code: string): string {
  switch (code) {
    case 'MULTIPLE_DOCS':
      return 'has several documents; one is allowed';
    case 'BAD_INDENT':
    case 'TAB_AS_INDENT':
      return 'is indented wrongly';
    case 'MISSING_CHAR':
      return 'has no closing quote, bracket or separator';
    case 'BAD_SCALAR_START':
      return 'has a value that needs quotes';
    case 'BLOCK_AS_IMPLICIT_KEY':
      return 'has a second ": " in one line; put the value in quotes';
    case 'RESOURCE_EXHAUSTION':
      return 'is nested too deeply';
    case 'TAG_RESOLVE_FAILED':
      return 'has a tag ("!"), which is not supported';
    default:
      return `is not valid YAML (${code})`;
  }
}
