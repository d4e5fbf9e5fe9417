import { serviceTable } from './service-table.ts';

/**
 * Collects what one transaction changes. Deletions are written before additions, so that an element can be replaced;
 * objects are made before what refers to them and go after it.
 */
export class RuleChange {
  readonly #created: string[] = [];
  readonly #deletions = new Map<string, string[]>();
  readonly #additions = new Map<string, string[]>();
  readonly #removed: string[] = [];

  /** Objects that elements refer to: `add chain ...` and the like, each on a line. */
  create(lines: readonly string[]): void {
    this.#created.push(...lines);
  }

  deleteElement(map: string, key: string): void {
    append(this.#deletions, map, key);
  }

  addElement(map: string, element: string): void {
    append(this.#additions, map, element);
  }

  /** Objects that nothing refers to once the elements have changed. */
  remove(lines: readonly string[]): void {
    this.#removed.push(...lines);
  }

  get text(): string {
    const write = (verb: string, elements: ReadonlyMap<string, string[]>): string[] =>
      [...elements].map(([map, list]) => `${verb} element ip ${serviceTable} ${map} { ${list.join(', ')} }`);
    const lines = [
      ...this.#created,
      ...write('delete', this.#deletions),
      ...write('add', this.#additions),
      ...this.#removed,
    ];
    return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
  }
}

function append(elements: Map<string, string[]>, map: string, element: string): void {
  const list = elements.get(map);
  if (list === undefined) elements.set(map, [element]);
  else list.push(element);
}
