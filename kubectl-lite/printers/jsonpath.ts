import { usageError } from '../cli-error.ts';

/**
 * kubectl's JSONPath templates: text, `{.a.b[0]}`, `{..name}`, `{[*]}`, `{[?(@.type=="Ready")]}`, `{range .items[*]}...{end}`,
 * `{"\n"}`, lists of keys (`['a','b']`) and slices.
 * @see https://kubernetes.io/docs/reference/kubectl/jsonpath/
 */
export function evaluateTemplate(template: string, root: unknown): string {
  const source = template.startsWith("'") && template.endsWith("'") ? template.slice(1, -1) : template;
  const nodes = new TemplateParser(source.includes('{') ? source : `{${source}}`).nodes();
  return render(nodes, root, root);
}

/** The values that a path selects, e.g. `.metadata.name`. */
export function evaluatePath(path: string, root: unknown): unknown[] {
  const inner = path.replace(/^\{|\}$/g, '');
  return select(
    parsePath(inner.startsWith('.') || inner.startsWith('[') || inner.startsWith('$') ? inner : `.${inner}`),
    root,
    root,
  );
}

type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'path'; readonly steps: readonly Step[] }
  | { readonly kind: 'range'; readonly steps: readonly Step[]; readonly body: readonly Node[] };

type Step =
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'fields'; readonly names: readonly string[] }
  | { readonly kind: 'wildcard' }
  | { readonly kind: 'deep' }
  | {
      readonly kind: 'slice';
      readonly from: number | undefined;
      readonly to: number | undefined;
      readonly step: number;
    }
  | { readonly kind: 'index'; readonly indexes: readonly number[] }
  | {
      readonly kind: 'filter';
      readonly left: readonly Step[];
      readonly operator: string;
      readonly right: string;
    }
  | { readonly kind: 'root' };

class TemplateParser {
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  nodes(inRange = false): Node[] {
    const nodes: Node[] = [];
    while (this.#at < this.#source.length) {
      const open = this.#source.indexOf('{', this.#at);
      const text = this.#source.slice(this.#at, open < 0 ? undefined : open);
      if (text !== '') nodes.push({ kind: 'text', text: withoutEscapes(text) });
      if (open < 0) {
        this.#at = this.#source.length;
        break;
      }
      const action = this.#action(open);
      if (action === 'end') {
        if (!inRange) throw usageError('error parsing jsonpath: not in range, nothing to end');
        return nodes;
      }
      nodes.push(...this.#toNodes(action));
    }
    if (inRange) throw usageError('error parsing jsonpath: unterminated range');
    return nodes;
  }

  #action(open: number): string {
    let quote = '';
    for (let i = open + 1; i < this.#source.length; i += 1) {
      const letter = this.#source[i] ?? '';
      if (quote !== '') {
        if (letter === '\\') i += 1;
        else if (letter === quote) quote = '';
      } else if (letter === '"' || letter === "'") quote = letter;
      else if (letter === '}') {
        this.#at = i + 1;
        return this.#source.slice(open + 1, i).trim();
      }
    }
    throw usageError(`error parsing jsonpath ${this.#source}: unclosed action`);
  }

  #toNodes(action: string): Node[] {
    if (/^range[\s.[@$]/.test(action)) {
      const steps = parsePath(action.slice(5).trim());
      return [{ kind: 'range', steps, body: this.nodes(true) }];
    }
    if (/^["']/.test(action)) return [{ kind: 'text', text: withoutEscapes(action.slice(1, -1)) }];
    return [{ kind: 'path', steps: parsePath(action) }];
  }
}

function withoutEscapes(text: string): string {
  const letters: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' };
  return text.replace(/\\(.)/g, (_, letter: string) => letters[letter] ?? letter);
}

/** A key, in which a backslash takes the meaning from a dot. */
const fieldPattern = /^\.?((?:\\.|[\w$-])+)/;

function parsePath(path: string): Step[] {
  const steps: Step[] = [];
  let rest = path;
  while (rest !== '') {
    const field = fieldPattern.exec(rest);
    if (rest.startsWith('..')) {
      steps.push({ kind: 'deep' });
      rest = rest.slice(rest[2] === '[' ? 2 : 1);
    } else if (rest.startsWith('$')) {
      steps.push({ kind: 'root' });
      rest = rest.slice(1);
    } else if (rest.startsWith('@')) rest = rest.slice(1);
    else if (rest.startsWith('.*')) {
      steps.push({ kind: 'wildcard' });
      rest = rest.slice(2);
    } else if (rest.startsWith('[')) {
      const end = closing(rest);
      steps.push(toSubscript(rest.slice(1, end)));
      rest = rest.slice(end + 1);
    } else if (field !== null) {
      steps.push({ kind: 'field', name: (field[1] ?? '').replace(/\\(.)/g, '$1') });
      rest = rest.slice(field[0].length);
    } else if (rest === '.') rest = '';
    else throw usageError(`error parsing jsonpath {${path}}: unrecognized character in action: ${rest[0]}`);
  }
  return steps;
}

function closing(text: string): number {
  let depth = 0;
  for (let i = 0; i < text.length; i += 1) {
    if (text[i] === '[') depth += 1;
    if (text[i] === ']') depth -= 1;
    if (depth === 0) return i;
  }
  throw usageError(`error parsing jsonpath: unterminated array in ${text}`);
}

function toSubscript(inner: string): Step {
  if (inner === '*') return { kind: 'wildcard' };
  const filter = /^\?\(\s*(.+?)\s*(?:(==|!=|<=|>=|<|>)\s*(.+?))?\s*\)$/.exec(inner);
  if (filter !== null) {
    const [, left = '', operator = '', right = ''] = filter;
    return { kind: 'filter', left: parsePath(left), operator, right };
  }
  if (/^['"]/.test(inner))
    return {
      kind: 'fields',
      names: inner.split(',').map((name) => name.trim().slice(1, -1).replace(/\\(.)/g, '$1')),
    };
  if (/^-?\d+(,-?\d+)*$/.test(inner)) return { kind: 'index', indexes: inner.split(',').map(Number) };
  const slice = /^(-?\d*):(-?\d*)(?::(\d+))?$/.exec(inner);
  if (slice === null) throw usageError(`error parsing jsonpath: invalid array index ${inner}`);
  const number = (text: string | undefined): number | undefined =>
    text === undefined || text === '' ? undefined : Number(text);
  return { kind: 'slice', from: number(slice[1]), to: number(slice[2]), step: number(slice[3]) ?? 1 };
}

function render(nodes: readonly Node[], value: unknown, root: unknown): string {
  return nodes
    .map((node) => {
      if (node.kind === 'text') return node.text;
      if (node.kind === 'path') return select(node.steps, value, root).map(toText).join(' ');
      return select(node.steps, value, root)
        .map((item) => render(node.body, item, root))
        .join('');
    })
    .join('');
}

function toText(value: unknown): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function select(steps: readonly Step[], value: unknown, root: unknown): unknown[] {
  let values: unknown[] = [value];
  for (const step of steps) values = values.flatMap((current) => take(step, current, root));
  return values;
}

function take(step: Step, value: unknown, root: unknown): unknown[] {
  switch (step.kind) {
    case 'root':
      return [root];
    case 'field':
      return fieldOf(value, step.name);
    case 'fields':
      return step.names.flatMap((name) => fieldOf(value, name));
    case 'wildcard':
      return childrenOf(value);
    case 'deep':
      return [value, ...childrenOf(value).flatMap((child) => take(step, child, root))];
    case 'index':
      return Array.isArray(value)
        ? step.indexes.flatMap((index) => (value.at(index) === undefined ? [] : [value.at(index)]))
        : [];
    case 'slice':
      return Array.isArray(value)
        ? value.slice(step.from, step.to).filter((_, i) => i % step.step === 0)
        : [];
    case 'filter':
      return childrenOf(value).filter((child) => holds(step, child, root));
  }
}

function fieldOf(value: unknown, name: string): unknown[] {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return [];
  return [Reflect.get(value, name)];
}

function childrenOf(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  return typeof value === 'object' && value !== null ? Object.values(value) : [];
}

function holds(filter: Step & { kind: 'filter' }, value: unknown, root: unknown): boolean {
  const found = select(filter.left, value, root);
  if (filter.operator === '') return found.length > 0;
  const [left] = found;
  const right = /^["']/.test(filter.right) ? filter.right.slice(1, -1) : JSON.parse(filter.right);
  if (filter.operator === '==') return left === right;
  if (filter.operator === '!=') return left !== right;
  const [a, b] = [Number(left), Number(right)];
  const order: Readonly<Record<string, boolean>> = { '<': a < b, '<=': a <= b, '>': a > b, '>=': a >= b };
  return order[filter.operator] ?? false;
}
