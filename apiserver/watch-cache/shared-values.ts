/**
 * What is the same in many cached objects is kept once. 150,000 pods have a few hundred sets of labels among them and a
 * few thousand values of selectable fields; kept one by one they would be half of what the cache needs beside the bytes.
 */
const rememberedStrings = 50_000;
const rememberedLabels = 20_000;

const none: ReadonlyMap<string, string> = new Map();

/** Values of selectable fields. */
export interface FieldValues {
  get(field: string): string | undefined;
}

/** The names of a kind's selectable fields, shared by all its objects, and the values of one. */
export class SelectableFields implements FieldValues {
  readonly #places: ReadonlyMap<string, number>;
  readonly #values: readonly string[];

  /** `places` says where in `values` a field's value stands. */
  constructor(places: ReadonlyMap<string, number>, values: readonly string[]) {
    this.#places = places;
    this.#values = values;
  }

  get(field: string): string | undefined {
    const place = this.#places.get(field);
    return place === undefined ? undefined : this.#values[place];
  }

  with(changed: Readonly<Record<string, string>>, shared: SharedValues): SelectableFields {
    const values = [...this.#values];
    for (const [field, value] of Object.entries(changed)) {
      const place = this.#places.get(field);
      if (place !== undefined) values[place] = shared.string(value);
    }
    return new SelectableFields(this.#places, values);
  }
}

/** `values` but for those of the fields that changed; what is not selectable is left out. */
export function withFields(
  values: FieldValues,
  changed: Readonly<Record<string, string>>,
  shared: SharedValues,
): FieldValues {
  if (values instanceof SelectableFields) return values.with(changed, shared);
  return {
    get: (field) => (values.get(field) === undefined ? undefined : (changed[field] ?? values.get(field))),
  };
}

export class SharedValues {
  readonly #strings = new Map<string, string>();
  readonly #labels = new Map<string, ReadonlyMap<string, string>>();

  /** The first string that was equal to `text`. */
  string(text: string): string {
    const known = this.#strings.get(text);
    if (known !== undefined) return known;
    if (this.#strings.size >= rememberedStrings) this.#strings.clear();
    this.#strings.set(text, text);
    return text;
  }

  labels(labels: Readonly<Record<string, string>> | undefined): ReadonlyMap<string, string> {
    if (labels === undefined) return none;
    const id = JSON.stringify(labels);
    const known = this.#labels.get(id);
    if (known !== undefined) return known;
    const created = new Map(
      Object.entries(labels).map(([key, value]) => [this.string(key), this.string(value)]),
    );
    if (this.#labels.size >= rememberedLabels) this.#labels.clear();
    this.#labels.set(id, created);
    return created;
  }
}
