/**
 * A set of paths into an object, as a tree. Its wire form is `fieldsV1`: `f:name` is a field, `k:{...}` an item of a list
 * by its keys, `v:value` a value of a set; `.` says that the node itself belongs to the set, and not only what is below.
 * @see meta/v1 FieldsV1
 */
export class FieldSet {
  readonly #nodes: Map<string, FieldNode>;

  constructor(nodes: ReadonlyMap<string, FieldNode> = new Map()) {
    this.#nodes = new Map(nodes);
  }

  get isEmpty(): boolean {
    return this.#nodes.size === 0;
  }

  entries(): IterableIterator<[string, FieldNode]> {
    return this.#nodes.entries();
  }

  get(element: string): FieldNode | undefined {
    return this.#nodes.get(element);
  }

  insert(path: readonly string[]): void {
    const [element, ...rest] = path;
    if (element === undefined) return;
    const node = this.#nodes.get(element) ?? { member: false, below: new FieldSet() };
    const below = node.below;
    below.insert(rest);
    this.#nodes.set(element, { member: node.member || rest.length === 0, below });
  }

  has(path: readonly string[]): boolean {
    const [element, ...rest] = path;
    const node = element === undefined ? undefined : this.#nodes.get(element);
    if (node === undefined) return false;
    return rest.length === 0 ? node.member : node.below.has(rest);
  }

  union(other: FieldSet): FieldSet {
    return this.#combine(other, (left, right) => left || right);
  }

  difference(other: FieldSet): FieldSet {
    return this.#combine(other, (left, right) => left && !right);
  }

  intersection(other: FieldSet): FieldSet {
    return this.#combine(other, (left, right) => left && right);
  }

  /** Without the paths of `other` and all that is below them. */
  recursiveDifference(other: FieldSet): FieldSet {
    const result = new Map<string, FieldNode>();
    for (const [element, node] of this.#nodes) {
      const excluded = other.get(element);
      if (excluded?.member === true) continue;
      const below = excluded === undefined ? node.below : node.below.recursiveDifference(excluded.below);
      if (node.member || !below.isEmpty) result.set(element, { member: node.member, below });
    }
    return new FieldSet(result);
  }

  #combine(other: FieldSet, keep: (left: boolean, right: boolean) => boolean): FieldSet {
    const result = new Map<string, FieldNode>();
    for (const element of new Set([...this.#nodes.keys(), ...other.#nodes.keys()])) {
      const left = this.#nodes.get(element) ?? nothing;
      const right = other.#nodes.get(element) ?? nothing;
      const member = keep(left.member, right.member);
      const below = left.below.#combine(right.below, keep);
      if (member || !below.isEmpty) result.set(element, { member, below });
    }
    return new FieldSet(result);
  }

  /** Fields above a member become members: who owns what is inside has a say in whether it is there. */
  withParents(): FieldSet {
    const result = new Map<string, FieldNode>();
    for (const [element, node] of this.#nodes)
      result.set(element, {
        member: node.member || (element.startsWith('f:') && !node.below.isEmpty),
        below: node.below.withParents(),
      });
    return new FieldSet(result);
  }

  /** Every member, in the order of the tree. */
  *paths(prefix: readonly string[] = []): Generator<readonly string[]> {
    for (const [element, node] of this.#nodes) {
      const path = [...prefix, element];
      if (node.member) yield path;
      yield* node.below.paths(path);
    }
  }

  toFieldsV1(): Record<string, unknown> {
    const fields: Record<string, unknown> = {};
    for (const element of [...this.#nodes.keys()].sort()) {
      const node = this.#nodes.get(element) ?? nothing;
      const below = node.below.toFieldsV1();
      fields[element] = node.member && !node.below.isEmpty ? { '.': {}, ...below } : below;
    }
    return fields;
  }

  static fromFieldsV1(fields: unknown): FieldSet {
    const nodes = new Map<string, FieldNode>();
    if (typeof fields !== 'object' || fields === null) return new FieldSet();
    for (const [element, value] of Object.entries(fields)) {
      if (element === '.') continue;
      const isLeaf = typeof value === 'object' && value !== null && Object.keys(value).length === 0;
      const member = isLeaf || (typeof value === 'object' && value !== null && '.' in value);
      nodes.set(element, { member, below: FieldSet.fromFieldsV1(value) });
    }
    return new FieldSet(nodes);
  }
}

export interface FieldNode {
  readonly member: boolean;
  readonly below: FieldSet;
}

const nothing: FieldNode = { member: false, below: new FieldSet() };

/** A path as conflicts show it: `.spec.containers[name="c"].image`. */
export function showPath(path: readonly string[]): string {
  return path.map(showElement).join('');
}

function showElement(element: string): string {
  const body = element.slice(2);
  if (element.startsWith('f:')) return `.${body}`;
  if (element.startsWith('v:')) return `[=${body}]`;
  if (element.startsWith('i:')) return `[${body}]`;
  const keys: unknown = JSON.parse(body);
  const entries = Object.entries(keys ?? {}).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  return `[${entries.join(',')}]`;
}
