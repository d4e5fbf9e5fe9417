/**
 * A set of paths into an object, as a tree. Its wire form is `fieldsV1`: `f:name` is a field, `k:{...}` an item of a list
 * by its keys, `v:value` a value of a set; `.` says that the node itself belongs to the set, and not only what is below.
 * @see meta/v1 FieldsV1
 */
export class FieldSet {
  readonly #nodes: Map<string, FieldNode>;

  /** Takes `nodes` over. */
  constructor(nodes: Map<string, FieldNode> = new Map()) {
    this.#nodes = nodes;
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

  insert(path: readonly string[], from = 0): void {
    const element = path[from];
    if (element === undefined) return;
    const last = from + 1 === path.length;
    const node = this.#nodes.get(element);
    // Empty sets are shared, and so are never inserted into.
    const below = node === undefined || node.below.isEmpty ? (last ? none : new FieldSet()) : node.below;
    if (!last) below.insert(path, from + 1);
    this.#nodes.set(element, { member: last || node?.member === true, below });
  }

  has(path: readonly string[]): boolean {
    const [element, ...rest] = path;
    const node = element === undefined ? undefined : this.#nodes.get(element);
    if (node === undefined) return false;
    return rest.length === 0 ? node.member : node.below.has(rest);
  }

  union(other: FieldSet): FieldSet {
    if (other.isEmpty || other === this) return this;
    if (this.isEmpty) return other;
    const result = new Map(this.#nodes);
    for (const [element, right] of other.#nodes) {
      const left = this.#nodes.get(element);
      if (left === undefined) result.set(element, right);
      else result.set(element, { member: left.member || right.member, below: left.below.union(right.below) });
    }
    return new FieldSet(result);
  }

  /** Costs what is in all of them together. */
  static unionOf(sets: readonly FieldSet[]): FieldSet {
    const [only] = sets;
    if (sets.length < 2) return only ?? none;
    const parts = new Map<string, FieldNode[]>();
    for (const set of sets)
      for (const [element, node] of set.#nodes) {
        const known = parts.get(element);
        if (known === undefined) parts.set(element, [node]);
        else known.push(node);
      }
    const nodes = new Map<string, FieldNode>();
    for (const [element, found] of parts) {
      const belows = found.map(({ below }) => below).filter((below) => !below.isEmpty);
      nodes.set(element, { member: found.some(({ member }) => member), below: FieldSet.unionOf(belows) });
    }
    return new FieldSet(nodes);
  }

  /** This set itself when nothing of it is in `other`. */
  difference(other: FieldSet): FieldSet {
    return this.#without(other, (node, excluded) => ({
      member: node.member && !excluded.member,
      below: node.below.difference(excluded.below),
    }));
  }

  intersection(other: FieldSet): FieldSet {
    if (this.isEmpty || other.isEmpty) return none;
    const result = new Map<string, FieldNode>();
    const few = other.#nodes.size > manyNodes && this.#nodes.size < other.#nodes.size ? this : other;
    for (const element of few.#nodes.keys()) {
      const left = this.#nodes.get(element);
      const right = other.#nodes.get(element);
      if (left === undefined || right === undefined) continue;
      const node = { member: left.member && right.member, below: left.below.intersection(right.below) };
      if (node.member || !node.below.isEmpty) result.set(element, node);
    }
    return result.size === 0 ? none : new FieldSet(result);
  }

  /** Without the paths of `other` and all that is below them. */
  recursiveDifference(other: FieldSet): FieldSet {
    return this.#without(other, (node, excluded) => ({
      member: node.member && !excluded.member,
      below: excluded.member ? none : node.below.recursiveDifference(excluded.below),
    }));
  }

  #without(other: FieldSet, left: (node: FieldNode, excluded: FieldNode) => FieldNode): FieldSet {
    let result: Map<string, FieldNode> | undefined;
    const few = this.#nodes.size < other.#nodes.size ? this : other;
    for (const element of few.#nodes.keys()) {
      const node = this.#nodes.get(element);
      const excluded = other.#nodes.get(element);
      if (node === undefined || excluded === undefined) continue;
      const kept = left(node, excluded);
      if (kept.member === node.member && kept.below === node.below) continue;
      result ??= new Map(this.#nodes);
      if (kept.member || !kept.below.isEmpty) result.set(element, kept);
      else result.delete(element);
    }
    return result === undefined ? this : new FieldSet(result);
  }

  equals(other: FieldSet): boolean {
    if (other === this) return true;
    if (this.#nodes.size !== other.#nodes.size) return false;
    for (const [element, node] of this.#nodes) {
      const its = other.#nodes.get(element);
      if (its === undefined || its.member !== node.member || !its.below.equals(node.below)) return false;
    }
    return true;
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
      if (node.below.isEmpty) {
        fields[element] = {};
        continue;
      }
      const below = node.below.toFieldsV1();
      fields[element] = node.member ? { '.': {}, ...below } : below;
    }
    return fields;
  }

  static fromFieldsV1(fields: unknown): FieldSet {
    if (typeof fields !== 'object' || fields === null) return none;
    const nodes = new Map<string, FieldNode>();
    for (const [element, value] of Object.entries(fields)) {
      if (element === '.') continue;
      const below = FieldSet.fromFieldsV1(value);
      const member = typeof value === 'object' && value !== null && (below.isEmpty || '.' in value);
      nodes.set(element, member && below === none ? leaf : { member, below });
    }
    return nodes.size === 0 ? none : new FieldSet(nodes);
  }
}

export interface FieldNode {
  readonly member: boolean;
  readonly below: FieldSet;
}

/** From here on the smaller of two sets is walked, and not the one whose order is told. */
const manyNodes = 1_000;

/** Never inserted into. */
const none: FieldSet = new FieldSet();
const leaf: FieldNode = { member: true, below: none };
const nothing: FieldNode = { member: false, below: none };

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
